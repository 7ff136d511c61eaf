"""Bluesky through a Jetstream of this machine: what its events come to, and how a broken connection goes on."""

from __future__ import annotations

import itertools
import json
import random
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from services.ingest.networks import standing
from services.ingest.networks.bluesky.configuration import Bluesky
from services.ingest.networks.keys import Names
from services.ingest.networks.network import AuthorGone, Item, Network, PostGone
from services.ingest.networks.seal import Seal
from services.ingest.source import RawPost, Reject, SourceBroken
from shared.events import Published
from shared.keyring import Keyring
from shared.text.identity import author_hash
from shared.vocabulary.drugs import default_lexicon
from tests.networks.accounts import accounts
from tests.networks.jetstream import POST, Event, Jetstream, account, delete, identity, jetstream, post
from tests.unit.ingest.networks.following import ANNA, BERT, SECOND, T, bluesky, kinds, read


@pytest.fixture
def server() -> Iterator[Jetstream]:
    with jetstream() as made:
        yield made


def test_a_post_comes_with_its_own_time_its_language_and_no_handle(server: Jetstream) -> None:
    text = "Thanks @jane-doe.example.org and Jane D. and anna.bsky.social, did:plc:xyz234 too: zoloft makes me dizzy"
    start = text.encode().index(b"Jane D.")
    facets = [
        {"index": {"byteStart": start, "byteEnd": start + 7},
         "features": [{"$type": "app.bsky.richtext.facet#mention", "did": "did:plc:jane"}]},
        {"index": {"byteStart": 2.5, "byteEnd": "x"}, "features": 7},
    ]  # fmt: skip
    server.add(post(ANNA, "3k1", text, T, facets=facets, langs=["en-GB", 7], createdAt="2026-03-01T08:00:00.000Z"))
    [item] = read(bluesky(server.url), 1)
    assert isinstance(item, RawPost)
    assert item.text == "Thanks @USER and @USER and @USER, @USER too: zoloft makes me dizzy"
    assert item.created_at == datetime(2026, 3, 1, 8, tzinfo=UTC)
    assert (item.language, item.author) == ("en-GB", ANNA)
    assert item.post_id == f"bluesky:{ANNA}/{POST}/3k1"
    veiled = json.loads(item.veiled())
    assert veiled["author"] == f"hmac:{author_hash('a secret', 'bluesky', ANNA)}"
    assert "anna" not in veiled["text"]


def test_a_time_that_is_missing_broken_or_later_than_the_event_is_that_of_the_event(server: Jetstream) -> None:
    server.add(
        post(ANNA, "3k1", "zoloft", T, createdAt="2099-01-01T00:00:00Z"),
        post(ANNA, "3k2", "zoloft", T, createdAt="yesterday"),
        post(ANNA, "3k3", "zoloft", T, createdAt=None),
    )
    assert [
        item.created_at.timestamp() * 1e6 for item in read(bluesky(server.url), 3) if isinstance(item, RawPost)
    ] == [T] * 3


def test_what_is_no_post_is_passed_over_and_what_is_deleted_does_not_come_back(server: Jetstream) -> None:
    server.add(
        identity(ANNA, "anna.bsky.social", T),
        account(ANNA, T + 1),
        account(BERT, T + 2, "throttled"),
        post(ANNA, "3k0", "", T + 3),
        post(ANNA, "3k1", "ja", T + 4, langs=["de"]),
        delete(ANNA, "3k2", T + 10),
        post(ANNA, "3k2", "zoloft, out of order", T + 9),
        account(BERT, T + 12, "deleted"),
        post(BERT, "3k3", "zoloft, out of order", T + 11),
        account(BERT, T + 20),
        post(BERT, "3k4", "zoloft, back again", T + 21),
        post(ANNA, "3k5", "", T + 22, operation="update"),
        {"did": ANNA, "time_us": T + 23, "kind": "something new"},
    )
    items = read(bluesky(server.url, languages=("en",)), 13)
    assert kinds(items) == [
        "identity", "account", "account", "no_text", "language", "PostGone", "gone", "AuthorGone", "gone", "account", "RawPost",
        "PostGone", "other",
    ]  # fmt: skip
    assert items[5] == PostGone(f"bluesky:did:plc:anna2345/{POST}/3k2")
    assert items[7] == AuthorGone(BERT)


