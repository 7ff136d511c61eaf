"""Posts in batches, with progress on standard error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from rich.console import Console

from shared.progress import Progress

T = TypeVar("T")


def batches(posts: Sequence[T], size: int, name: str) -> Iterator[list[T]]:
    """All posts, `size` at a time; `name` is what progress is shown under."""
    done = 0

    def counts() -> str:
        return f"{done} of {len(posts)} posts"

    with Progress(Console(stderr=True), name, lambda: (done, len(posts)), counts) as progress:
        for start in progress.follow(range(0, len(posts), size)):
            batch = list(posts[start : start + size])
            yield batch
            done += len(batch)
