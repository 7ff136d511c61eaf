"""Reddit's Data API through asyncpraw: waits that let others go on, and errors that say what to do.

asyncpraw renews the token and spreads requests over the window of Reddit's limit. Its objects are not used: answers are taken as
they are. It drops what an answer that is none of success says, and stumbles over a Retry-After that is a date; so these are
looked at before it sees them. An answer is waited for in moments, so that whoever follows can stop in between.

Sources: www.reddit.com/dev/api; support.reddithelp.com, "Reddit Data API Wiki" (user agents, X-Ratelimit headers).
"""

from __future__ import annotations

import asyncio
import configparser
import math
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import asyncpraw
import msgspec
from asyncprawcore.const import ACCESS_TOKEN_PATH
from asyncprawcore.exceptions import (
    AsyncPrawcoreException,
    BadJSON,
    OAuthException,
    RequestException,
    ResponseException,
)

from services.ingest.networks.clocks import server_time
from services.ingest.networks.reddit.configuration import Reddit
from services.ingest.source import SourceBroken
from shared import retry_after
from shared.errors import AdrwatchError
from shared.not_json import NOT_JSON

_MOMENT = 0.2
_LIMIT_SECONDS = 60.0
# Reddit's window for its limits.
_LONGEST_LIMIT = 600.0
_MOST_DETAIL = 200
_REACH = "look at redditstatus.com, and at your way to it"
# What Reddit says of a subreddit that it does not show, in `reason`, and how it is said here.
_CLOSED = {
    "private": ("is private", "take it out of subreddits"),
    "banned": ("was banned by Reddit", "take it out of subreddits"),
    "quarantined": ("is quarantined: only accounts that agreed to it may read it", "take it out of subreddits"),
    "gated": ("stands behind a warning: only accounts that agreed to it may read it", "take it out of subreddits"),
    "gold_only": ("is for members of Reddit Premium", "take it out of subreddits"),
}


class Closed(SourceBroken):
    """One subreddit, or one search, cannot be read; others may be."""


class Limited(SourceBroken):
    """Reddit wants to be left alone: nothing else can be asked either."""


class _Refused(Exception):
    """An answer that is none of success. `token`: it was a token that was asked for."""

    def __init__(self, status: int, headers: Mapping[str, str], said: Mapping[str, Any], *, token: bool) -> None:
        super().__init__(f"HTTP {status}")
        self.status, self.headers, self.said, self.token = status, headers, said, token


