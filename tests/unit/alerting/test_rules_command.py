"""`adrwatch rules` on a user's file, and what of it other commands obey."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from services import cli
from shared import settings

Run = Callable[..., tuple[object, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs `adrwatch rules` in an empty folder: its exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    settings.current.cache_clear()

    def call(*words: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["adrwatch", "rules", *words])
        code: object = 0
        try:
            cli.main()
        except SystemExit as left:
            code = left.code
        out, err = capsys.readouterr()
        return code or 0, out, err

    return call


def write(text: str) -> str:
    Path("mine.toml").write_text(text, encoding="utf-8")
    return "mine.toml"


def test_check_tells_what_differs_and_what_decides_about_nothing(run: Run) -> None:
    code, out, _ = run("check", write('preset = "mhra"\n[mhra]\nreports = 5\n[evans]\nprr = 3.0\n'))
    assert code == 0
    assert out.splitlines()[0].startswith("mine.toml is right: version 1, stamp 1-")
    assert out.splitlines()[1:] == [
        "preset mhra",
        "evans.prr: 3.0 (shipped: 2.0), but policy.rules does not name this rule",
        "mhra.reports: 5 (shipped: 3)",
        "policy.rules: mhra (shipped: evans, ror, ic025)",
    ]


def test_check_tells_machines_the_same(run: Run) -> None:
    code, out, _ = run("check", write("[policy]\nauthors = 2\n[llr]\np = 0.01\n"), "--json")
    found = json.loads(out)
    assert code == 0
    assert found["differences"] == {
        "llr.p": {"shipped": 0.05, "value": 0.01},
        "policy.authors": {"shipped": 3, "value": 2},
    }
    assert (found["idle"], found["preset"], found["version"]) == (["llr.p"], None, "1")


def test_check_of_a_file_without_changes_says_so(run: Run) -> None:
    assert "nothing differs from the shipped rules" in run("check", write("# nothing yet\n"))[1]


@pytest.mark.parametrize(
    ("text", "named", "fix"),
    [
        ("[policy]\nautors = 2\n", "policy.autors: there is no such rule", "perhaps policy.authors is meant"),
        ("[policy]\nauthors = 0\n", "policy.authors: Expected `int` >= 1", "the shipped value is 3"),
        ("[policy\n", "is not TOML", "mend that line"),
    ],
)
def test_check_names_what_is_wrong_and_exits_with_2(run: Run, text: str, named: str, fix: str) -> None:
    code, out, err = run("check", write(text))
    assert (code, out) == (2, "")
    assert named in err
    assert fix in err
    assert "Traceback" not in err


def test_show_obeys_the_file_of_the_settings(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADRWATCH_RULES_FILE", write("[policy]\nauthors = 2\n"))
    settings.current.cache_clear()
    code, out, _ = run("show", "--markdown")
    assert code == 0
    assert "Other than shipped: `policy.authors=2`." in out
    assert "| `policy.authors` | 2 |" in out
    settings.current.cache_clear()


def test_show_takes_a_preset_by_name(run: Run) -> None:
    code, out, _ = run("show", "--preset", "fda", "--json")
    assert code == 0
    assert json.loads(out)["policy"]["rules"]["value"] == ["eb05"]
    assert "Szarfman" in run("show", "--preset", "fda", "--markdown")[1]
    code, _, err = run("show", "--preset", "fad")
    assert code == 2
    assert "there is no preset 'fad'" in err
    assert "umc" in err
