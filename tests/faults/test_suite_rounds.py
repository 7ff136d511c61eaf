"""Rounds of the suite of faults that were played earlier are counted with, where that is asked for."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from tests.faults.suite.__main__ import ROUNDS, _before, main
from tests.faults.suite.checker import Findings
from tests.faults.suite.engine import Fault
from tests.faults.suite.run import Round


def kept_rounds(folder: Path) -> list[Round]:
    findings = Findings(wrong=["outcomes: 1 missing: a"], lost={"a"})
    findings.seen["outcomes"] = 7
    faults = (Fault("redis-killed", "processes", 1.0, 1.0, 2.5), Fault("poison", "messages", 5.0, 5.0, None))
    kept = [
        Round(datetime(2024, 1, 1, tzinfo=UTC), "abc", seed, 10.0, faults, 8, 60.0, findings, {"a": 0.5}, stopped=False)
        for seed in (1, 2)
    ]
    folder.mkdir(exist_ok=True)
    (folder / ROUNDS).write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in kept))
    return kept


def test_rounds_that_were_kept_come_back_as_they_were_or_are_forgotten(tmp_path: Path) -> None:
    kept = kept_rounds(tmp_path)
    assert _before(tmp_path, add=True) == kept
    assert _before(tmp_path, add=False) == []
    assert _before(tmp_path, add=True) == []


def test_runs_beside_each_other_are_one_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "other"):
        kept_rounds(tmp_path / name)
    words = [
        "--add",
        "--out",
        tmp_path / "one",
        "--beside",
        tmp_path / "other",
        "--minutes",
        "0",
        "--page",
        tmp_path / "page",
    ]
    monkeypatch.setattr("sys.argv", ["suite", *map(str, words)])
    assert main() == 1
    page = (tmp_path / "page").read_text()
    assert "8 faults" in page
    assert "**Lost: 4. Doubled: 0. Other differences: 4.**" in page
