"""Which dead letters hold which posts and texts, so that a post that is taken back, or a text that is too old, is forgotten there.

The topic is read once, and then on from where reading stopped: a source takes posts back all day.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple, Self

from shared.broker import TopicReader
from shared.errors import BadMessage, DependencyAway
from shared.events import DeadLetter, decode
from shared.settings import Settings
from shared.stream import Output
from shared.topics import DAY_MS, DEAD_LETTERS, partition_of

# Older ones are gone by the retention of their topic, and the time that the broker takes for it.
_KEPT_MS = DEAD_LETTERS.retention_ms + DAY_MS


class _Letter(NamedTuple):
    """What is kept of a letter; `text_ms` is when it was given its text, None where it was not. Times are in ms since 1970."""

    post: str
    written_ms: int
    text_ms: int | None


class Letters:
    """An index of the topic of dead letters, with a connection of its own that is made when it is first needed and kept.

    `source`: only letters of this source and of its posts, None for all. For one thread. Use as a context manager, or close it.
    """

    def __init__(self, settings: Settings, source: str | None = None) -> None:
        self._settings = settings
        self._source = source
        self._prefix = "" if source is None else f"{source}:"
        self._reader: TopicReader | None = None
        self._offset = 0
        # In the order of writing.
        self._letters: dict[str, _Letter] = {}
        self._by_post: dict[str, set[str]] = {}

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

    @property
    def posts(self) -> set[str]:
        """The posts that letters hold, as far as they were read."""
        return {post for post in self._by_post if post}

    def tombstones(self, posts: Iterable[str]) -> list[Output]:
        """Tombstones for the letters that hold these posts, as far as they were read."""
        return [_tombstone(name) for post in posts for name in sorted(self._by_post.get(post, ()))]

    def with_text_from_before(self, ms: int) -> list[Output]:
        """Tombstones for the letters that were given their text before a time, in ms since 1970, as far as they were read."""
        found = self._letters.items()
        return [_tombstone(name) for name, one in found if one.text_ms is not None and one.text_ms < ms]

    def _apply(self, name: str, value: bytes | None, written_ms: int) -> None:
        self._forget(name)
        if value is None:
            return
        try:
            letter = decode(value, DeadLetter)
        except BadMessage:
            return
        post = (letter.key or b"").decode(errors="replace")
        ours = post.startswith(self._prefix) if post else letter.payload and letter.topic == self._source
        if name and ours:
            text_ms = int(letter.occurred_at.timestamp() * 1000) if letter.payload else None
            self._letters[name] = _Letter(post, written_ms, text_ms)
            self._by_post.setdefault(post, set()).add(name)

    def _forget(self, name: str) -> None:
        letter = self._letters.pop(name, None)
        if letter is not None:
            self._by_post[letter.post].discard(name)
            if not self._by_post[letter.post]:
                del self._by_post[letter.post]

    def _let_go(self) -> None:
        oldest = time.time() * 1000 - _KEPT_MS
        while self._letters:
            name, letter = next(iter(self._letters.items()))
            if letter.written_ms >= oldest:
                return
            self._forget(name)


def _tombstone(name: str) -> Output:
    return Output(DEAD_LETTERS, name, None, partition_of(name, DEAD_LETTERS.partitions))
