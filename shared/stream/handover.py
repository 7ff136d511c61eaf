"""What waits is given up when the worker hands its partitions over, or stops.

A batch in work is finished first. One that waits, for a server that is away or for a person, may wait for hours, and a group that
shares its partitions out anew waits for all of its workers. It is uncommitted, so whoever gets its partitions reads it again.
"""

from __future__ import annotations

import asyncio


class GivenUp(Exception):
    """The batch is to be left as it is, uncommitted."""


class Handover:
    """Whether one worker is handing its partitions over. For the thread of its loop only."""

    def __init__(self) -> None:
        self._under_way = asyncio.Event()
        self._last = False
        self._gave_up = False

    def begin(self, *, last: bool = False) -> None:
        """From now on nothing waits. `last`: the worker stops, so this does not end."""
        self._last = self._last or last
        self._under_way.set()

    def end(self) -> None:
        """The partitions are shared out, and what was given up is read again from the last commit on."""
        if not self._last:
            self._under_way.clear()
            self._gave_up = False

    def check(self) -> None:
        """Before a batch is begun. Raises GivenUp where one before it was: a later commit would pass that one over."""
        if self._gave_up:
            raise GivenUp

    async def sleep(self, seconds: float) -> None:
        """Wait as what waits has to. Raises GivenUp as soon as a handover is under way."""
        try:
            async with asyncio.timeout(seconds):
                await self._under_way.wait()
        except TimeoutError:
            return
        self._gave_up = True
        raise GivenUp