@pytest.mark.parametrize(
    ("status", "gone"),
    [("deleted", True), ("takendown", True), ("suspended", True), ("deactivated", True), ("something new", True),
     ("desynchronized", False), ("throttled", False), (None, False)],
)  # fmt: skip
def test_an_account_is_gone_unless_it_is_active_or_its_server_has_troubles(
    server: Jetstream, status: str | None, gone: bool
) -> None:
    server.add(account(BERT, T, status))
    assert kinds(read(bluesky(server.url), 1)) == ["AuthorGone" if gone else "account"]


@pytest.mark.parametrize(
    "frame",
    [
        '{"did":"did:plc:anna2345","handle":"anna.bsky.social","broken @jane_doe',
        json.dumps({"did": ANNA, "kind": "commit"}),
        json.dumps({"did": ANNA, "time_us": T, "kind": "commit"}),
        json.dumps(post(ANNA, "3k", "zoloft", T + 10**12)),
        "\x00\x01",
        b"\xff\xfe\x00did:plc:anna2345",
    ],
    ids=["cut", "no commit", "no operation", "future", "text", "bytes"],
)
def test_a_frame_that_is_no_event_is_refused_without_names_and_moves_no_position(
    server: Jetstream, frame: str | bytes
) -> None:
    server.garbage[1] = frame
    server.add(post(ANNA, "3k1", "zoloft", T), post(ANNA, "3k2", "zoloft", T + 1))
    network = bluesky(server.url)
    first, reject, second = read(network, 3)
    assert (type(first), type(second)) == (RawPost, RawPost)
    assert isinstance(reject, Reject)
    assert reject.reason == "bad-frame"
    for name in (b"anna", b"jane_doe"):
        assert name not in reject.payload
    assert "anna" not in reject.detail
    assert network.cursor == str(T + 1)


def test_an_endpoint_that_sends_nothing_but_garbage_is_left(server: Jetstream) -> None:
    server.garbage = {number: f"garbage {number}" for number in range(60)}
    server.add(*(identity("", "", T) for _ in range(60)))
    with pytest.raises(SourceBroken, match="sends something else"):
        read(bluesky(server.url), 1000)


