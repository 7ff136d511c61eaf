"""A forum's `/posts.json`: its posts by their numbers, the newest first.

Sources: docs.discourse.org (`GET /posts.json`, headers Api-Key and Api-Username); Discourse's PostsController#latest: `before`
takes posts whose number is at most that, only public ones, 50 at most; older versions look at 50 numbers only, public or not.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import msgspec

from services.ingest.networks.discourse.configuration import Discourse
from services.ingest.networks.robots import Robots
from services.ingest.networks.web import Page, Web, answered, named
from services.ingest.source import SourceBroken
from services.ingest.times import parse_time
from shared import retry_after
from shared.not_json import NOT_JSON

# Numbers that one request is sure to reach.
WINDOW = 50
# Nobody who wants to stop waits longer for a Crawl-delay.
_LONGEST_PAUSE = 60.0
_MOST_BYTES = 20 << 20


class ForumPost(msgspec.Struct, frozen=True):
    """A post. `id` is its number in the forum; `cooked` is HTML; `hidden` and `user_deleted` posts are no more to be shown."""

    id: int
    cooked: str
    created_at: str
    username: str | None = None
    updated_at: str | None = None
    version: int = 1
    hidden: bool = False
    user_deleted: bool = False
    deleted_at: str | None = None

    @property
    def gone(self) -> bool:
        """Whether its writer or the forum has taken it back."""
        return self.hidden or self.user_deleted or self.deleted_at is not None

    def written(self, latest: datetime) -> datetime:
        """When it was written, but not later than `latest`; that as well where the forum gives no time that can be read."""
        return _time(self.created_at, latest)

    def edited_since(self, moment: datetime, at: datetime) -> bool:
        """Whether it has another text than it had at a moment."""
        return self.version > 1 and _time(self.updated_at or "", at) >= moment


class _Latest(msgspec.Struct, frozen=True):
    latest_posts: list[ForumPost]


class _Peace(msgspec.Struct, frozen=True):
    wait_seconds: float | None = None


class _Refused(msgspec.Struct, frozen=True):
    extras: _Peace | None = None


_posts = msgspec.json.Decoder(_Latest)
_refused = msgspec.json.Decoder(_Refused)


class Forum:
    """Asks for posts, with a pause before every request but the first."""

    def __init__(self, configuration: Discourse, key: str | None) -> None:
        self._url = configuration.forum.rstrip("/")
        self._keyed = key is not None
        self._headers = {"Api-Key": key, "Api-Username": configuration.api_username or ""} if key is not None else {}
        self._pause = configuration.pause_seconds
        self._asked: float | None = None
        # How far the forum's clock is ahead of this machine's: it tells when posts were edited.
        self.ahead = timedelta()
        self._web = Web(
            private=configuration.private_addresses, timeout=configuration.timeout_seconds, most_bytes=_MOST_BYTES
        )
        self._robots = Robots(self._web)

    def latest(self, before: int | None = None) -> list[ForumPost]:
        """Posts whose number is at most `before`, the newest first. Raises SourceBroken."""
        url = f"{self._url}/posts.json" + (f"?before={before}" if before is not None else "")
        # With a key of the forum's own, adrwatch is no robot that came by.
        pause = self._pause if self._keyed else max(self._pause, min(self._robots.delay(url), _LONGEST_PAUSE))
        if self._asked is not None:
            time.sleep(max(0.0, self._asked + pause - time.monotonic()))
        self._asked = time.monotonic()
        # A redirect elsewhere would carry the key to somebody whom nobody named.
        page = self._web.get(url, self._headers, elsewhere=False)
        self.ahead = page.clock_ahead()
        if page.status != 200:
            raise self._refusal(url, page)
        try:
            found = _posts.decode(page.body).latest_posts
        except NOT_JSON:
            raise SourceBroken(
                f"{named(url)} sends none of Discourse's posts",
                fix="look whether the forum runs Discourse, and whether it wants a login: then give api_key and api_username",
            ) from None
        return sorted(found, key=lambda one: one.id, reverse=True)

    def _refusal(self, url: str, page: Page) -> SourceBroken:
        if page.status == 429:
            return SourceBroken(
                f"{named(url)} answers with HTTP 429: asked too often", fix="raise interval_seconds or pause_seconds",
                wait_seconds=_peace(page),
            )  # fmt: skip
        if page.status in (401, 403):
            if self._keyed:
                return SourceBroken(
                    f"{named(url)} refuses the key (HTTP {page.status})",
                    fix="make a new api_key, for this api_username",
                )
            return SourceBroken(
                f"{named(url)} wants a login (HTTP {page.status})",
                fix="give api_key and api_username, if the forum lets you",
            )
        return SourceBroken(
            answered(url, page), fix="look at the forum in a browser", wait_seconds=page.asked_to_wait()
        )


def _peace(page: Page) -> float | None:
    """How long a forum wants to be left alone: in its own words, or by Retry-After."""
    try:
        extras = _refused.decode(page.body).extras
    except NOT_JSON:
        extras = None
    if extras is not None and extras.wait_seconds is not None:
        return min(max(0.0, extras.wait_seconds), retry_after.MOST_SECONDS)
    return page.asked_to_wait()


def _time(value: str, latest: datetime) -> datetime:
    try:
        return min(parse_time(value), latest)
    except ValueError:
        return latest
