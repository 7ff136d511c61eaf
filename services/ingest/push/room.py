"""How much of bodies is in memory at once: they are read before anybody knows who sent them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from services.ingest.push.request import CrowdedError


class Room:
    """Room for `most` bytes; of one event loop."""

    def __init__(self, most: int) -> None:
        self._left = most

    @contextmanager
    def seat(self) -> Iterator[Callable[[int], None]]:
        """Gives what takes so many bytes more, until the end of the block. It raises CrowdedError where they are not there."""
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            if size > self._left:
                raise CrowdedError
            self._left -= size
            taken += size

        try:
            yield take
        finally:
            self._left += taken
