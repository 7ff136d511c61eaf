"""What the topics know of the posts of cases: authors as keyed hashes, fingerprints, and sketches of their words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec

from services.cases.flags import FlaggedBook
from shared.broker import TopicReader
from shared.cases.duplicates import Marks
from shared.cases.model import Case
from shared.cases.sketch import sketch
from shared.errors import BadMessage
from shared.events import Event, Outcome, Post, decode
from shared.settings import Settings
from shared.topics import OUTCOMES, POSTS, Topic, places_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
E_ = TypeVar("E_", bound=Event)


def hold_new_against_others(settings: Settings, book: FlaggedBook) -> dict[str, Case]:
    """Look up the posts of cases that were not held against others yet, and do that; the cases with a new flag.

    What is known of posts of long ago is let go. Raises DependencyAway, and then the cases go on waiting.
    """
    book.forget_outdated()
    posts = book.waiting()
    return book.take_in(posts, marks(settings, posts, book.sketch_key)) if posts else {}


def marks(settings: Settings, posts: Mapping[str, datetime | None], key: bytes) -> dict[str, Marks]:
    """What is known of posts, given with their times, by post; nothing of one that the topics have forgotten, or that was deleted.

    Text is there for a week. Of a post of which only aggregates may be kept nothing is taken but its time. Raises DependencyAway.
    """
    found: dict[str, Marks] = {}
    for outcome in _events(settings, OUTCOMES, Outcome, posts):
        found[outcome.post_id] = (
            Marks(outcome.created_at)
            if outcome.aggregates_only
            else Marks(outcome.created_at, outcome.author, outcome.fingerprint)
        )
    for post in _events(settings, POSTS, Post, posts):
        if post.aggregates_only:
            continue
        before = found.get(post.id, Marks(post.created_at, post.author))
        found[post.id] = msgspec.structs.replace(before, sketch=sketch(post.text, key))
    return found


def _events(settings: Settings, topic: Topic, kind: type[E_], posts: Mapping[str, datetime | None]) -> Iterator[E_]:
    """The first record of each post that the topic holds. Reading ends with the last of them."""
    missing = set(posts)
    with TopicReader(settings, topic, since=begins(settings, topic, posts)) as reader:
        for stored in reader.to_end():
            name = (stored.key or b"").decode(errors="replace")
            if name not in missing:
                continue
            missing.remove(name)
            with suppress(BadMessage):
                yield decode(stored.value, kind)
            if not missing:
                return


def begins(settings: Settings, topic: Topic, posts: Mapping[str, datetime | None]) -> dict[int, int]:
    """The partitions that hold some posts, and from when on the earliest of them can stand there, in ms since 1970.

    A record is written when its post is there, and a post is refused that is further in the future than the settings allow.
    """
    early = timedelta(seconds=settings.future_limit)
    found: dict[int, int] = {}
    for post, at in posts.items():
        moment = 0 if at is None else max(0, int((at - _EPOCH - early) / timedelta(milliseconds=1)))
        for place in places_of(post, topic):
            found[place] = min(moment, found.get(place, moment))
    return found
