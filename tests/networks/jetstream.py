"""A Jetstream on this machine, as its public documentation describes its two protocols, with the faults of a bad day.

Source: README of bluesky-social/jetstream-legacy; docs/README.md of bluesky-social/jetstream, sections 5.1 and 5.2, and lexicons.
At `/subscribe`, `wantedCollections` (NSIDs, or a prefix with `.*`) filters commits; events of identities and accounts go to
everybody. At the address of `subscribeEvents`, `collections` and `kinds` do, frames have an envelope, and are compressed with the
dictionary of `getZstdDictionary` where its number is given. `cursor` (microseconds since 1970) replays from there, itself
included; one in the future, or none, starts with what comes next.
"""

from __future__ import annotations

import functools
import http
import json
import random
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

import cbor2
import zstandard
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

POST = "app.bsky.feed.post"
LEXICON = "network.bsky.jetstream.subscribeEvents"
SECOND_PATH = f"/xrpc/{LEXICON}"
LIST_PATH = "/xrpc/network.bsky.jetstream.listSegments"
BLOCK_PATH = "/xrpc/network.bsky.jetstream.getBlock"
DICTIONARY_PATH = "/xrpc/network.bsky.jetstream.getZstdDictionary"
Event = dict[str, Any]
# A text of 126 bytes begins, in a frame of a websocket (RFC 6455, 5.2).
HALF_A_FRAME = b'\x81\x7e\x00\x7e{"'


def post(did: str, rkey: str, text: str, at: int, operation: str = "create", **record: Any) -> Event:
    """A commit of a post; `at` is in microseconds."""
    created = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at / 1e6)) + f".{at // 1000 % 1000:03d}Z"
    content = {"$type": POST, "text": text, "createdAt": created, "langs": ["en"]} | record
    return _commit(did, rkey, at, operation=operation, cid="bafy" + rkey, record=content)


def delete(did: str, rkey: str, at: int) -> Event:
    return _commit(did, rkey, at, operation="delete")


def account(did: str, at: int, status: str | None = None) -> Event:
    """An account that is active, or inactive with a status such as `deleted`."""
    state = {"active": status is None, "did": did, "seq": at % 1_000_000, "time": "2026-01-01T00:00:00Z"}
    return {"did": did, "time_us": at, "kind": "account", "account": state | ({"status": status} if status else {})}


def identity(did: str, handle: str, at: int) -> Event:
    return {
        "did": did, "time_us": at, "kind": "identity",
        "identity": {"did": did, "handle": handle, "seq": at % 1_000_000, "time": "2026-01-01T00:00:00Z"},
    }  # fmt: skip


def _commit(did: str, rkey: str, at: int, **fields: Any) -> Event:
    return {
        "did": did,
        "time_us": at,
        "kind": "commit",
        "commit": {"rev": "3k", "collection": POST, "rkey": rkey, **fields},
    }


