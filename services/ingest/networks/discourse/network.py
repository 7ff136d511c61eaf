"""A forum that runs Discourse, read by the numbers of its posts.

The place is the last number that was read; what comes after it is read upwards, also after a long absence, so that it moves with
every post. Edits and deletions are found by looking again at what was written lately: a number that is not there any more is of
a post that was deleted, moved to where only some may read, or never public; whether it was published knows the one who takes it.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Generator, Iterator
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import msgspec

from services.ingest.columns import Columns
from services.ingest.networks.discourse.api import WINDOW, Forum, ForumPost
from services.ingest.networks.discourse.configuration import Discourse
from services.ingest.networks.keys import Names
from services.ingest.networks.network import Item, Network, Passed, PostGone
from services.ingest.recipe import Recipe
from services.ingest.source import Origin, RawPost, SourceBroken
from services.ingest.veil import veil_object
from shared.errors import AdrwatchError
from shared.events import now
from shared.text.html import words_of

_MOMENT = 0.2
# Clocks of the forum and of this machine differ, and a look takes its time.
_OVERLAP = timedelta(minutes=10)
# Of the hours in which posts are looked at again, so many parts are told apart.
_MARKS = 48
# For 50,000 posts, with the usual pause in a quarter of an hour: what is older waits for nobody to edit it.
_MOST_PAGES = 1_000
_COLUMNS = Columns("id", "text", "time", "author", None, None)


class _Mark(msgspec.Struct, frozen=True, array_like=True):
    """At a time, everything up to this number was read."""

    at: datetime
    last: int


class _Place(msgspec.Struct):
    """`last`: the number of the last post that was read; `looked`: when edits and deletions were last looked for.

    `marks` tell from which number on that is done; there is always one.
    """

    last: int
    looked: datetime
    at: datetime
    marks: list[_Mark] = []

    def mark(self, at: datetime, watched: timedelta) -> int:
        """Set a mark now and then, and forget those of no use. Gives the number above which all lies that was read since
        `watched` ago.
        """
        if at - self.marks[-1].at >= watched / _MARKS:
            self.marks.append(_Mark(at, self.last))
        while len(self.marks) > 1 and self.marks[1].at <= at - watched:
            del self.marks[0]
        return self.marks[0].last


class DiscourseNetwork(Network):
    """Follows a forum. A post's address is `host/number`."""

    def __init__(self, configuration: Discourse, names: Names, key: str | None) -> None:
        self.cursor: str | None = None
        self.reached: datetime | None = None
        self._configuration = configuration
        self._names = names
        self._forum = Forum(configuration, key)
        self._host = urlsplit(configuration.forum).netloc
        recipe = Recipe(format="jsonl", source=names.source, columns=_COLUMNS.named())
        self._origin = Origin(names.source, 0, recipe.encode())

    def follow(self, cursor: str | None) -> Generator[Item | None, None, None]:
        """See Network."""
        place = self._read(cursor)
        if place is not None:
            # A forum keeps everything: the time in which nobody asked is no gap.
            self.reached = place.at + timedelta(microseconds=1)
            yield None
        while True:
            at = now()
            newest = self._newest()
            if place is None:
                # From now on.
                place = _Place(newest[0].id, at, at)
            if not place.marks:
                place.marks.append(_Mark(place.at, place.last))
            yield from self._read_on(place, newest, at)
            if at - place.looked > timedelta(minutes=self._configuration.look_again_minutes):
                yield from self._look_again(place, at)
                place.looked = at
            place.at = at
            self._settle(place)
            due = time.monotonic() + self._configuration.interval_seconds
            yield None
            while time.monotonic() < due:
                time.sleep(min(_MOMENT, self._configuration.interval_seconds))
                yield None

    def _read(self, cursor: str | None) -> _Place | None:
        try:
            return msgspec.json.decode(cursor, type=_Place) if cursor else None
        except msgspec.DecodeError:
            raise AdrwatchError(
                f"the position of source {self._names.source} is none of a forum", fix="give the source another name"
            ) from None

    def check(self) -> str:
        """See Network."""
        newest = self._newest()
        age = (now() - newest[0].written(now())).total_seconds() / 60
        return f"{self._host} answers; its newest post is {age:.0f} minutes old"

    def _read_on(self, place: _Place, newest: list[ForumPost], at: datetime) -> Iterator[Item | None]:
        """What lies after the place, upwards."""
        top = newest[0].id
        while place.last < top:
            high = min(place.last + WINDOW, top)
            # The page that is there already may reach down far enough.
            known = newest if newest[-1].id <= place.last + 1 else None
            if known is not None:
                high = top
            for post in sorted(known or self._between(place.last, high), key=lambda one: one.id):
                if place.last < post.id <= high:
                    place.last = post.id
                    self._settle(place)
                    yield Passed("gone") if post.gone else self._item(post, at, edited=False)
            place.last = high
            self._settle(place)
            yield None

    def _between(self, low: int, high: int) -> list[ForumPost]:
        """The posts above `low`, up to `high`, at most WINDOW numbers apart."""
        found: list[ForumPost] = []
        while high > low:
            page = [post for post in self._forum.latest(high) if low < post.id <= high]
            if not page:
                break
            found += page
            high = page[-1].id - 1
        return found

    def _look_again(self, place: _Place, at: datetime) -> Iterator[Item | None]:
        """Edits and deletions among the posts of the last hours, downwards. Their times are by the forum's clock."""
        watched = timedelta(hours=self._configuration.watch_hours)
        lowest = place.mark(at, watched)
        changed: list[Item] = []
        high = place.last
        for _ in range(_MOST_PAGES):
            if high <= lowest:
                break
            page = self._forum.latest(high)
            theirs, found = at + self._forum.ahead, {post.id: post for post in page}
            # A page of fewer is the last one, or, in older versions, one of so many numbers.
            reaches = min(found, default=high + 1) - 1
            low = max(lowest, reaches if len(page) >= WINDOW else min(reaches, high - WINDOW))
            for number in range(high, low, -1):
                post = found.get(number)
                if post is None or post.gone:
                    changed.append(PostGone(self._post_id(number)))
                elif post.edited_since(place.looked + self._forum.ahead - _OVERLAP, theirs):
                    changed.append(self._item(post, at, edited=True))
            if page and max(post.written(theirs) for post in page) < theirs - watched:
                break
            high = low
            yield None
        # A forum that closed meanwhile shows nothing: that is no deletion of everything.
        self._newest()
        yield from changed

    def _newest(self) -> list[ForumPost]:
        """The first page. Raises SourceBroken where the forum shows none."""
        posts = self._forum.latest()
        if not posts:
            raise SourceBroken(f"{self._host} has no post that is open", fix="give api_key and api_username")
        return posts

    def _settle(self, place: _Place) -> None:
        self.cursor = msgspec.json.encode(place).decode()
        self.reached = place.at

    def _native(self, number: int) -> str:
        return self._names.post(f"{self._host}/{number}")

    def _post_id(self, number: int) -> str:
        return f"{self._names.source}:{self._native(number)}"

    def _item(self, post: ForumPost, at: datetime, *, edited: bool) -> Item:
        text = words_of(post.cooked)
        if not text:
            return PostGone(self._post_id(post.id), edited=True) if edited else Passed("no_text")
        native, written = self._native(post.id), post.written(at)
        # One name at two forums is two people.
        named = f"{self._host}/{post.username}" if post.username else None
        author = named if self._configuration.policy.keeps_identifiers else None
        values = {"id": native, "text": text, "time": written.isoformat(), "author": author}
        return RawPost(
            source=self._names.source,
            native_id=native,
            text=text,
            created_at=written,
            origin=self._origin,
            veiled=functools.partial(veil_object, values, _COLUMNS, self._names.person),
            author=author,
        )
