"""Bluesky through Jetstream's second protocol: its events are those of the first, compressed where that is wanted."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec
import pytest
import zstandard

from services.ingest.networks.network import Item, Passed
from services.ingest.source import RawPost, Reject, SourceBroken
from tests.networks.jetstream import LEXICON, POST, Jetstream, account, delete, dictionary, identity, jetstream, post
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
