"""X's API v2 through tweepy: another host where one is named, an end to each wait, and errors that say what to do.

tweepy has its host in its code, waits for an answer as long as it takes, and at DEBUG it logs the credential. An adapter of its
sessions sends every request to `base_url` and sets the patience; `shared/logs.py` keeps its loggers quiet.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests
import tweepy
from requests.adapters import HTTPAdapter

from services.ingest.networks.clocks import server_time
from services.ingest.networks.x.configuration import X
from services.ingest.source import SourceBroken
from shared import retry_after
from shared.errors import AdrwatchError

_PATIENCE = (10.0, 30.0)
_HOST = "https://api.twitter.com"
_UNAUTHORIZED, _FORBIDDEN, _TOO_MANY, _SERVER = 401, 403, 429, 500
# X's windows for limits of requests are 15 minutes; a plan's posts of the month come back at a day that only the plan knows.
_LONGEST_LIMIT = 900.0
_CAP_SECONDS = 3600.0
_MOST_DETAIL = 200


class RateLimited(SourceBroken):
    """X wants to be left alone for `wait_seconds`: too many requests of one kind."""


class Waits:
    """How long to wait before the next connection, as X asks: none after one that worked and broke, then 250 ms more with each
    network error up to 16 s; HTTP errors 5 s doubling up to 320 s, limits 60 s doubling or what the answer says. Source:
    docs.x.com, "Handling disconnections".
    """

    def __init__(self) -> None:
        self._network = self._http = self._limited = 0

    def well(self) -> None:
        """Something was read: the next trouble is the first again."""
        self._network = self._http = self._limited = 0

    def network(self) -> float:
        """Seconds after a connection that failed or ended."""
        wait = min(16.0, 0.25 * self._network)
        self._network += 1
        return wait

    def answered(self, status: int, headers: Mapping[str, str]) -> float:
        """Seconds after an answer that is none of success."""
        said = _said(headers)
        if said is not None:
            return min(said, _LONGEST_LIMIT)
        if status == _TOO_MANY:
            self._limited += 1
            return min(_LONGEST_LIMIT, 60.0 * 2.0 ** (self._limited - 1))
        self._http += 1
        return min(320.0, 5.0 * 2.0 ** (self._http - 1))


class Redirected(HTTPAdapter):
    """Sends what is meant for X's host to `base_url`, and gives the headers of every answer to `heed`.

    `patience`: seconds to connect and to wait for the next byte.
    """

    def __init__(
        self, base_url: str, heed: Callable[[Mapping[str, str]], None], patience: tuple[float, float] = _PATIENCE
    ) -> None:
        super().__init__()
        self._heed = heed
        self._base = base_url.rstrip("/")
        self._patience = patience

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: bool | str = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """See HTTPAdapter. Proxies are those of the environment for the host that is really asked."""
        request.url = self._base + (request.url or "").removeprefix(_HOST)
        proxies = requests.utils.get_environ_proxies(request.url)
        response = super().send(request, stream, self._patience, verify, cert, proxies)
        self._heed(response.headers)
        return response


class Api:
    """The endpoints that a source uses. The credential is read for each use, so that a renewed one is taken up."""

    def __init__(self, configuration: X, source: str) -> None:
        self._configuration = configuration
        self._what = f"source {source}: bearer_token"
        self.host = urlsplit(configuration.base_url).netloc
        self.waits = Waits()
        self._ahead = 0.0

    def token(self) -> str:
        """The credential. Raises AdrwatchError where there is none."""
        return self._configuration.bearer_token.read(self._what)

    def redirect(self, session: requests.Session, patience: tuple[float, float] = _PATIENCE) -> None:
        """Let a session of tweepy ask `base_url`."""
        session.mount(_HOST, Redirected(self._configuration.base_url, self._set_clock, patience))

    def now(self) -> float:
        """X's clock, as its last answer told it, in seconds since 1970: ids and limits go by it."""
        return time.time() + self._ahead

    def rules(self) -> list[Any]:
        """The rules of the stream, each with `id`, `value` and perhaps `tag`. Raises SourceBroken, as all below."""
        with self._asked("rules") as (_, streaming):
            return list(streaming.get_rules().get("data") or [])

    def add_rules(self, values: list[str], tag: str, *, dry_run: bool) -> list[Any]:
        """Add rules, or only try whether X would take them; gives the errors of those that it does not."""
        with self._asked("rules") as (_, streaming):
            rules = [tweepy.StreamRule(value=value, tag=tag) for value in values]
            try:
                answer = streaming.add_rules(rules, **({"dry_run": "true"} if dry_run else {}))
            except tweepy.BadRequest as error:
                return _listed(error.response)
            return list(answer.get("errors") or [])

    def delete_rules(self, ids: list[str]) -> None:
        """Delete rules."""
        with self._asked("rules") as (_, streaming):
            streaming.delete_rules(ids)

    def search(self, query: str, since: int, next_token: str | None) -> Any:
        """One page of recent search, newest first."""
        with self._asked("search") as (client, _):
            return client.search_recent_tweets(
                query, since_id=str(since), max_results=100, next_token=next_token, tweet_fields=self.fields
            )

    def compliance(self, call: Callable[[tweepy.Client], Any]) -> Any:
        """Whatever is asked of the compliance jobs."""
        with self._asked("compliance jobs") as (client, _):
            return call(client)

    @property
    def fields(self) -> list[str]:
        """What is asked of each post: no more than is used."""
        wanted = ["created_at", "lang", "note_tweet", "edit_history_tweet_ids"]
        return [*wanted, "author_id"] if self._configuration.policy.keeps_identifiers else wanted

    def broken(self, what: str, wait: float | None = None, *, fix: str = "") -> SourceBroken:
        """The error of X's host."""
        return SourceBroken(
            f"{self.host} {what}", fix=fix or "look at the network's status, and at your way to it", wait_seconds=wait
        )

    def refused(self, response: requests.Response, part: str) -> SourceBroken:
        """The error of an answer that is none of success, with what X says of it."""
        status, said = response.status_code, problem(response)
        wait = self.waits.answered(status, response.headers)
        if status == _UNAUTHORIZED:
            return self.broken(
                "refuses the credential (HTTP 401)",
                wait,
                fix="put a bearer token that is valid where bearer_token says",
            )
        if status == _FORBIDDEN:
            return self.broken(f"does not allow {part} ({said})", wait, fix="see what the app's plan allows")
        if status == _TOO_MANY and "UsageCap" in said:
            return self.broken(
                f"gives no more posts this month ({said})", _CAP_SECONDS, fix="raise the plan's cap at X, or wait"
            )
        if status == _TOO_MANY:
            return RateLimited(
                f"{self.host} limits {part} ({said})",
                fix="another connection with this credential, or too many requests",
                wait_seconds=wait,
            )
        return self.broken(f"answers with {said}", wait)

    def unreachable(self, error: BaseException) -> SourceBroken:
        """The error of a host that does not answer at all."""
        return self.broken(f"cannot be reached: {type(error).__name__}", self.waits.network())

    def _set_clock(self, headers: Mapping[str, str]) -> None:
        told = server_time(headers)
        if told is not None:
            self._ahead = told - time.time()

    @contextmanager
    def _asked(self, part: str) -> Iterator[tuple[tweepy.Client, tweepy.StreamingClient]]:
        """Clients of tweepy for one question, with its errors in adrwatch's terms."""
        try:
            token = self.token()
        except AdrwatchError as error:
            raise SourceBroken(error.message, fix=error.fix) from None
        client = tweepy.Client(token, return_type=dict)
        streaming = tweepy.StreamingClient(token, return_type=dict)
        try:
            for one in (client, streaming):
                self.redirect(one.session)
            yield client, streaming
        except tweepy.HTTPException as error:
            raise self.refused(error.response, part) from None
        except requests.RequestException as error:
            raise self.unreachable(error) from None
        except (ValueError, AttributeError, TypeError, KeyError) as error:
            raise self.broken(f"sends something else for {part}: {type(error).__name__}") from None
        finally:
            client.session.close()
            streaming.session.close()


def problem(response: requests.Response) -> str:
    """What X says of a refusal: status, title and detail."""
    said = f"HTTP {response.status_code}"
    try:
        answer = response.json()
        for one in (answer, *(answer.get("errors") or ())):
            if one.get("title"):
                return f"{said}: {one['title']}: {str(one.get('detail', ''))[:_MOST_DETAIL]}".rstrip(": ")
    except (ValueError, AttributeError, TypeError, RecursionError, requests.RequestException):
        return said
    return said


def _listed(response: requests.Response) -> list[Any]:
    errors = response.json().get("errors")
    return list(errors) if errors else [{"title": problem(response)}]


def _said(headers: Mapping[str, str]) -> float | None:
    """What an answer says of the wait: `Retry-After`, or the end of the limit's window by the server's own clock."""
    if (after := retry_after.seconds(headers.get("Retry-After"), clock=headers.get("Date"))) is not None:
        return after
    reset = headers.get("x-rate-limit-reset", "")
    if not reset.isdecimal():
        return None
    left = max(0.0, float(reset) - (server_time(headers) or time.time())) + 1.0
    return min(retry_after.MOST_SECONDS, left)
