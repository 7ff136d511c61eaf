"""One connection to X's filtered stream, read in a thread of its own.

tweepy's client reconnects at once after a clean end, ends for good on any exception of a handler, and cannot be stopped while it
waits for a byte. Here every end is the last of its connection, handlers only put lines into a queue, and `close` shuts the socket
down, so that X does not take the next connection for a second one.
"""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests
import tweepy

from services.ingest.networks.x.api import Api
from services.ingest.source import SourceBroken

_MOMENT = 0.5
_LINES_HELD = 2000
_CONNECT_SECONDS = 10.0
_JOIN_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Heard:
    """What came: a line, or a keep-alive (None); `at` is when, by X's clock, in seconds since 1970."""

    data: bytes | None
    at: float


class Stream:
    """A connection, from its making until `close`. `stall_seconds`: silence that is taken for a broken one."""

    def __init__(self, api: Api, token: str, stall_seconds: float, backfill_minutes: int | None) -> None:
        self._api = api
        self._stall_seconds = stall_seconds
        self._client = _Client(api, token, stall_seconds)
        fields = {"tweet_fields": api.fields, "backfill_minutes": backfill_minutes}
        self._thread = threading.Thread(target=self._client.filter, kwargs=fields, name="x-stream", daemon=True)
        self._thread.start()

    @property
    def connected_at(self) -> float | None:
        """When it was connected, by X's clock; None until then."""
        return self._client.connected_at

    def get(self) -> Heard | None:
        """What comes next, None where nothing does for a moment. Raises SourceBroken where the connection is at its end."""
        try:
            found = self._client.lines.get(timeout=_MOMENT)
        except queue.Empty:
            # Making a connection has an end of its own.
            if self.connected_at is not None and time.monotonic() - self._client.heard > self._stall_seconds:
                raise self._api.broken(
                    f"sent nothing for {self._stall_seconds:g} s", self._api.waits.network()
                ) from None
            return None
        if not isinstance(found, Heard):
            # How long to wait is asked now, when all that came before the end was heard, and once for each connection.
            raise found()
        self._api.waits.well()
        return found

    def close(self) -> None:
        """End the connection."""
        self._client.leave()
        self._thread.join(_JOIN_SECONDS)


class _Client(tweepy.StreamingClient):  # type: ignore[misc]
    def __init__(self, api: Api, token: str, stall_seconds: float) -> None:
        super().__init__(token, daemon=True)
        self.lines: queue.Queue[Heard | Callable[[], SourceBroken]] = queue.Queue(_LINES_HELD)
        self.connected_at: float | None = None
        self._api = api
        self._left = self._ended = False
        # By the thread that reads: whoever takes from the queue may be busy elsewhere.
        self.heard = time.monotonic()
        self._response: requests.Response | None = None
        # The read may last longer than a stall is allowed to, so that the one who reads the queue tells the stall.
        api.redirect(self.session, (_CONNECT_SECONDS, stall_seconds + _CONNECT_SECONDS))
        self.session.hooks["response"].append(self._answered)

    def leave(self) -> None:
        self._left, self.running = True, False
        if self._response is not None:
            # It may have ended by itself, and its connection be gone.
            with contextlib.suppress(ValueError, RuntimeError, OSError, AttributeError):
                self._response.raw.shutdown()

    def _answered(self, response: requests.Response, *_: Any, **__: Any) -> None:
        self._response = response
        if self._left:
            self.running = False

    def _put(self, what: Heard | Callable[[], SourceBroken]) -> None:
        self.heard = time.monotonic()
        while not self._left:
            with contextlib.suppress(queue.Full):
                self.lines.put(what, timeout=_MOMENT)
                # It may have waited for room all the while.
                self.heard = time.monotonic()
                return

    def _end(self, trouble: Callable[[], SourceBroken]) -> None:
        self.running = False
        if not (self._left or self._ended):
            self._ended = True
            self._put(trouble)

    def on_connect(self) -> None:
        self.heard, self.connected_at = time.monotonic(), self._api.now()

    def on_data(self, raw_data: bytes) -> None:
        self._put(Heard(raw_data, self._api.now()))

    def on_keep_alive(self) -> None:
        self._put(Heard(None, self._api.now()))

    def on_closed(self, response: requests.Response) -> None:
        self._end(lambda: self._api.broken("closed the connection", self._api.waits.network()))

    def on_request_error(self, status_code: int) -> None:
        response = self._response
        if response is not None:
            refusal = self._api.refused(response, "the stream")
            self._end(lambda: refusal)

    def on_connection_error(self) -> None:
        error = sys.exc_info()[1] or ConnectionError()
        broke = self.connected_at is not None
        self._end(
            lambda: (
                self._api.broken("broke the connection", self._api.waits.network())
                if broke
                else self._api.unreachable(error)
            )
        )

    def on_exception(self, exception: Exception) -> None:
        self._end(lambda: self._api.unreachable(exception))

    def on_disconnect(self) -> None:
        # Whatever way it ended: nobody is to wait for more.
        self._end(lambda: self._api.broken("closed the connection", self._api.waits.network()))