class Jetstream:
    """What it holds, and how it misbehaves. All may be changed while it runs.

    `break_every`: a connection ends after so many frames, every second time without a word. `twice`: every so many frames are sent
    two times. `garbage`: frames that are none, sent before the event of that number. `stall_after`: a connection sends so many
    frames, and then nothing. `refuse`: connections are answered with this status. `keeps`: False for one that sends only what comes
    after a connection was made, whatever its cursor. `notice`: what a connection of the second protocol begins with.
    `dictionaries`: how many times the dictionary was fetched; `dictionary` is the one in force. `segments`: the archive, each a
    list of blocks of events; None where there is none. `unlisted`: so many of them are listed only when asked again; `damage` is
    sent in place of a block; `blocks` counts those that were sent, and `most_blocks` are sent at most.
    """

    def __init__(self) -> None:
        self.break_every: int | None = None
        self.twice: int | None = None
        self.stall_after: int | None = None
        self.refuse: int | None = None
        self.keeps = True
        self.notice: Event | None = None
        self.dictionary = dictionary(1)
        self.dictionaries = 0
        self.segments: list[list[list[Event]]] | None = None
        self.unlisted = 0
        self.damage: bytes | None = None
        self.blocks = 0
        self.most_blocks: int | None = None
        self.chance = random.Random(7)
        self.breaks = 0
        self.garbage: dict[int, str | bytes] = {}
        self.queries: list[dict[str, list[str]]] = []
        self.sent = 0
        self._events: list[Event] = []
        self._here: set[ServerConnection] = set()
        self._more = threading.Condition()
        self.url = ""
        self.second_url = ""

    def add(self, *events: Event) -> None:
        """Take in events, in the order in which they are to be sent."""
        with self._more:
            self._events += events
            self._more.notify_all()

    def break_off(self) -> None:
        """End the connections that there are: in order, without a word, or in the middle of a frame."""
        with self._more:
            here = list(self._here)
            self.breaks += len(here)
            self._here.clear()
        for connection in here:
            with suppress(OSError):
                if (manner := self.chance.randrange(3)) == 0:
                    connection.close()
                    continue
                # Nothing may be sent in between that would become the other half.
                with connection.protocol_mutex:
                    if manner == 1:
                        connection.socket.sendall(HALF_A_FRAME)
                    connection.socket.shutdown(socket.SHUT_RDWR)

    @property
    def connections(self) -> int:
        return len(self.queries)

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """What is answered to a request before the connection is one."""
        parts = urlsplit(request.path)
        query = parse_qs(parts.query)
        if self.refuse is not None:
            return connection.respond(http.HTTPStatus(self.refuse), "not now\n")
        if parts.path == DICTIONARY_PATH:
            self.dictionaries += 1
            return _answer(200, self.dictionary.as_bytes())
        if parts.path in (LIST_PATH, BLOCK_PATH):
            return self._archived(parts.path == LIST_PATH, query)
        if query.get("zstdDictionary", [str(self.dictionary.dict_id())]) != [str(self.dictionary.dict_id())]:
            return connection.respond(http.HTTPStatus.BAD_REQUEST, '{"error": "UnknownZstdDictionary"}\n')
        foreign = "wantedCollections" if parts.path == SECOND_PATH else "collections"
        if foreign in query:
            return connection.respond(http.HTTPStatus.BAD_REQUEST, f"no {foreign} here\n")
        if not query.get("cursor", ["0"])[0].isdecimal() or len(query.get("wantedCollections", ())) > 100:
            return connection.respond(http.HTTPStatus.BAD_REQUEST, "bad query\n")
        return None

    def _archived(self, listing: bool, query: Mapping[str, list[str]]) -> Response:
        if self.segments is None:
            return _answer(404, b"{}")
        if listing:
            end = len(self.segments) - self.unlisted
            self.unlisted = 0
            # A page each, so that the cursor is of use.
            at = int(query.get("cursor", ["0"])[0])
            found = [_listed(number, self.segments[number]) for number in range(at, min(end, at + 1))]
            more = {"cursor": str(at + 1)} if at + 1 < end else {}
            return _answer(200, json.dumps({"segments": found, **more}).encode())
        blocks = self.segments[int(query["segment"][0][4:-4], 36)]
        number = int(query["blockIndex"][0])
        if number >= len(blocks):
            return _answer(400, b'{"error": "BlockNotFound", "message": "no such block"}')
        if self.blocks == self.most_blocks:
            return _answer(503, b"not now")
        self.blocks += 1
        return _answer(200, packed(blocks[number]) if self.damage is None else self.damage)

    def handle(self, connection: ServerConnection) -> None:
        """One subscriber, until it leaves or is thrown out."""
        assert connection.request is not None
        parts = urlsplit(connection.request.path)
        query = parse_qs(parts.query)
        second = parts.path == SECOND_PATH
        packer = zstandard.ZstdCompressor(dict_data=self.dictionary) if "zstdDictionary" in query else None
        cursor = int(query["cursor"][0]) if "cursor" in query else None
        with self._more:
            ahead = cursor is None or cursor > _now_us() + 3_600_000_000
            at = len(self._events) if ahead or not self.keeps else 0
            self.queries.append(query)
            number = len(self.queries)
            self._here.add(connection)
        frames = 0
        try:
            if second and self.notice is not None:
                connection.send(json.dumps(self.notice))
            for place, event in self._from(at, connection):
                if not _wanted(event, query) or (cursor or 0) > event["time_us"]:
                    continue
                data: str | bytes = json.dumps(_second(event, place) if second else event)
                if packer is not None:
                    data = packer.compress(str(data).encode())
                copies = 2 if self.twice and frames % self.twice == 0 else 1
                for frame in [*([self.garbage[place]] if place in self.garbage else ()), *[data] * copies]:
                    connection.send(frame)
                    frames += 1
                    self.sent += 1
                while self.stall_after is not None and frames >= self.stall_after:
                    connection.recv()
                if self.break_every and frames >= self.break_every:
                    if number % 2:
                        connection.socket.shutdown(socket.SHUT_RDWR)
                    return
        except ConnectionClosed:
            return
        finally:
            self._here.discard(connection)

    def _from(self, at: int, connection: ServerConnection) -> Iterator[tuple[int, Event]]:
        while True:
            with self._more:
                self._more.wait_for(lambda have=at: len(self._events) > have, timeout=0.2)
                events = self._events[at : at + 100]
            if not events:
                # Notices a subscriber that has left.
                try:
                    connection.recv(timeout=0)
                except TimeoutError:
                    continue
            for event in events:
                yield at, event
                at += 1


