"""An instance of Mastodon on this machine: timelines, streams over one websocket, and the faults of a bad day.

Source: docs.joinmastodon.org: /methods/timelines (`min_id` gives the page right above it, newest first), /methods/statuses (one, or
those of `id[]`), /methods/streaming (one websocket, `subscribe` messages, a payload that is JSON inside JSON), /api/rate-limits,
/entities/Status, /entities/Account.
"""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from tests.networks.jetstream import HALF_A_FRAME

TOKEN = "token-of-the-tests"
Status = dict[str, Any]


def snowflake(at: float, number: int = 0) -> str:
    """An id of a status that was written at a time, in seconds since 1970."""
    return str((int(at * 1000) << 16) + number)


def status(name: str, content: str, at: float, number: int = 0, host: str = "far.example", **fields: Any) -> Status:
    """A public status of an account of that name; `host` is where the account is, `number` tells its ids apart."""
    written = _iso(at)
    account = {
        "id": "7", "username": name, "acct": f"{name}@{host}", "display_name": name.title(), "note": "<p>I write</p>",
        "url": f"https://{host}/@{name}", "uri": f"https://{host}/users/{name}", "noindex": False, "indexable": False,
    } | fields.pop("account", {})  # fmt: skip
    return {
        "id": snowflake(at, number), "uri": f"https://{host}/users/{name}/statuses/{number}", "created_at": written,
        "edited_at": None, "visibility": "public", "sensitive": False, "spoiler_text": "", "language": "en",
        "content": content, "reblog": None, "account": account, "mentions": [], "tags": [], "media_attachments": [],
        "url": f"https://{host}/@{name}/{number}",
    } | fields  # fmt: skip


