"""Posts of files in batches: what ingest would publish, and a count of what it would refuse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from services.ingest.source import Reject, SourceBroken
from shared.events import Post


class Intake:
    """Reads a source once; `accept` makes posts of its records. `read` counts its records, `rejected` the refused ones by reason.

    `trouble` is the error of a source that ended in the middle; what came before it is whole.
    """

    def __init__(self, accept: Callable[[Any], Post | Reject], on_reject: Callable[[Reject], None]) -> None:
        self.read = 0
        self.rejected: Counter[str] = Counter()
        self.trouble: SourceBroken | None = None
        self._accept = accept
        self._on_reject = on_reject

    def batches(self, items: Iterable[Any], size: int) -> Iterator[list[Post]]:
        """The posts that are accepted, `size` at a time, in their order."""
        batch: list[Post] = []
        for post in self._posts(items):
            batch.append(post)
            if len(batch) == size:
                yield batch
                batch = []
        if batch:
            yield batch

    def _posts(self, items: Iterable[Any]) -> Iterator[Post]:
        try:
            for item in items:
                self.read += 1
                ready = item if isinstance(item, Reject) else self._accept(item)
                if isinstance(ready, Post):
                    yield ready
                else:
                    self.rejected[ready.reason] += 1
                    self._on_reject(ready)
        except SourceBroken as trouble:
            self.trouble = trouble