@contextmanager
def jetstream() -> Iterator[Jetstream]:
    """A server on a free port of the loopback."""
    made = Jetstream()
    with serve(made.handle, "127.0.0.1", 0, process_request=made.admit, close_timeout=1) as server:
        place = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        made.url, made.second_url = f"{place}/subscribe", place + SECOND_PATH
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield made
        server.shutdown()
        thread.join()


def _answer(status: int, body: bytes) -> Response:
    headers = Headers({"Content-Length": str(len(body)), "Connection": "close"})
    return Response(status, http.HTTPStatus(status).phrase, headers, body)


def _listed(number: int, blocks: Sequence[Sequence[Event]]) -> Event:
    events = [event for block in blocks for event in block]
    times = [event["time_us"] for event in events]
    return {
        "name": f"seg_{number:010}.jss", "index": number, "sizeBytes": 1, "checksum": "0" * 16, "eventCount": len(events),
        "minSeq": events[0]["seq"], "maxSeq": events[-1]["seq"], "minWitnessedAt": min(times), "maxWitnessedAt": max(times),
    }  # fmt: skip


def packed(events: Sequence[Event]) -> bytes:
    """A block of the archive (docs/README.md of bluesky-social/jetstream, section 3.2); each event has a `seq`."""
    kinds = {"create": 1, "update": 2, "delete": 3, "identity": 4, "account": 5}
    fixed: list[list[bytes]] = [[] for _ in range(9)]
    texts: list[list[bytes]] = [[] for _ in range(5)]
    for event in events:
        commit = event.get("commit", {})
        content = commit.get("record") if event["kind"] == "commit" else event[event["kind"]]
        row = [
            commit.get("collection", "").encode(), event["did"].encode(), commit.get("rkey", "").encode(),
            commit.get("rev", "").encode(), b"" if content is None else cbor2.dumps(content),
        ]  # fmt: skip
        numbers = [event["seq"], event["time_us"], 0, kinds[commit.get("operation", event["kind"])], *map(len, row)]
        for column, form, number in zip(
            fixed, ("<Q", "<q", "<q", "B", "B", "<H", "B", "B", "<I"), numbers, strict=True
        ):
            column.append(struct.pack(form, number))
        for column, text in zip(texts, row, strict=True):
            column.append(text)
    columns = b"".join(part for column in [*fixed, *texts] for part in column)
    return zstandard.compress(struct.pack("<I", len(events)) + columns)


@functools.cache
def dictionary(number: int) -> zstandard.ZstdCompressionDict:
    """A dictionary as a server makes it of frames; its number is in it."""
    frames = [
        json.dumps(
            _second(post(f"did:plc:{person:024}", f"3k{person}", f"post {person * 7919 % 1009}", person), person)
        )
        for person in range(300)
    ]
    return zstandard.train_dictionary(4096, [frame.encode() for frame in frames], dict_id=number)


def _second(event: Event, seq: int) -> Event:
    """The frame of an event in the second protocol."""
    seen = (
        time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(event["time_us"] // 1_000_000))
        + f".{event['time_us'] % 1_000_000:06d}Z"
    )
    kind = event["kind"]
    parts = event[kind] if kind == "commit" else {kind: event[kind]}
    payload = {
        "$type": f"{LEXICON}#{kind}",
        "seq": seq + 1,
        "did": event["did"],
        "time": seen,
        "witnessedAt": seen,
        **parts,
    }
    return {"$type": "message", "payload": payload}


def _wanted(event: Event, query: Mapping[str, Sequence[str]]) -> bool:
    if event["kind"] not in query.get("kinds", [event["kind"]]):
        return False
    collections = query.get("wantedCollections", query.get("collections", []))
    if event["kind"] != "commit" or not collections:
        return True
    name = event["commit"]["collection"]
    return any(name == one or (one.endswith(".*") and name.startswith(one[:-1])) for one in collections)


def _now_us() -> int:
    return int(time.time() * 1e6)
