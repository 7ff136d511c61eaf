"""A wrong command line is answered with one line that says what is wrong, and one that says where help is."""

from __future__ import annotations

import sys

import pytest

from services import cli


def answer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[object, str, str]:
    monkeypatch.setattr(sys, "argv", ["adrwatch", *words])
    with pytest.raises(SystemExit) as left:
        cli.main()
    out, err = capsys.readouterr()
    return left.value.code, out, err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["ingets"], "'ingets'"),
        (["ingest", "replay"], "'files'"),
        (["ingest", "replay", "a.csv", "--limit", "0"], "'--limit'"),
        (["ingest", "replay", "a.csv", "--format", "xml"], "'--format': 'xml' is not one of 'jsonl', 'csv', 'tsv'"),
        (["ingest", "replay", "a.csv", "--bogus"], "--bogus"),
        (["worker", "pipeline", "now"], "now"),
    ],
)
def test_a_wrong_command_line_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], named: str
) -> None:
    code, out, err = answer(monkeypatch, capsys, *words)
    wrong, fix = err.splitlines()
    assert (code, out) == (2, "")
    assert wrong.startswith("adrwatch: ")
    assert named in wrong
    assert fix.startswith("  fix: see `adrwatch")
    assert fix.endswith("--help`")


def test_a_group_without_a_command_shows_its_help(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = answer(monkeypatch, capsys, "ingest")
    assert "replay" in out
    assert (code, err) == (2, "")
