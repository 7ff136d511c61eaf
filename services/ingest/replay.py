"""Replay of files as a source: several files in a row, in their order or sorted by time, at a multiple of real time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from services.ingest.readers import Reader
from services.ingest.source import RawPost, Reject, Source, SourceBroken

# Windows count late posts in their own bucket only while it is kept: more disorder than this is worth a word.
MOST_BACKWARDS = 0.01


class Replay(Source):
    """A source over files. `posts` and `backwards` (older than the post before) count what was yielded so far.

    A truncated file does not keep the next ones from being read; SourceBroken is raised at the end. `sort` holds all posts in
    memory; rejects come first then. `limit` bounds the records that are yielded.
    """

    def __init__(self, readers: Sequence[Reader], *, sort: bool = False, limit: int | None = None) -> None:
        self.posts = 0
        self.backwards = 0
        self._readers = readers
        self._sort = sort
        self._limit = limit
        self._trouble: SourceBroken | None = None

    def __iter__(self) -> Iterator[RawPost | Reject]:
        items = self._sorted() if self._sort else self._read()
        last = None
        for number, item in enumerate(items):
            if number == self._limit:
                return
            if isinstance(item, RawPost):
                self.posts += 1
                self.backwards += last is not None and item.created_at < last
                last = item.created_at
            yield item
        if self._trouble is not None:
            raise self._trouble

    def _read(self) -> Iterator[RawPost | Reject]:
        for reader in self._readers:
            try:
                yield from reader
            except SourceBroken as trouble:
                self._trouble = self._trouble or trouble

    def _sorted(self) -> Iterator[RawPost | Reject]:
        posts = []
        for item in self._read():
            if isinstance(item, Reject):
                yield item
            else:
                posts.append(item)
        yield from sorted(posts, key=lambda post: post.created_at)

    @property
    def disordered(self) -> bool:
        """Whether so many posts run backwards that windows would miss them."""
        return self.backwards > MOST_BACKWARDS * self.posts

    @property
    def progress(self) -> tuple[int, int | None]:
        """Bytes read from the files, and their size, None when standard input is among them."""
        sizes = [reader.file.size for reader in self._readers]
        total = None if None in sizes else sum(size or 0 for size in sizes)
        return sum(reader.file.read_bytes for reader in self._readers), total


def pace(
    items: Iterator[RawPost | Reject],
    speed: float | None,
    *,
    wait: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[RawPost | Reject]:
    """The items, each post held back until its time has come: `speed` times as fast as it happened, None for no wait.

    The first post sets the clock. Rejects and posts that run backwards pass at once.
    """
    begun: tuple[float, float] | None = None
    for item in items:
        if speed is not None and isinstance(item, RawPost):
            event = item.created_at.timestamp()
            if begun is None:
                begun = (clock(), event)
            left = begun[0] + (event - begun[1]) / speed - clock()
            if left > 0:
                wait(left)
        yield item
