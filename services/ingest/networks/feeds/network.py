"""Feeds, each asked in its own time, politely: with what it said of its state the last time, and no faster than its site wants.

The place is what every feed had when it was read last (`place.py`). It moves when all new entries of a feed are with the one who
takes them; a crash before that reads them once more, under the same ids. What a feed has no more is no deletion: feeds hold only
the last few entries.
"""

from __future__ import annotations

import functools
import math
import re
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from services.ingest.columns import Columns
from services.ingest.networks.feeds import place as places
from services.ingest.networks.feeds.configuration import Feeds
from services.ingest.networks.feeds.entries import Entry, Feed, read_feed
from services.ingest.networks.feeds.place import FeedPlace, key_of, state_of
from services.ingest.networks.keys import Names
from services.ingest.networks.network import Item, Network, Passed, PostGone
from services.ingest.networks.robots import Robots
from services.ingest.networks.web import Page, Web, answered, named
from services.ingest.recipe import Recipe
from services.ingest.source import Origin, RawPost, SourceBroken
from services.ingest.veil import veil_object
from shared import metrics
from shared.events import now
from shared.logs import logger

log = logger("sources")

_MOMENT = 0.2
_MOST_BYTES = 10 << 20
# A feed that failed is asked again after so many seconds, doubled with every failure.
_AGAIN_SECONDS = 60.0
_SLOWER = 1.5
_COLUMNS = Columns("id", "text", "time", "author", None, "language")
_MAX_AGE = re.compile(r"\bmax-age=(\d{1,9})\b")


@dataclass
class _Plan:
    """When a feed is asked next (monotonic), how long it is left alone between, and how often it failed without a break."""

    due: float
    interval: float
    failures: int = 0
    moved: str | None = None


