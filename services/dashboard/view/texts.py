"""The text of some posts, read from adr.posts when somebody asks, by the place that the file of mentions knows. Nothing is kept.

Whoever asks waits for a bounded time, whatever the broker does.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, NamedTuple

from services.dashboard.view.mentions import Mentions, Place
from services.dashboard.view.records import Records
from services.dashboard.view.state import State
from shared.errors import BadMessage
from shared.events import Post, decode
from shared.settings import Settings
from shared.topics import POSTS

PATIENCE_SECONDS = 2.0


class Missing(StrEnum):
    """Why there is no text."""

    KEPT_NO_LONGER = "no longer kept"
    TAKEN_BACK = "taken back"
    AGGREGATES_ONLY = "only aggregates may be kept"
    NOT_READ_YET = "not read yet"
    DELETIONS_UNKNOWN = "deletions are not known at present"
    NO_ANSWER = "Kafka does not answer"


class Shown(NamedTuple):
    """A post with its masked text, or why there is none."""

    post: Post | None
    missing: Missing | None


class Texts:
    """Reads texts. Any thread may ask."""

    def __init__(self, settings: Settings, mentions: Mentions, following: State) -> None:
        self._mentions = mentions
        self._following = following
        self._records = Records(settings, POSTS.name(settings.topic_prefix))

    def close(self) -> None:
        """Close the connections."""
        self._records.close()

    def of(self, posts: Iterable[str], patience: float = PATIENCE_SECONDS) -> dict[str, Shown]:
        """Each post's text, or why it is missing; after `patience` seconds at the latest."""
        found: dict[str, Shown] = {}
        places: dict[str, Place] = {}
        for post in dict.fromkeys(posts):
            known = self._known(post)
            if isinstance(known, Place):
                places[post] = known
            else:
                found[post] = Shown(None, known)
        if places:
            records = self._records.at(places.values(), time.monotonic() + patience)
            for post, place in places.items():
                there = place in records
                found[post] = self._shown(records[place], post) if there else Shown(None, Missing.NO_ANSWER)
        return found

    def _known(self, post: str) -> Place | Missing:
        if self._mentions.taken_back(post):
            return Missing.TAKEN_BACK
        if self._following.away:
            return Missing.DELETIONS_UNKNOWN
        if any(mention.aggregates_only for mention in self._mentions.of_post(post)):
            return Missing.AGGREGATES_ONLY
        place = self._mentions.place(post)
        if place is not None:
            return place
        return Missing.KEPT_NO_LONGER if self._following.caught_up.is_set() else Missing.NOT_READ_YET

    def _shown(self, record: Any, post: str) -> Shown:
        if record is None or record.value is None or record.key != post.encode():
            return Shown(None, Missing.KEPT_NO_LONGER)
        try:
            found = decode(record.value, Post)
        except BadMessage:
            return Shown(None, Missing.KEPT_NO_LONGER)
        if found.aggregates_only:
            return Shown(None, Missing.AGGREGATES_ONLY)
        # It may have been taken back while it was read.
        return Shown(None, Missing.TAKEN_BACK) if self._mentions.taken_back(post) else Shown(found, None)