class Api:
    """What a source asks of Reddit. Credentials are read for each session, so that renewed ones are taken up."""

    def __init__(self, configuration: Reddit, source: str) -> None:
        self._configuration = configuration
        self._source = source
        self.host = urlsplit(configuration.oauth_url).netloc
        self._ahead = 0.0
        self._spent_until = 0.0

    def credentials(self) -> tuple[str, str]:
        """The app's id and secret. Raises AdrwatchError where one is missing."""
        where = f"source {self._source}"
        configuration = self._configuration
        return (
            configuration.client_id.read(f"{where}: client_id"),
            configuration.client_secret.read(f"{where}: client_secret"),
        )

    def now(self) -> float:
        """Reddit's clock, as its last answer told it, in seconds since 1970."""
        return time.time() + self._ahead

    def broken(self, what: str, fix: str = "", wait: float | None = None) -> SourceBroken:
        """The error of Reddit's host."""
        return SourceBroken(f"{self.host} {what}", fix=fix or _REACH, wait_seconds=wait)

    def _limited(self, what: str, wait: float) -> Limited:
        return Limited(f"{self.host} {what}", fix="nothing; if it comes often, follow less", wait_seconds=wait)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Connections and a token, for as long as the context lasts. Raises SourceBroken without credentials."""
        try:
            credentials = self.credentials()
        except AdrwatchError as error:
            raise SourceBroken(error.message, fix=error.fix) from None
        with asyncio.Runner() as runner:
            try:
                reddit = runner.run(self._connect(*credentials))
            except configparser.Error:
                raise SourceBroken("a praw.ini cannot be read", fix="mend it, or remove it: it is not used") from None
            try:
                yield Session(self, runner, reddit)
            finally:
                runner.run(reddit.close())

    async def _connect(self, client_id: str, client_secret: str) -> asyncpraw.Reddit:
        configuration = self._configuration
        # Proxies are those of the environment. What a praw.ini says of accounts or hosts counts for nothing here.
        return asyncpraw.Reddit(
            "DEFAULT",
            client_id=client_id,
            client_secret=client_secret,
            user_agent=configuration.user_agent,
            username=None,
            password=None,
            refresh_token=None,
            redirect_uri=None,
            oauth_url=configuration.oauth_url.rstrip("/"),
            reddit_url=configuration.reddit_url.rstrip("/"),
            check_for_updates=False,
            requestor_kwargs={"session": aiohttp.ClientSession(trust_env=True, middlewares=[self._look_at])},
        )

    async def _look_at(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """What comes of every request, before asyncpraw has it: clock and limits are noted, refusals raised with what they say."""
        response = await handler(request)
        self._note(response.headers)
        token = request.url.path.endswith(ACCESS_TOKEN_PATH)
        # asyncpraw asks for a new token after a 401.
        if response.status == 200 or (response.status == 401 and not token):
            return response
        raise _Refused(response.status, response.headers, _said(await response.read()), token=token)

    def _note(self, headers: Mapping[str, str]) -> None:
        if (told := server_time(headers)) is not None:
            self._ahead = told - time.time()
        left, reset = _number(headers, "X-Ratelimit-Remaining"), _number(headers, "X-Ratelimit-Reset")
        if left is not None and reset is not None and left < 1:
            self._spent_until = time.monotonic() + min(reset, _LONGEST_LIMIT)

    def heed_limit(self) -> None:
        """Raises SourceBroken where Reddit has said that no request is left."""
        left = self._spent_until - time.monotonic()
        if left > 0:
            raise self._limited("has no request left for this app", left)

    def trouble(self, error: Exception, name: str) -> SourceBroken:
        """What an error of asyncpraw means for whoever asked for `name`, which is `r/…` for a subreddit."""
        if isinstance(error, RequestException) and isinstance(error.original_exception, _Refused):
            return self._refusal(error.original_exception, name)
        if isinstance(error, OAuthException):
            return self._bad_key(error.error)
        if isinstance(error, BadJSON) or not isinstance(error, AsyncPrawcoreException):
            return self.broken(f"sends something else than JSON for {name}")
        if isinstance(error, ResponseException):
            return self.broken(
                f"takes back the token that it has just given (HTTP {error.response.status})",
                "look whether the app is still there, and approved",
            )
        cause = error.original_exception if isinstance(error, RequestException) else error
        if isinstance(cause, aiohttp.ClientPayloadError):
            return self.broken(f"broke off in the middle of an answer for {name}")
        if isinstance(cause, aiohttp.ContentTypeError | ArithmeticError | ValueError | LookupError):
            return self.broken(f"sends something else than JSON for {name}")
        return self.broken(f"cannot be reached: {type(cause).__name__}")

    def _bad_key(self, said: str) -> SourceBroken:
        return self.broken(
            f"refuses the app's key ({said})",
            "put id and secret of an app that has access where client_id and client_secret say",
        )

    def _refusal(self, refused: _Refused, name: str) -> SourceBroken:
        status, said = refused.status, f"HTTP {refused.status}"
        wait = _wait(refused.headers)
        if status == 429:
            return self._limited(f"limits the rate ({said})", _LIMIT_SECONDS if wait is None else wait)
        if refused.token and status < 500:
            return self._bad_key(said)
        reason = str(refused.said.get("reason") or "")
        if name.startswith("r/") and reason in _CLOSED:
            what, fix = _CLOSED[reason]
            return Closed(f"{name} {what}", fix=fix)
        # Reddit leads to its search for subreddits instead of one that is not there.
        if name.startswith("r/") and status in (302, 404):
            return Closed(f"there is no {name}", fix="mend its name in subreddits, or take it out")
        if status == 403:
            return self.broken(
                f"does not allow {name} ({said})", "look whether the app is approved, and user_agent its own"
            )
        if status == 400:
            detail = str(refused.said.get("explanation") or refused.said.get("message") or "")[:_MOST_DETAIL]
            return Closed(f"{self.host} refuses {name} ({said}: {detail})", fix="lower query_length, or mend drugs")
        return self.broken(f"answers with {said} for {name}", wait=wait)


class Session:
    """A session that is open."""

    def __init__(self, api: Api, runner: asyncio.Runner, reddit: asyncpraw.Reddit) -> None:
        self._api = api
        self._runner = runner
        self._reddit = reddit

    def get(self, path: str, name: str, params: Mapping[str, str | int]) -> Generator[None, None, Any]:
        """The answer, and a None for every moment that it takes. `name` is what errors call it. Raises SourceBroken."""
        self._api.heed_limit()
        asked = self._runner.get_loop().create_task(
            self._reddit.request(method="GET", path=path, params=dict(params)), name="reddit"
        )
        while not asked.done():
            self._runner.run(asyncio.wait([asked], timeout=_MOMENT))
            if not asked.done():
                yield None
        try:
            return asked.result()
        except (AsyncPrawcoreException, ValueError, TypeError, LookupError, AttributeError) as error:
            # Those of Python are of a token, or of headers, in a form that asyncpraw does not know.
            raise self._api.trouble(error, name) from None


def _said(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except NOT_JSON:
        return {}


def _wait(headers: Mapping[str, str]) -> float | None:
    """How long Reddit wants to be left alone: by Retry-After, or until its window for requests ends where none is left."""
    if (after := retry_after.seconds(headers.get("Retry-After"))) is not None:
        return after
    reset = _number(headers, "X-Ratelimit-Reset")
    if reset is None or _number(headers, "X-Ratelimit-Remaining") != 0:
        return None
    return min(_LONGEST_LIMIT, max(0.0, reset))


def _number(headers: Mapping[str, str], name: str) -> float | None:
    """A number of a header, None where there is none, or one without an end."""
    try:
        found = float(headers[name])
    except (KeyError, ValueError):
        return None
    return found if math.isfinite(found) else None