def test_a_connection_goes_on_some_seconds_before_the_last_event_at_the_next_endpoint(server: Jetstream) -> None:
    server.break_every = 3
    server.add(*(post(ANNA, f"3k{number}", "zoloft", T + number * SECOND) for number in range(3)))
    with jetstream() as other:
        network = bluesky(server.url, other.url, rewind_seconds=1.5)
        assert kinds(read(network, 3)) == ["RawPost"] * 3
        with pytest.raises(SourceBroken, match="closed the connection"):
            read(network, 4)
        other.add(*(post(ANNA, f"3k{number}", "zoloft", T + number * SECOND) for number in range(4)))
        assert network.cursor == str(T + 2 * SECOND)
        items = read(network, 3, int(network.cursor))
        assert [item.native_id[-3:] for item in items if isinstance(item, RawPost)] == ["3k1", "3k2", "3k3"]
        assert other.queries == [{"wantedCollections": [POST], "cursor": [str(T + SECOND // 2)]}]


def test_silence_is_taken_for_a_broken_connection(server: Jetstream) -> None:
    server.stall_after = 1
    server.add(*(post(ANNA, f"3k{number}", "zoloft", T) for number in range(3)))
    with pytest.raises(SourceBroken, match=r"sent nothing for 0\.2 s"):
        read(bluesky(server.url, stall_seconds=0.2), 2)


def test_an_endpoint_that_refuses_or_is_not_there_is_named_with_the_reason(server: Jetstream) -> None:
    server.refuse = 503
    with pytest.raises(SourceBroken, match="answers with HTTP 503"):
        bluesky(server.url).check()
    with pytest.raises(SourceBroken, match=r"127\.0\.0\.1:1 cannot be reached"):
        bluesky("ws://127.0.0.1:1/subscribe").check()


def test_without_identifiers_nobody_can_be_told_from_another(server: Jetstream) -> None:
    server.add(post(ANNA, "3k1", "zoloft", T))
    [item] = read(bluesky(server.url, identifiers="drop"), 1)
    assert isinstance(item, RawPost)
    assert item.author is None
    assert b"author" not in item.veiled()


def event_of(anything: Any) -> Event:
    return {"did": ANNA, "time_us": T, "kind": "commit",
            "commit": {"operation": "create", "collection": POST, "rkey": "3k", "record": anything}}  # fmt: skip


@pytest.mark.parametrize(
    "record", [None, 7, [], {}, {"text": 7}, {"text": "zoloft", "facets": 7, "langs": 7, "createdAt": {}}]
)
def test_records_that_no_app_would_write_hold_up_nothing(server: Jetstream, record: Any) -> None:
    server.add(event_of(record), post(ANNA, "3k2", "zoloft", T))
    assert kinds(read(bluesky(server.url), 2)) in (["no_text", "RawPost"], ["RawPost", "RawPost"])


def test_a_network_is_read_no_faster_than_its_posts_are_taken(server: Jetstream) -> None:
    # More than the buffers of a connection hold, and nothing that could be compressed.
    many, noise = 10_000, random.Random(7)
    server.add(*(post(ANNA, f"3k{number}", noise.randbytes(2_000).hex(), T + number) for number in range(many)))
    network = bluesky(server.url)
    taken = before = 0
    with closing(network.follow(str(T - SECOND))) as items:
        assert next(item for item in items if item is not None)
        # Until the server can send no more: what is held here and on the way is full.
        while not before or before != server.sent:
            before = server.sent
            time.sleep(0.3)
        assert server.sent < many
        for item in items:
            taken += item is not None
            if taken == many - 1:
                return
    raise AssertionError("the network ended before its last post")


def test_posts_are_asked_for_after_a_start_and_after_a_gap_and_not_else(
    server: Jetstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(standing, "_ROUND_SECONDS", 0.0)

    def keys() -> Keyring:
        return Keyring.of("a secret")

    address = f"{ANNA}/app.bsky.feed.post/3k1"
    notes = [Published(id=f"bluesky:{address}", sealed=Seal(keys, "bluesky").close(address))]
    with accounts() as site:
        configured = Bluesky(endpoints=(server.url,), ask_days=7, api=site.url, plc=site.url, private_addresses=True)
        network = configured.network(Names("bluesky", keys, True, True, 600.0, lambda: notes), default_lexicon)
        site.records.add(address)
        server.add(post(ANNA, "3k1", "zoloft", T - 3600 * SECOND), post(BERT, "3k2", "zoloft", T))
        for cursor, rounds in ((T - 3600 * SECOND, 1), (T - 1, 1), (T - 60 * SECOND, 1), (T - 1800 * SECOND, 2)):
            assert "RawPost" in kinds(some(network, 3, cursor))
            asked = site.requests("/xrpc/app.bsky.feed.getPosts")
            assert [one.query for one in asked] == [{"uris": [f"at://{address}"]}] * rounds
        site.records.clear()
        assert PostGone(notes[0].id) in some(network, 5, T - 1800 * SECOND)


def some(network: Network, turns: int, cursor: int) -> list[Item]:
    """What comes in so many turns, the silent ones among them."""
    with closing(network.follow(str(cursor))) as items:
        return [item for item in itertools.islice(items, turns) if item is not None]
