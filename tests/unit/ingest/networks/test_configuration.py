"""The sources file: every mistake is named with its place and its way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.ingest.networks.bluesky.configuration import Bluesky
from services.ingest.networks.configuration import chosen, examine, load
from shared import settings
from shared.errors import AdrwatchError

RIGHT = """
[sources.bluesky]
type = "bluesky"
languages = ["en"]

[sources.own]
type = "bluesky"
endpoints = ["ws://127.0.0.1:6008/subscribe"]
collections = ["app.bsky.feed.post", "com.example.*"]
identifiers = "drop"
screen = false
rewind_seconds = 3
stall_seconds = 30
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "sources.toml"
    path.write_text(RIGHT)
    return path


def test_a_file_gives_its_sources_with_what_is_usual_where_it_says_nothing(file: Path) -> None:
    sources = load(settings.load(sources_file=file))
    usual = sources["bluesky"]
    assert usual == Bluesky(languages=("en",))
    assert usual.policy.keeps_identifiers
    assert usual.screen
    assert all(one.startswith("wss://") for one in usual.endpoints)
    assert not sources["own"].policy.keeps_identifiers
    assert list(chosen(sources, "own")) == ["own"]
    with pytest.raises(AdrwatchError, match=r"no source elsewhere \(sources are bluesky, own\)"):
        chosen(sources, "elsewhere")


@pytest.mark.parametrize(
    ("right", "wrong", "error"),
    [
        (
            'languages = ["en"]',
            'language = ["en"]',
            "source bluesky: there is no key language .*did you mean languages",
        ),
        ('languages = ["en"]', 'languages = ["English"]', "source bluesky: languages"),
        ('type = "bluesky"', 'type = "blue"', "source bluesky has no type that adrwatch knows .*bluesky"),
        ('"drop"', '"hide"', "source own: identifiers: .*hide"),
        ("stall_seconds = 30", "stall_seconds = 0", "source own: stall_seconds"),
        ('"ws://127.0.0.1:6008/subscribe"', '"http://127.0.0.1:6008"', "source own: endpoints"),
        ("127.0.0.1:6008", "127.0.0.1:600800", "source own: endpoints: .*600800/subscribe is no address"),
        ("127.0.0.1:6008", "[::1", "source own: endpoints: .* is no address"),
        ('["ws://127.0.0.1:6008/subscribe"]', "[]", "source own: endpoints"),
        ('"app.bsky.feed.post"', '"posts"', "source own: collections"),
        ("rewind_seconds = 3", "begin = 2026-01-01", "source own: begin: .* which has no archive"),
        ("rewind_seconds = 3", "compress = true", "source own: compress: .* is of Jetstream's first protocol"),
        ("[sources.own]", "[sources.Own]", "source Own: no name for a source"),
        ("[sources.bluesky]", "[source.bluesky]", "there is no key source .*did you mean sources"),
        ("[sources.own]", "[sources.own", "is no TOML"),
    ],
)
def test_a_mistake_is_named(file: Path, right: str, wrong: str, error: str) -> None:
    assert right in RIGHT
    file.write_text(RIGHT.replace(right, wrong, 1))
    with pytest.raises(AdrwatchError, match=error):
        load(settings.load(sources_file=file))


@pytest.mark.parametrize("address", ["https://[::1", "https://a.example:99999"])
@pytest.mark.parametrize(
    ("table", "named"),
    [('type = "feeds"\nfeeds = ["{}/talk.rss?key=7"]', "feeds"), ('type = "discourse"\nforum = "{}"', "forum")],
)
def test_an_address_that_is_none_is_named_without_its_query(file: Path, table: str, named: str, address: str) -> None:
    file.write_text(f"[sources.talk]\n{table.format(address)}\n")
    with pytest.raises(AdrwatchError, match=f"source talk: {named}: .* is no address") as caught:
        load(settings.load(sources_file=file))
    assert "key=7" not in str(caught.value)


def test_all_mistakes_are_found_at_once_and_the_right_sources_stay(file: Path) -> None:
    file.write_text(RIGHT.replace('"drop"', '"hide"').replace('["en"]', "7") + '\n[sources.third]\ntype = "bluesky"\n')
    found, wrong = examine(settings.load(sources_file=file))
    assert list(found) == ["third"]
    assert len(wrong) == 2


def test_without_a_file_or_with_one_that_is_not_there_the_fix_is_said(tmp_path: Path) -> None:
    with pytest.raises(AdrwatchError, match=r"no sources are configured .*ADRWATCH_SOURCES_FILE"):
        load(settings.load())
    with pytest.raises(AdrwatchError, match="cannot be read"):
        load(settings.load(sources_file=tmp_path / "none.toml"))
    (tmp_path / "empty.toml").write_text("")
    with pytest.raises(AdrwatchError, match="has no source"):
        load(settings.load(sources_file=tmp_path / "empty.toml"))
