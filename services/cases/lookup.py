"""What the topics know of the posts of cases: authors as keyed hashes, fingerprints, and sketches of their words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec
from kafka import TopicPartition

from services.cases.flags import FlaggedBook
from shared.broker import TopicReader
from shared.cases.duplicates import Marks
from shared.cases.model import Case
from shared.cases.sketch import sketch
from shared.errors import BadMessage
from shared.events import Event, Outcome, Post, decode
from shared.settings import Settings
from shared.topics import OUTCOMES, POSTS, Topic, partition_of

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

    Text is there for a week. Raises DependencyAway.
    """
    found: dict[str, Marks] = {}
    for outcome in _events(settings, OUTCOMES, Outcome, posts):
        found[outcome.post_id] = Marks(outcome.created_at, outcome.author, outcome.fingerprint)
    for post in _events(settings, POSTS, Post, posts):
        before = found.get(post.id, Marks(post.created_at, post.author))
        found[post.id] = msgspec.structs.replace(before, sketch=sketch(post.text, key))
    return found


def _events(settings: Settings, topic: Topic, kind: type[E_], posts: Mapping[str, datetime | None]) -> Iterator[E_]:
    """The first record of each post that the topic holds. Reading ends with the last of them."""
    missing = set(posts)
    with _Passage(settings, topic, posts) as reader:
        for stored in reader.to_end():
            name = (stored.key or b"").decode(errors="replace")
            if name not in missing:
                continue
            missing.remove(name)
            with suppress(BadMessage):
                yield decode(stored.value, kind)
            if not missing:
                return


class _Passage(TopicReader):
    """The partitions that hold some posts, from where the earliest of them can stand.

    A record is written when its post is there, and a post is refused that is further in the future than the settings allow.
    """

    def __init__(self, settings: Settings, topic: Topic, posts: Mapping[str, datetime | None]) -> None:
        super().__init__(settings, topic)
        name, early = topic.name(settings.topic_prefix), timedelta(seconds=settings.future_limit)
        begins: dict[TopicPartition, int] = {}
        for post, at in posts.items():
            place = TopicPartition(name, partition_of(post, topic.partitions))
            moment = 0 if at is None else max(0, int((at - _EPOCH - early) / timedelta(milliseconds=1)))
            begins[place] = min(moment, begins.get(place, moment))
        self._places = list(begins)
        self._consumer.assign(self._places)
        with self._reading():
            for place, first in self._consumer.offsets_for_times(begins).items():
                if first is None:
                    self._consumer.seek_to_end(place)
                else:
                    self._consumer.seek(place, first.offset)
