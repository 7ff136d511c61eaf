"""`adrwatch sources policies`: what is kept of each source, from the file alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli import build
from shared import settings

FILE = """
[sources.usual]
type = "bluesky"

[sources.careful]
type = "bluesky"
identifiers = "drop"
languages = ["en", "de"]
screen = false
text_days = 0.25
"""


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CliRunner]:
    path = tmp_path / "sources.toml"
    path.write_text(FILE)
    monkeypatch.setenv("ADRWATCH_SOURCES_FILE", str(path))
    monkeypatch.setenv("COLUMNS", "200")
    settings.current.cache_clear()
    yield CliRunner()
    settings.current.cache_clear()


def test_policies_say_what_is_kept_and_for_how_long_without_a_broker(runner: CliRunner) -> None:
    done = runner.invoke(build(), ["sources", "policies", "--json"])
    usual, careful = json.loads(done.stdout)
    assert usual == {
        "name": "usual",
        "identifiers": "hmac",
        "author": "keyed hash",
        "screened_at_ingest": True,
        "languages": [],
        "text_days": 7.0,
        "refused_text_days": 14.0,
        "text_days_from": "the topics",
        "count_days": 200.0,
    }
    assert (careful["author"], careful["screened_at_ingest"], careful["languages"]) == ("none", False, ["en", "de"])
    assert (careful["text_days"], careful["refused_text_days"]) == (0.25, 0.25)
    assert careful["text_days_from"] == "the source"


def test_the_table_names_every_source(runner: CliRunner) -> None:
    lines = [line.split() for line in runner.invoke(build(), ["sources", "policies"]).stdout.splitlines()]
    [usual] = [words for words in lines if words[:1] == ["usual"]]
    [careful] = [words for words in lines if words[:1] == ["careful"]]
    assert usual[1:4] == ["hmac", "keyed", "hash"]
    assert usual[-6:] == ["7", "days", "14", "days", "200", "days"]
    assert careful[1:3] == ["drop", "none"]
    assert careful[-6:] == ["0.25", "days", "0.25", "days", "200", "days"]