class Instance:
    """What it holds, and how it misbehaves. All may be changed while it runs.

    `break_every`: a connection ends after so many frames, every second time without a word. `twice`: every so many frames are sent
    two times. `garbage`: sent before the frame of that number. `deaf`: streams get nothing. `refuse`: every request is
    answered with this status, and with `retry_after` if that is set. `pages_left`: after so many pages of timelines the rate is
    limited. `single`: statuses are given one by one only, as before Mastodon 4.3; `asked`: those that were asked for, a list each
    time. `skew`: how far its clock is ahead, in seconds. `frozen`: connections stay open, and no ping is answered. `revoked`:
    the token is not good any more. `breaks`: how often it broke off.
    """

    def __init__(self) -> None:
        self.break_every: int | None = None
        self.twice: int | None = None
        self.garbage: dict[int, str] = {}
        self.deaf = False
        self.refuse: int | None = None
        self.retry_after: int | None = None
        self.pages_left: int | None = None
        self.skew = 0.0
        self.frozen = False
        self.revoked = False
        self.single = False
        self.asked: list[list[str]] = []
        self.subscriptions: list[str] = []
        self.pages = 0
        self.sent = 0
        self.url = ""
        self._statuses: dict[str, Status] = {}
        self._events: list[tuple[list[str], str, str]] = []
        self._lock = threading.Lock()
        self.chance = random.Random(7)
        self.breaks = self._calls = self._cuts = 0

    def break_off(self) -> None:
        """End the connections that there are: in order, without a word, or in the middle of a frame.

        At times the next answers are cut off as well.
        """
        with self._lock:
            self._cuts += self.chance.randrange(4)
            self._calls += 1

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    @property
    def connections(self) -> int:
        return len(self.subscriptions)

    def add(self, *statuses: Status) -> None:
        """Take in statuses as they come in, whatever their ids."""
        for one in statuses:
            self._put(one, "update")

    def edit(self, status_id: str, at: float, **fields: Any) -> None:
        self._put(self._statuses[status_id] | {"edited_at": _iso(at)} | fields, "status.update")

    def delete(self, status_id: str) -> None:
        with self._lock:
            gone = self._statuses.pop(status_id)
            self._tell(gone, "delete", status_id)

    def _put(self, one: Status, event: str) -> None:
        with self._lock:
            self._statuses[one["id"]] = one
            self._tell(one, event, json.dumps(one))

    def _tell(self, one: Status, event: str, payload: str) -> None:
        if not self.deaf:
            self._events.append((_streams(one), event, payload))

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """What is answered to a request; None where it becomes a connection."""
        address = urlsplit(request.path)
        status, answer = self._answer(request, address.path, parse_qs(address.query))
        if answer is None:
            return None
        headers = Headers({"Content-Type": "application/json", "Connection": "close", "Date": self._date()})
        if status != 200 and self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
            headers["X-RateLimit-Reset"] = _iso(time.time() + self.retry_after)
        body = json.dumps(answer).encode()
        headers["Content-Length"] = str(len(body))
        with self._lock:
            cut = len(body)
            if self._cuts:
                self._cuts, cut = self._cuts - 1, self.chance.randrange(cut)
                self.breaks += 1
        return Response(status, "OK" if status == 200 else "no", headers, body[:cut])

    def accepted(self, connection: ServerConnection, request: Request, response: Response) -> None:
        """What is said when a request becomes a connection."""
        del response.headers["Date"]
        response.headers["Date"] = self._date()

    def _date(self) -> str:
        return formatdate(time.time() + self.skew, usegmt=True)

    def _answer(self, request: Request, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        if self.refuse is not None:
            return self.refuse, {"error": "not now"}
        if self.revoked or request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"error": "The access token was revoked"}
        if path.rstrip("/") == "/api/v2/instance":
            return 200, {"configuration": {"urls": {"streaming": self.url.replace("http", "ws")}}}
        if path.startswith("/api/v1/timelines/"):
            if self.pages_left == 0:
                return 429, {"error": "Too many requests"}
            self.pages_left = None if self.pages_left is None else self.pages_left - 1
            self.pages += 1
            return 200, self._page(path.removeprefix("/api/v1/timelines/"), query)
        if path.startswith("/api/v1/statuses"):
            return self._statuses_of(path.removeprefix("/api/v1/statuses").strip("/"), query.get("id[]", []))
        return (101, None) if path == "/api/v1/streaming" else (404, {"error": "Record not found"})

    def _statuses_of(self, one: str, many: list[str]) -> tuple[int, Any]:
        if self.single and not one:
            return 404, {"error": "Record not found"}
        self.asked.append([one] if one else many)
        with self._lock:
            found = [self._statuses[each] for each in self.asked[-1] if each in self._statuses]
        if not one:
            return (200, found) if len(many) <= 20 else (422, {"error": "Validation failed"})
        return (200, found[0]) if found else (404, {"error": "Record not found"})

    def _page(self, timeline: str, query: dict[str, list[str]]) -> list[Status]:
        stream = f"hashtag:{timeline[4:]}" if timeline.startswith("tag/") else "public"
        stream += ":local" if "local" in query else ":remote" if "remote" in query else ""
        limit = min(int(query.get("limit", ["20"])[0]), 40)
        with self._lock:
            found = sorted(
                (one for one in self._statuses.values() if stream in _streams(one)), key=lambda one: int(one["id"])
            )
        if "min_id" in query:
            found = [one for one in found if int(one["id"]) > int(query["min_id"][0])][:limit]
        return found[-limit:][::-1]

    def handle(self, connection: ServerConnection) -> None:
        """One subscriber, until it leaves or is thrown out."""
        streams: list[str] = []
        frames, at, calls = 0, 0, self._calls
        try:
            while not self.revoked and calls == self._calls:
                with connection.protocol_mutex:
                    # Without it nothing that comes in is read.
                    while self.frozen:
                        time.sleep(0.02)
                try:
                    asked = json.loads(connection.recv(timeout=0.005))
                    at = at if streams else len(self._events)
                    streams.append(asked["stream"] + (f":{asked['tag']}" if "tag" in asked else ""))
                    self.subscriptions += streams if len(streams) == 1 else []
                    continue
                except TimeoutError:
                    pass
                for wanted, event, payload in self._events[at:]:
                    at += 1
                    for stream in (one for one in streams if one in wanted):
                        frames += self._send(connection, stream, event, payload)
                    if self.break_every and frames >= self.break_every:
                        if self.connections % 2:
                            connection.socket.shutdown(socket.SHUT_RDWR)
                        return
            self.breaks += calls != self._calls
            if calls != self._calls and (manner := self.chance.randrange(3)):
                if manner == 1:
                    connection.socket.sendall(HALF_A_FRAME)
                connection.socket.shutdown(socket.SHUT_RDWR)
        except (ConnectionClosed, OSError):
            return

    def _send(self, connection: ServerConnection, stream: str, event: str, payload: str) -> int:
        named = stream.split(":", 1) if stream.startswith("hashtag") else [stream]
        frame = json.dumps({"stream": named, "event": event, "payload": payload})
        garbage = [self.garbage.pop(self.sent)] if self.sent in self.garbage else []
        frames = [*garbage, *[frame] * (2 if self.twice and self.sent % self.twice == 0 else 1)]
        for one in frames:
            connection.send(one)
            self.sent += 1
        return len(frames)


@contextmanager
def instance() -> Iterator[Instance]:
    """A server on a free port of the loopback."""
    made = Instance()
    with serve(
        made.handle, "127.0.0.1", 0, process_request=made.admit, process_response=made.accepted, close_timeout=1
    ) as server:
        made.url = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield made
        server.shutdown()
        thread.join()


def _streams(one: Status) -> list[str]:
    place = "remote" if "@" in one["account"]["acct"] else "local"
    return ["public", f"public:{place}", *(f"hashtag:{tag['name'].lower()}" for tag in one["tags"])]


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
