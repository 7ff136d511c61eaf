"""One instance: its timelines over REST, by Mastodon.py, and its streams over one websocket.

Mastodon.py reads streams in a thread of its own that nobody can slow down; a websocket of `websockets` is read no faster than it is
taken, and ends with the connection. It also pings, which finds a dead connection as the heartbeats (`:thump`) of the other form do.

Source: docs.joinmastodon.org/methods/timelines, /methods/streaming, /methods/statuses and /api/rate-limits.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from mastodon import Mastodon as Client
from mastodon import errors
from websockets import CloseCode
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from services.ingest.networks.mastodon.configuration import Instance
from services.ingest.networks.mastodon.statuses import Status, id_of
from services.ingest.source import SourceBroken
from shared import retry_after

OPEN_SECONDS = 10.0
_CLOSE_SECONDS = 1.0
_FRAMES_HELD = 64
_LARGEST_FRAME = 1 << 20
_PAGE = 40
_REFUSED = (401, 403)
# There is no such status, or no such page.
_NOT_THERE = (404, 405, 410)
# More in one request are refused (DEFAULT_STATUSES_LIMIT of its controllers).
MOST_IDS = 20
# Where a server limits the rate without a word for how long: its usual window.
_RATE_SECONDS = 300.0
_LONGEST_WAIT = 900.0
_LOOK = "look at the instance's status, and at your way to it"

# Its debug records hold tokens and texts.
_quiet = logging.getLogger(__name__)
_quiet.setLevel(logging.INFO)


class NotThere(SourceBroken):
    """The instance has nothing at this address."""


class Server:
    """Asks one instance. Raises SourceBroken, which names the instance and never the token."""

    def __init__(self, instance: Instance, token: str, stall_seconds: float) -> None:
        self.host = instance.host
        self._instance = instance
        self._token = token
        self._stall_seconds = stall_seconds
        self._retry_after: float | None = None
        self._ahead = 0.0
        session = requests.Session()
        session.hooks["response"].append(self._heed)
        self._client = Client(
            access_token=token,
            api_base_url=instance.url,
            ratelimit_method="throw",
            request_timeout=OPEN_SECONDS,
            session=session,
            user_agent="adrwatch",
        )

    def now(self) -> float:
        """The instance's clock, as its last answer told it, in seconds since 1970: ids go by it."""
        return time.time() + self._ahead

    def newest(self, stream: str) -> str:
        """The id of the newest status of a stream; `0` where it has none yet."""
        found = self._timeline(stream, limit=1)
        return id_of(found[0]) if found else "0"

    def after(self, stream: str, status_id: str) -> list[Status]:
        """The statuses that follow one, oldest first: a page of them; none where it was the last."""
        return self._timeline(stream, limit=_PAGE, min_id=status_id)[::-1]

    def standing(self, ids: list[str]) -> dict[str, Status] | None:
        """Those of up to MOST_IDS statuses that can be seen, by id; None where the instance gives single ones only (before 4.3)."""
        try:
            return {id_of(one): one for one in self._page(lambda: self._client.statuses(ids))}
        except NotThere:
            return None

    def status(self, status_id: str) -> Status | None:
        """A status, or None where it is gone, or not to be seen any more."""
        try:
            found = self._asked(lambda: self._client.status(status_id))
        except NotThere:
            return None
        if not isinstance(found, Mapping):
            raise self.broken("sends something else than a status")
        return found

    def wait(self) -> float:
        """For how many seconds what is not urgent is to wait: where half of a window's requests are used, for the next one."""
        reset, left = self._client.ratelimit_reset, self._client.ratelimit_remaining
        if reset is None or left * 2 >= self._client.ratelimit_limit:
            return 0.0
        return float(min(max(0.0, reset - time.time()), _LONGEST_WAIT))

    def open(self, streams: tuple[str, ...]) -> Connection:
        """A connection that was asked for these streams; the one who reads it takes its end to `closed`."""
        base = self._instance.streaming or self._streaming_address()
        try:
            socket = connect(
                f"{base}/api/v1/streaming",
                additional_headers={"Authorization": f"Bearer {self._token}"},
                open_timeout=OPEN_SECONDS,
                close_timeout=_CLOSE_SECONDS,
                ping_interval=self._stall_seconds / 2,
                ping_timeout=self._stall_seconds / 2,
                max_size=_LARGEST_FRAME,
                max_queue=_FRAMES_HELD,
                user_agent_header="adrwatch",
                logger=_quiet,
            )
            self._set_clock(socket.response.headers if socket.response is not None else {})
            for stream in streams:
                kind, _, tag = stream.partition(":") if stream.startswith("hashtag:") else (stream, "", "")
                socket.send(json.dumps({"type": "subscribe", "stream": kind} | ({"tag": tag} if tag else {})))
        except InvalidStatus as error:
            raise self._refused(error.response.status_code, _seconds(error.response.headers)) from error
        except ConnectionClosed as error:
            raise self.closed(error) from error
        except TimeoutError as error:
            raise self.broken(f"did not answer within {OPEN_SECONDS:g} s") from error
        except (OSError, WebSocketException, ImportError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise self.broken(f"cannot be reached: {reason}") from error
        return socket

    def closed(self, error: ConnectionClosed) -> SourceBroken:
        """The error that a connection has ended."""
        if error.sent is not None and error.sent.code == CloseCode.INTERNAL_ERROR:
            # `websockets` ends a connection so when a ping was not answered.
            return self.broken(f"did not answer for {self._stall_seconds:g} s")
        reason = f"code {error.rcvd.code}" if error.rcvd else "without a word"
        return self.broken(f"closed the connection, {reason}")

    def broken(self, what: str, wait_seconds: float | None = None) -> SourceBroken:
        """The error that this instance is in trouble."""
        return SourceBroken(f"{self.host} {what}", fix=_LOOK, wait_seconds=wait_seconds)

    def _streaming_address(self) -> str:
        parts = urlsplit(self._instance.url)
        own = f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}"
        try:
            found = self._asked(lambda: self._client.instance_v2())["configuration"]["urls"]["streaming"]
        except (KeyError, TypeError, SourceBroken):
            # Other software has not this page of Mastodon's; its streams are where the rest is.
            return own
        return str(found).rstrip("/") if str(found).startswith(("ws://", "wss://")) else own

    def _timeline(self, stream: str, **keys: Any) -> list[Status]:
        kind, _, which = stream.partition(":")
        if kind == "hashtag":
            return self._page(lambda: self._client.timeline_hashtag(which, **keys))
        where = {which: True} if which else {}
        return self._page(lambda: self._client.timeline_public(**where, **keys))

    def _page(self, call: Callable[[], Any]) -> list[Status]:
        found = self._asked(call)
        if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
            raise self.broken("sends something else than statuses")
        return list(found)

    def _asked(self, call: Callable[[], Any]) -> Any:
        self._retry_after = None
        try:
            return call()
        except errors.MastodonRatelimitError as error:
            reset = self._client.ratelimit_reset
            left = reset - time.time() if reset is not None else self._retry_after
            wait = _RATE_SECONDS if left is None else min(max(left, 1.0), _LONGEST_WAIT)
            raise self.broken(f"limits the rate, waiting {wait:.0f} s", wait) from error
        except errors.MastodonNetworkError as error:
            raise self.broken("cannot be reached, or did not answer in time") from error
        except errors.MastodonAPIError as error:
            status = error.args[1] if len(error.args) > 1 and isinstance(error.args[1], int) else None
            if status is None:
                # The text of the error quotes what was sent.
                raise self.broken("sends something else than Mastodon's API") from None
            raise self._refused(status, self._retry_after) from None
        except errors.MastodonError as error:
            raise self.broken(f"cannot be asked: {type(error).__name__}") from None

    def _refused(self, status: int, wait_seconds: float | None) -> SourceBroken:
        if status in _REFUSED:
            return SourceBroken(
                f"{self.host} refuses the token (HTTP {status})",
                fix="make a new access token with the scope read:statuses at the instance (docs/sources/mastodon.md)",
            )
        said = f"answers with HTTP {status}"
        if status in _NOT_THERE:
            return NotThere(f"{self.host} {said}", fix=_LOOK, wait_seconds=wait_seconds)
        return self.broken(said, wait_seconds)

    def _heed(self, response: requests.Response, *_: Any, **__: Any) -> None:
        self._set_clock(response.headers)
        self._retry_after = _seconds(response.headers) if response.status_code >= 400 else None

    def _set_clock(self, headers: Mapping[str, str]) -> None:
        told = retry_after.moment(headers.get("Date"))
        if told is not None:
            self._ahead = told.timestamp() - time.time()


def _seconds(headers: Mapping[str, str]) -> float | None:
    return retry_after.seconds(headers.get("Retry-After"), most=_LONGEST_WAIT, clock=headers.get("Date"))
