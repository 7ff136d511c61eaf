"""`adrwatch sources policies`: what is kept of each source, from the file, and what was last forgotten."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli import build
from services.ingest.networks import configuration, positions
from shared import settings
from shared.events import Position, Terms, TextsForgotten

FILE = """
[sources.usual]
type = "bluesky"

[sources.careful]
type = "bluesky"
identifiers = "drop"
languages = ["en", "de"]
screen = false
text_days = 0.25
case_export = false

[sources.x]
type = "x"
bearer_token = { env = "NO_SUCH_TOKEN" }
max_posts_per_month = 1000

[sources.reddit]
type = "reddit"
client_id = { env = "NO_SUCH_TOKEN" }
client_secret = { env = "NO_SUCH_TOKEN" }
user_agent = "linux:org.example.watch:v1.0 (by /u/nobody-at-all)"
subreddits = ["AskDocs"]

[sources.bought]
type = "x"
bearer_token = { env = "NO_SUCH_TOKEN" }
max_posts_per_month = 1000
aggregates_only = false
case_export = true
identifiers = "hmac"
"""
MOMENT = datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CliRunner]:
    path = tmp_path / "sources.toml"
    path.write_text(FILE)
    monkeypatch.setenv("ADRWATCH_SOURCES_FILE", str(path))
    monkeypatch.setenv("COLUMNS", "300")
    settings.current.cache_clear()
    yield CliRunner()
    settings.current.cache_clear()


def test_policies_say_what_is_kept_and_for_how_long_without_a_broker(runner: CliRunner) -> None:
    done = runner.invoke(build(), ["sources", "policies", "--json"])
    assert "what was last forgotten is not known" in done.stderr
    usual, careful, x, reddit, bought = json.loads(done.stdout)
    assert usual == {
        "name": "usual",
        "keeps": "posts",
        "case_export": True,
        "identifiers": "hmac",
        "author": "keyed hash",
        "screened_at_ingest": True,
        "languages": [],
        "text_days": 7.0,
        "refused_text_days": 14.0,
        "text_days_from": "the topics",
        "count_days": 200.0,
        "forgotten": None,
    }
    assert (careful["author"], careful["screened_at_ingest"], careful["languages"]) == ("none", False, ["en", "de"])
    assert (careful["text_days"], careful["refused_text_days"], careful["case_export"]) == (0.25, 0.25, False)
    assert careful["text_days_from"] == "the source"
    assert (x["keeps"], x["case_export"], x["author"], x["refused_text_days"]) == ("aggregates", False, "none", 0)
    assert x["text_days"] == 1
    assert reddit == x | {"name": "reddit"}
    assert (bought["keeps"], bought["case_export"], bought["text_days"]) == ("posts", True, 7.0)


def test_the_table_names_every_source_and_what_was_last_forgotten(
    runner: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    position = Position(
        source="careful", cursor="1", reached=MOMENT, written_at=MOMENT, state="running",
        forgotten=TextsForgotten(MOMENT, 17, MOMENT.replace(hour=4)),
    )  # fmt: skip
    monkeypatch.setattr(positions, "read", lambda _: {"careful": position})
    lines = runner.invoke(build(), ["sources", "policies"]).stdout.splitlines()
    [usual], [careful], [x] = (
        [line.split() for line in lines if line.split()[:1] == [name]] for name in ("usual", "careful", "x")
    )
    assert usual[1:6] == ["posts", "hmac", "keyed", "hash", "yes"]
    assert usual[-6:] == ["7", "days", "14", "days", "200", "days"]
    assert careful[1:5] == ["posts", "drop", "none", "no"]
    assert " ".join(careful).endswith("6 hours 6 hours 200 days 17 at 2026-03-01T09:00, oldest left 2026-03-01T04:00")
    assert x[1:5] == ["aggregates", "drop", "none", "no"]
    assert " ".join(x).endswith("1 day not kept 200 days")


def test_what_the_file_says_goes_with_the_posts(runner: CliRunner) -> None:
    terms = {name: source.policy.terms for name, source in configuration.load(settings.current()).items()}
    assert terms == {
        "usual": Terms(), "careful": Terms(False, False), "x": Terms(True, False), "reddit": Terms(True, False), "bought": Terms(),
    }  # fmt: skip
