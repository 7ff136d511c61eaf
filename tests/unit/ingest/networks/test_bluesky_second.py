"""Bluesky through Jetstream's second protocol: its events are those of the first, compressed where that is wanted."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cbor2
import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.networks.batch import Batch
from services.ingest.networks.bluesky.block import rows
from services.ingest.networks.follow import Follower
from services.ingest.networks.known import Known
from services.ingest.networks.network import Item, Passed
from services.ingest.source import RawPost, Reject, SourceBroken
from shared import metrics, settings
from shared.events import Position, Post
from tests.networks.jetstream import (
    LEXICON,
    POST,
    Event,
    Jetstream,
    account,
    delete,
    dictionary,
    identity,
    jetstream,
    packed,
    post,
)
from tests.unit.ingest.networks.following import ANNA, BERT, SECOND, T, bluesky, kinds, read


@pytest.fixture
def server() -> Iterator[Jetstream]:
    with jetstream() as made:
        yield made


@pytest.mark.parametrize("compress", [False, True])
def test_the_second_protocol_gives_what_the_first_gives_compressed_or_not(server: Jetstream, compress: bool) -> None:
    server.add(
        post(ANNA, "3k1", "zoloft makes me dizzy 😵", T),
        identity(ANNA, "anna.example.org", T + 1),
        post(BERT, "3k2", "zoloft", T + 2, "update"),
        delete(ANNA, "3k1", T + 3),
        account(BERT, T + 123_456, "deleted"),
    )
    network = bluesky(server.second_url, compress=compress)
    found = read(network, 4)
    first = [item for item in read(bluesky(server.url), 5) if item != Passed("identity")]
    assert kinds(found) == ["RawPost", "RawPost", "PostGone", "AuthorGone"]
    assert [_without_functions(item) for item in found] == [_without_functions(item) for item in first]
    assert network.cursor == str(T + 123_456)
    [asked, _] = server.queries
    assert (asked["collections"], asked["kinds"]) == ([POST], ["commit", "account"])
    assert ("zstdDictionary" in asked) == compress
    assert server.dictionaries == compress


def _without_functions(item: Item) -> Item:
    return msgspec.structs.replace(item, veiled=None) if isinstance(item, RawPost) else item


def test_a_position_holds_in_both_protocols(server: Jetstream) -> None:
    server.add(*(post(ANNA, f"3k{number}", "zoloft", T + number * SECOND) for number in range(4)))
    network = bluesky(server.url, server.second_url, rewind_seconds=0)
    server.break_every = 2
    with pytest.raises(SourceBroken):
        read(network, 4)
    server.break_every = None
    items = read(network, 3, int(str(network.cursor)))
    assert [item.native_id[-3:] for item in items if isinstance(item, RawPost)] == ["3k1", "3k2", "3k3"]


def test_a_dictionary_that_is_no_more_in_force_is_fetched_anew(server: Jetstream) -> None:
    server.add(post(ANNA, "3k1", "zoloft", T))
    network = bluesky(server.second_url, compress=True)
    read(network, 1)
    server.dictionary = dictionary(2)
    with pytest.raises(SourceBroken, match="answers with HTTP 400"):
        read(network, 1)
    assert kinds(read(network, 1)) == ["RawPost"]
    assert server.dictionaries == 2


def test_a_frame_that_was_made_with_another_dictionary_or_is_vast_is_garbage(server: Jetstream) -> None:
    event = json.dumps({"$type": "message", "payload": {}}).encode()
    server.garbage = {
        0: zstandard.ZstdCompressor(dict_data=dictionary(2)).compress(event),
        1: zstandard.compress(bytes(100 << 20)),
        2: zstandard.compress(event),
    }
    server.add(*(post(ANNA, f"3k{number}", "zoloft", T) for number in range(3)))
    found = read(bluesky(server.second_url, compress=True), 6)
    assert kinds(found) == ["Reject", "RawPost"] * 3
    assert all(item.payload.endswith(b"bytes, compressed") for item in found[:4:2] if isinstance(item, Reject))
    assert [item.detail for item in found if isinstance(item, Reject)] == [
        "no frame of zstd with the server's dictionary",
        "a frame that is too large",
        "no event of Jetstream: Object missing required field `$type`",
    ]


def test_what_a_server_says_about_the_stream_is_no_event(server: Jetstream) -> None:
    server.add(post(ANNA, "3k1", "zoloft", T))
    server.notice = {"$type": "message", "payload": {"$type": f"{LEXICON}#info", "name": "OutdatedCursor"}}
    assert kinds(read(bluesky(server.second_url), 2)) == ["notice", "RawPost"]
    server.notice = {"$type": "error", "error": "ConsumerTooSlow", "message": "too slow"}
    with pytest.raises(SourceBroken, match="ends the stream: ConsumerTooSlow"):
        read(bluesky(server.second_url), 2)


def test_an_endpoint_without_a_dictionary_is_named(server: Jetstream) -> None:
    server.dictionary = zstandard.ZstdCompressionDict(b"no dictionary", dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    with pytest.raises(SourceBroken, match="sends something else than a dictionary of zstd"):
        bluesky(server.second_url, compress=True).check()


OLD = T - 400 * 24 * 3600 * SECOND


def numbered(*events: Event) -> list[Event]:
    return [event | {"seq": number} for number, event in enumerate(events, start=1)]


def test_what_is_older_than_a_connection_gives_comes_from_the_archive_first(server: Jetstream) -> None:
    old = numbered(
        post(ANNA, "3k0", "zoloft before all", OLD - SECOND),
        post(ANNA, "3k1", "zoloft makes me dizzy", OLD),
        post(ANNA, "3k2", "zoloft", OLD + 1),
        identity(ANNA, "anna.example.org", OLD + 2),
        delete(ANNA, "3k1", OLD + 3),
        post(BERT, "3k3", "zoloft", OLD + 4, "update"),
        account(BERT, OLD + 5, "deleted"),
        post(ANNA, "3k4", "zoloft", OLD + 6),
    )
    other = post(ANNA, "3k9", "zoloft", OLD + 1)
    other["commit"]["collection"] = "com.example.note"
    server.segments = [[old[:1]], [old[1:3], [], [*old[3:5], other | {"seq": 5}]], [old[5:]]]
    server.unlisted = 1
    server.add(post(ANNA, "3k5", "zoloft", T))
    network = bluesky(server.second_url, rewind_seconds=0)
    found = read(network, 8, OLD)
    assert kinds(found) == [
        "RawPost", "RawPost", "PostGone", "RawPost", "AuthorGone", "RawPost", "archive_end", "RawPost",
    ]  # fmt: skip
    posts = [item for item in found if isinstance(item, RawPost)]
    assert [item.native_id[-3:] for item in posts] == ["3k1", "3k2", "3k3", "3k4", "3k5"]
    assert (posts[0].text, posts[0].created_at) == (
        "zoloft makes me dizzy",
        datetime.fromtimestamp(OLD // 1000 / 1000, UTC),
    )
    assert network.cursor == str(T)
    [asked] = server.queries
    assert asked["cursor"] == [str(OLD + 6)]


@pytest.mark.parametrize(("missing", "told"), [(3600, 3600.0), (60, 0.0)])
def test_a_hole_between_archive_and_connection_is_told_and_what_it_hides_is_asked_for(
    server: Jetstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: int, told: float
) -> None:
    class AskedAfterGaps:
        connections = 0

        def connected(self) -> None:
            self.connections += 1

        def look(self) -> tuple[list[Any], bool]:
            return [], True

    server.segments = [[numbered(post(ANNA, "3k1", "zoloft", OLD), post(ANNA, "3k2", "zoloft", T - missing * SECOND))]]
    server.add(post(ANNA, "3k3", "the last", T))
    network, standing, stop = bluesky(server.second_url, rewind_seconds=0), AskedAfterGaps(), threading.Event()
    monkeypatch.setattr(network, "_standing", standing)

    def monitored(text: str) -> bool:
        if text == "the last":
            stop.set()
        return False

    def accept(one: RawPost) -> Post:
        return Post(id="s:1", source="s", text=one.text, created_at=one.created_at, ingested_at=one.created_at)

    batch = Batch(Known("gaps"), accept, monitored, lambda author: (author,))
    follower = Follower("gaps", network, batch, settings.load(data_dir=tmp_path), stop, None)
    monkeypatch.setattr(follower, "_settle", lambda *_: None)
    at = datetime.fromtimestamp(OLD / SECOND - 1, UTC)
    follower._last = Position(source="gaps", cursor=str(OLD - 1), reached=at, written_at=at, state="running")
    before = metrics.SOURCE_GAP.labels("gaps")._value.get()
    follower._follow()
    # From the first to the second of the archive nothing is missing: the archive is whole.
    assert metrics.SOURCE_GAP.labels("gaps")._value.get() - before == told
    assert standing.connections == (1 if told else 0)


def test_a_source_may_begin_on_a_day_of_the_past(server: Jetstream) -> None:
    server.segments = [[numbered(post(ANNA, "3k1", "zoloft", OLD))]]
    day = datetime.fromtimestamp(OLD / SECOND, UTC).date()
    network = bluesky(server.second_url, begin=day)
    with closing(network.follow(None)) as items:
        assert isinstance(next(item for item in items if item is not None), RawPost)
    with closing(bluesky(server.second_url, begin=day + timedelta(days=1)).follow(None)) as items:
        server.add(post(ANNA, "3k2", "zoloft", T))
        found = next(item for item in items if item is not None)
    assert isinstance(found, RawPost)
    assert found.native_id.endswith("3k2")


def test_a_server_without_an_archive_gives_what_it_has(server: Jetstream) -> None:
    server.add(post(ANNA, "3k1", "zoloft", T))
    assert kinds(read(bluesky(server.second_url), 1, OLD)) == ["RawPost"]


@pytest.mark.parametrize(
    ("block", "error"),
    [
        (b"no block", "a block that is not compressed with zstd"),
        (zstandard.compress(b"\x01"), "a block without a beginning"),
        (zstandard.compress(b"\x01\x00\x00\x00"), "a block that was cut off"),
        (zstandard.compress(b"\x01\x00\x00\x00" + b"\x01" * 34), "a block whose lengths do not fit"),
        (zstandard.compress(bytes(257 << 20)), "a block that is too large"),
    ],
)
def test_a_block_that_is_none_ends_the_connection_and_moves_no_position(
    server: Jetstream, block: bytes, error: str
) -> None:
    server.segments, server.damage = [[numbered(post(ANNA, "3k1", "zoloft", OLD))]], block
    network = bluesky(server.second_url)
    with pytest.raises(SourceBroken, match=f"sends {error}"):
        read(network, 1, OLD)
    assert network.cursor == str(OLD)


def test_a_row_that_is_no_record_holds_up_no_other(server: Jetstream) -> None:
    block = packed(numbered(post(ANNA, "3k1", "anna.bsky.social", OLD), post(ANNA, "3k2", "zoloft", OLD + 1)))
    plain = zstandard.decompress(block)
    content = cbor2.dumps(post(ANNA, "3k1", "anna.bsky.social", OLD)["commit"]["record"])
    assert content in plain
    server.segments = [[numbered(post(ANNA, "3k1", "", OLD))]]
    server.damage = zstandard.compress(plain.replace(content, b"\xff" + content[1:]))
    found = []
    with closing(bluesky(server.second_url).follow(str(OLD))) as items:
        for item in items:
            found += [] if item is None else [item]
            if len(found) == 2:
                break
    assert kinds(found) == ["Reject", "RawPost"]
    assert isinstance(found[0], Reject)
    assert found[0].payload == b"event 1 of the archive, %d bytes" % len(content)


@given(st.binary(max_size=200), st.integers(0, 5))
def test_whatever_is_sent_for_a_block_is_one_or_is_none(data: bytes, count: int) -> None:
    for block in (data, zstandard.compress(count.to_bytes(4, "little") + data)):
        with suppress(ValueError):
            assert len(list(rows(block, [POST]))) <= count
