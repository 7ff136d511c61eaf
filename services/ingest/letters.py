"""Which dead letters hold which posts, so that a post that is taken back is forgotten there as well.

The topic is read once, and then on from where reading stopped: a source takes posts back all day.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Self

from shared.broker import TopicReader
from shared.errors import BadMessage, DependencyAway
from shared.events import DeadLetter, decode
from shared.settings import Settings
from shared.stream import Output
from shared.topics import DAY_MS, DEAD_LETTERS, partition_of

# Older ones are gone by the retention of their topic, and the time that the broker takes for it.
_KEPT_MS = DEAD_LETTERS.retention_ms + DAY_MS


class Letters:
    """An index of the topic of dead letters, with a connection of its own that is made when it is first needed and kept.

    `source`: only posts of this source, None for all. For one thread. Use as a context manager, or close it.
    """

    def __init__(self, settings: Settings, source: str | None = None) -> None:
        self._settings = settings
        self._prefix = "" if source is None else f"{source}:"
        self._reader: TopicReader | None = None
        self._offset = 0
        # Post and time of writing by letter, in the order of writing; letters by post.
        self._posts: dict[str, tuple[str, int]] = {}
        self._letters: dict[str, set[str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the connection go; what is known stays."""
        if self._reader is not None:
            self._reader.__exit__()
            self._reader = None

    def catch_up(self) -> None:
        """Take in what the topic has more since the last time. Raises what TopicReader raises; the next time goes on from there."""
        try:
            if self._reader is None:
                self._reader = TopicReader(self._settings, DEAD_LETTERS, self._offset)
            for record in self._reader.to_end():
                self._apply((record.key or b"").decode(errors="replace"), record.value, record.written_ms)
                self._offset = record.offset + 1
        except DependencyAway:
            self.close()
            raise
        self._let_go()

    def tombstones(self, posts: Iterable[str]) -> list[Output]:
        """Tombstones for the letters that hold these posts, as far as they were read."""
        letters = [letter for post in posts for letter in sorted(self._letters.get(post, ()))]
        return [Output(DEAD_LETTERS, letter, None, partition_of(letter, DEAD_LETTERS.partitions)) for letter in letters]

    def _apply(self, letter: str, value: bytes | None, written_ms: int) -> None:
        self._forget(letter)
        if value is None:
            return
        try:
            post = (decode(value, DeadLetter).key or b"").decode(errors="replace")
        except BadMessage:
            return
        if post and post.startswith(self._prefix):
            self._posts[letter] = post, written_ms
            self._letters.setdefault(post, set()).add(letter)

    def _forget(self, letter: str) -> None:
        post, _ = self._posts.pop(letter, (None, 0))
        if post is not None:
            self._letters[post].discard(letter)
            if not self._letters[post]:
                del self._letters[post]

    def _let_go(self) -> None:
        oldest = time.time() * 1000 - _KEPT_MS
        while self._posts:
            letter, (_, written_ms) = next(iter(self._posts.items()))
            if written_ms >= oldest:
                return
            self._forget(letter)
