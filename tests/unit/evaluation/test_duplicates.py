"""`adrwatch evaluate duplicates` on our own pairs, on a file of one's own, and on broken ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli import build
from services.evaluation.duplicates import OWN, read
from shared.errors import AdrwatchError


def run(*arguments: str) -> Result:
    return CliRunner().invoke(build(), ["evaluate", "duplicates", *arguments])


def test_near_duplicates_are_told_from_other_reports_in_both_halves() -> None:
    reports = json.loads(run("--json").output)
    assert [report["part"] for report in reports] == ["development", "held-out"]
    for report in reports:
        assert report["rule"]["precision"] >= 0.98
        assert report["rule"]["recall"] >= 0.95


def test_no_text_stands_in_both_halves() -> None:
    halves: dict[str, set[str]] = {}
    for group in read(OWN):
        halves.setdefault(group.part, set()).update(post for report in group.reports for post in report)
    assert not halves["development"] & halves["held-out"]


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "pairs.toml"
    for content in ("[[group]", '[[group]]\npart = "other"\nabout = ""\nreports = []', "group = 3"):
        path.write_text(content)
        with pytest.raises(AdrwatchError, match=r"pairs\.toml"):
            read(path)
    with pytest.raises(AdrwatchError, match="cannot be read"):
        read(tmp_path / "nothing.toml")
