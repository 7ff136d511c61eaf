"""A Jetstream on this machine, as its public documentation describes `/subscribe`, with the faults of a bad day.

Source: README of bluesky-social/jetstream-legacy; docs/README.md of bluesky-social/jetstream, section 5.1. `wantedCollections`
(NSIDs, or a prefix with `.*`) filters commits; events of identities and accounts go to everybody. `cursor` (microseconds since
1970) replays from there, itself included; one in the future, or none, starts with what comes next.
"""

from __future__ import annotations

import http
import json
import random
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

POST = "app.bsky.feed.post"
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
    after a connection was made, whatever its cursor.
    """

    def __init__(self) -> None:
        self.break_every: int | None = None
        self.twice: int | None = None
        self.stall_after: int | None = None
        self.refuse: int | None = None
        self.keeps = True
        self.chance = random.Random(7)
        self.breaks = 0
        self.garbage: dict[int, str | bytes] = {}
        self.queries: list[dict[str, list[str]]] = []
        self.sent = 0
        self._events: list[Event] = []
        self._here: set[ServerConnection] = set()
        self._more = threading.Condition()
        self.url = ""

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
                if manner == 1:
                    with connection.protocol_mutex:
                        connection.socket.sendall(HALF_A_FRAME)
                connection.socket.shutdown(socket.SHUT_RDWR)

    @property
    def connections(self) -> int:
        return len(self.queries)

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """What is answered to a request before the connection is one."""
        query = parse_qs(urlsplit(request.path).query)
        if self.refuse is not None:
            return connection.respond(http.HTTPStatus(self.refuse), "not now\n")
        if not query.get("cursor", ["0"])[0].isdecimal() or len(query.get("wantedCollections", ())) > 100:
            return connection.respond(http.HTTPStatus.BAD_REQUEST, "bad query\n")
        return None

    def handle(self, connection: ServerConnection) -> None:
        """One subscriber, until it leaves or is thrown out."""
        assert connection.request is not None
        query = parse_qs(urlsplit(connection.request.path).query)
        cursor = int(query["cursor"][0]) if "cursor" in query else None
        with self._more:
            ahead = cursor is None or cursor > _now_us() + 3_600_000_000
            at = len(self._events) if ahead or not self.keeps else 0
            self.queries.append(query)
            number = len(self.queries)
            self._here.add(connection)
        frames = 0
        try:
            for place, event in self._from(at, connection):
                if not _wanted(event, query.get("wantedCollections", [])) or (cursor or 0) > event["time_us"]:
                    continue
                data = json.dumps(event)
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
        made.url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}/subscribe"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield made
        server.shutdown()
        thread.join()


def _wanted(event: Event, collections: Sequence[str]) -> bool:
    if event["kind"] != "commit" or not collections:
        return True
    name = event["commit"]["collection"]
    return any(name == one or (one.endswith(".*") and name.startswith(one[:-1])) for one in collections)


def _now_us() -> int:
    return int(time.time() * 1e6)
