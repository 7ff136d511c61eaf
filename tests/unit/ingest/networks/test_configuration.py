"""The sources file: every mistake is named with its place and its way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.ingest.networks.bluesky.configuration import Bluesky
from services.ingest.networks.configuration import KINDS, chosen, examine, load, pushed_here, read_here
from services.ingest.networks.keys import SourceKeys
from services.ingest.push.configuration import Push
from shared import settings
from shared.errors import AdrwatchError
from shared.secret_place import SecretPlace

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


def test_every_kind_of_source_says_where_it_comes_from_and_what_follows_it() -> None:
    # What reads the file makes an instance of a class that lacks a method as well.
    assert {kind.__name__: set(kind.__abstractmethods__) for kind in KINDS if kind.__abstractmethods__} == {}
    with pytest.raises(TypeError, match="abstract"):
        SourceKeys()


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
        (
            'languages = ["en"]',
            "aggregates_only = true",
            "source bluesky: with aggregates_only nobody.*identifiers is hmac .*write identifiers = .drop.",
        ),
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


def test_sources_are_read_or_pushed_and_who_asks_for_the_others_is_told_the_way(file: Path) -> None:
    pushed = '[sources.vendor]\ntype = "push"\nsecrets = [{ env = "VENDOR" }]\n'
    file.write_text(RIGHT + pushed)
    sources = load(settings.load(sources_file=file))
    assert list(read_here(sources)) == ["bluesky", "own"]
    assert list(pushed_here(sources)) == ["vendor"]
    with pytest.raises(AdrwatchError, match=r"vendor: posts are pushed here.*adrwatch worker push"):
        read_here(chosen(sources, "vendor"))
    with pytest.raises(AdrwatchError, match="no source of the type push"):
        pushed_here(chosen(sources, "own"))
    file.write_text(pushed.replace('[{ env = "VENDOR" }]', "[]"))
    with pytest.raises(AdrwatchError, match="source vendor: secrets"):
        load(settings.load(sources_file=file))


def test_a_secret_that_is_missing_or_short_is_named_and_the_others_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_file = tmp_path / "open"
    open_file.write_text("a secret that anybody can read")
    open_file.chmod(0o644)
    monkeypatch.setenv("RIGHT_ONE", "whsec_dGhpcnR5LXR3byBieXRlcyBmb3IgYSB0ZXN0IG9ubHk=")
    monkeypatch.setenv("SHORT_ONE", "hush")
    places = [SecretPlace(env=name) for name in ("NONE_SUCH", "RIGHT_ONE", "SHORT_ONE")]
    source = Push(secrets=(*places, SecretPlace(file=str(open_file))))
    keys, wrong = source.signing_keys("source vendor")
    assert keys == [b"thirty-two bytes for a test only"]
    said = [str(error) for error in wrong]
    for number, why in ((1, "not set"), (3, "shorter than 16 bytes"), (4, "open to other users")):
        assert any(f"source vendor: secret {number}" in one and why in one for one in said)
    assert not any("hush" in one or "anybody" in one for one in said)


def test_a_secret_belongs_to_one_source(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pushed(name: str, place: str) -> str:
        return f'[sources.{name}]\ntype = "push"\nsecrets = [{{ env = "OLD_{name}" }}, {{ {place} }}]\n'

    file.write_text(pushed("one", 'env = "SECRET"') + pushed("two", 'env = "SECRET"'))
    with pytest.raises(AdrwatchError, match=r"source two: it has a secret that source one has too.*for each source"):
        load(settings.load(sources_file=file))
    # Under another name it is the same secret all the same.
    copied = tmp_path / "copied"
    copied.touch(mode=0o600)
    copied.write_text("a secret that is long enough\n")
    file.write_text(pushed("one", 'env = "SECRET"') + pushed("two", f'file = "{copied}"'))
    assert examine(settings.load(sources_file=file))[1] == []
    monkeypatch.setenv("SECRET", "a secret that is long enough")
    assert len(examine(settings.load(sources_file=file))[1]) == 1