class FeedsNetwork(Network):
    """Follows the feeds of the configuration. An entry's address is its id at its site."""

    def __init__(self, configuration: Feeds, names: Names) -> None:
        self.cursor: str | None = None
        self.reached: datetime | None = None
        self._configuration = configuration
        self._names = names
        self._fastest = configuration.interval_minutes * 60
        self._slowest = configuration.slowest_minutes * 60
        self._web = Web(
            private=configuration.private_addresses, timeout=configuration.timeout_seconds, most_bytes=_MOST_BYTES
        )
        self._robots = Robots(self._web)
        self._plans = {feed: _Plan(0.0, self._fastest) for feed in configuration.feeds}
        self._sites: dict[str, float] = {}
        self._places: dict[str, FeedPlace] = {}
        self._most = places.MOST_REMEMBERED // len(configuration.feeds)
        recipe = Recipe(format="jsonl", source=names.source, columns=_COLUMNS.named())
        self._origin = Origin(names.source, 0, recipe.encode())

    def follow(self, cursor: str | None) -> Generator[Item | None, None, None]:
        """See Network."""
        read = places.read(cursor)
        self._places = {feed: read.get(key_of(feed), FeedPlace()) for feed in self._configuration.feeds}
        before = [one.at for one in self._places.values() if one.at is not None]
        if before:
            # Feeds are read on without a hole, unless one of them says otherwise: the time in which nobody asked is no gap.
            self.reached = max(before) + timedelta(microseconds=1)
            yield None
        while True:
            failed: list[SourceBroken] = []
            for feed, plan in self._plans.items():
                if self._places[feed].gone or time.monotonic() < plan.due:
                    continue
                try:
                    yield from self._ask(feed, plan)
                except SourceBroken as trouble:
                    self._failed(plan, trouble.wait_seconds)
                    failed.append(trouble)
            self._say_what_failed(failed)
            yield None
            due = min((plan.due for feed, plan in self._plans.items() if not self._places[feed].gone), default=math.inf)
            time.sleep(min(_MOMENT, max(0.0, due - time.monotonic())))

    def check(self) -> str:
        """See Network."""
        entries = 0
        moved: list[str] = []
        for feed in self._configuration.feeds:
            self._robots.delay(feed)
            page = self._web.get(feed)
            if page.status == 410:
                raise SourceBroken(f"{named(feed)} is gone for good (HTTP 410)", fix="take it out of the file")
            entries += len(self._read(feed, page).entries)
            if page.moved:
                moved.append(f"; {named(feed)} has moved to {named(page.moved)}, write that into the file")
        return f"{self._configuration.address}: {entries} entries{''.join(moved)}"

    def _say_what_failed(self, failed: list[SourceBroken]) -> None:
        if all(one.gone for one in self._places.values()):
            raise SourceBroken(
                "every feed is gone for good (HTTP 410)", fix="write others into the file", wait_seconds=self._slowest
            )
        if failed:
            due = [plan.due for feed, plan in self._plans.items() if not self._places[feed].gone]
            message = failed[0].message + (f", and {len(failed) - 1} more" if len(failed) > 1 else "")
            raise SourceBroken(message, fix=failed[0].fix, wait_seconds=max(0.0, min(due) - time.monotonic()))

    def _failed(self, plan: _Plan, asked: float | None) -> None:
        plan.failures += 1
        patience = min(self._slowest, min(self._fastest, _AGAIN_SECONDS) * 2.0 ** min(plan.failures - 1, 16))
        plan.due = time.monotonic() + (patience if asked is None else asked)

    def _ask(self, feed: str, plan: _Plan) -> Iterator[Item | None]:
        delay = self._robots.delay(feed)
        site, moment = urlsplit(feed).netloc, time.monotonic()
        if moment < self._sites.get(site, 0.0):
            plan.due = self._sites[site]
            return
        self._sites[site] = moment + delay
        place = self._places[feed]
        conditions = {"If-None-Match": place.etag, "If-Modified-Since": place.modified}
        page = self._web.get(feed, {name: value for name, value in conditions.items() if value})
        at = now()
        if page.moved != plan.moved:
            log.warning("a feed has moved", source=self._names.source, feed=named(feed), to=named(page.moved or feed))
            plan.moved = page.moved
        if page.status == 410:
            log.warning("a feed is gone for good", source=self._names.source, feed=named(feed))
            place.gone = True
            self._settle(at)
            yield None
            return
        fresh, ttl = 0, 0.0
        if page.status != 304:
            found = self._read(feed, page)
            ttl = found.ttl * 60
            seen, states = place.seen(), {key_of(one.address): _state(one) for one in found.entries}
            self._look_for_hole(feed, place, found, bool(states.keys() & seen.keys()))
            # The oldest first, as they were written.
            for entry in reversed(found.entries):
                key = key_of(entry.address)
                if seen.get(key) != states[key]:
                    fresh += 1
                    yield self._item(entry, at, known=key in seen)
            place.remember(states, self._most)
            # What is broken may be whole the next time, without another ETag.
            place.etag = page.headers.get("ETag") if found.whole else None
            place.modified = page.headers.get("Last-Modified") if found.whole else None
        place.at = at
        self._settle(at)
        plan.failures = 0
        plan.interval = self._fastest if fresh else min(self._slowest, plan.interval * _SLOWER)
        wanted = max(ttl, delay, _max_age(page), page.asked_to_wait() or 0.0)
        plan.due = time.monotonic() + max(plan.interval, min(wanted, self._slowest))
        yield None

    def _read(self, feed: str, page: Page) -> Feed:
        if page.status != 200:
            raise SourceBroken(
                answered(feed, page), fix="look at the address in a browser", wait_seconds=page.asked_to_wait()
            )
        try:
            return read_feed(page.body, page.headers.get("Content-Type", ""), feed)
        except ValueError as error:
            raise SourceBroken(f"{named(feed)} is no feed: {error}", fix="look at the address in a browser") from None

    def _look_for_hole(self, feed: str, place: FeedPlace, found: Feed, overlaps: bool) -> None:
        """A feed that has nothing left of what it had the last time may have dropped entries that nobody read."""
        times = [one.written for one in found.entries if one.written is not None]
        end = min(times, default=None)
        if place.at is None or not place.entries or overlaps or not found.entries or not found.ended:
            return
        hole = (end - place.at).total_seconds() if end is not None else 0.0
        metrics.SOURCE_GAP.labels(self._names.source).inc(max(0.0, hole))
        log.warning(
            "a feed had nothing left from a time before: ask it more often",
            source=self._names.source, feed=named(feed), begin=str(place.at), end=str(end),
        )  # fmt: skip

    def _settle(self, at: datetime) -> None:
        self.cursor = places.written({key_of(feed): place for feed, place in self._places.items()})
        self.reached = at

    def _item(self, entry: Entry, at: datetime, *, known: bool) -> Item:
        native = self._names.post(entry.address)
        if not entry.text.strip():
            return self._withdrawn(native, known) or Passed("no_text")
        wanted = self._configuration.languages
        if wanted and entry.language and entry.language.lower().split("-")[0] not in wanted:
            return self._withdrawn(native, known) or Passed("language")
        # A feed's clock may be wrong, and some feeds announce.
        written = min(entry.written or at, at).astimezone(UTC)
        author = entry.author if self._configuration.policy.keeps_identifiers else None
        values = {
            "id": native, "text": entry.text, "time": written.isoformat(), "author": author, "language": entry.language,
        }  # fmt: skip
        return RawPost(
            source=self._names.source,
            native_id=native,
            text=entry.text,
            created_at=written,
            origin=self._origin,
            veiled=functools.partial(veil_object, values, _COLUMNS, self._names.person),
            author=author,
            language=entry.language,
        )

    def _withdrawn(self, native: str, known: bool) -> PostGone | None:
        return PostGone(f"{self._names.source}:{native}", edited=True) if known else None


def _state(entry: Entry) -> str:
    return state_of(entry.text, entry.language or "")


def _max_age(page: Page) -> float:
    """How long the answer is fresh, in seconds (RFC 9111, 5.2.2.1); 0 where it does not say."""
    found = _MAX_AGE.search(page.headers.get("Cache-Control", ""))
    return float(found[1]) if found else 0.0
