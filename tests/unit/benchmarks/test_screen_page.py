"""The benchmark of the screen, small: no decision depends on the order of the tests, and no page holds a post."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer import Exit

from tests.benchmarks import screen
from tests.benchmarks.run import SAMPLE


@pytest.fixture
def stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # The process of the tests keeps its cores.
    monkeypatch.setattr("os.sched_setaffinity", lambda process, cores: None)
    # Advertisements and other languages stand in its last weeks.
    file = tmp_path / "posts.jsonl"
    file.write_text("".join(SAMPLE.read_text().splitlines(keepends=True)[-400:]))
    return file


def test_the_page_tells_rates_and_that_the_screen_decides_as_plain_code_does(stream: Path, tmp_path: Path) -> None:
    out = tmp_path / "screen.md"
    screen.bench(stream, limit=None, rounds=1, out=out)
    page = out.read_text()
    assert "decides differently than the plain code: 0." in page
    rows = re.findall(r"^\| ([^|]+) \| ([\d,]+) \(", page, re.MULTILINE)
    assert len(rows) == 10
    assert all(int(rate.replace(",", "")) > 0 for _, rate in rows)
    assert not any(json.loads(line)["text"] in page for line in stream.read_text().splitlines())


def test_a_screen_that_decides_otherwise_fails_the_run(
    stream: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "reason", lambda *given: "advert")
    with pytest.raises(Exit):
        screen.bench(stream, limit=50, rounds=1, out=tmp_path / "screen.md")
