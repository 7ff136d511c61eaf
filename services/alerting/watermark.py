"""How far event time has come, and which partitions hold it back. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping


def watermark(latest: Mapping[int, int], idle: Collection[int], partitions: int) -> int | None:
    """The event time in ms below which every partition has been read: the minimum over those that are not idle.

    Idle partitions are left out, those that never held a record included. When all are idle it stands at the largest event time
    read, and moves on only with a new record, never with the wall clock: which partition fell idle last does
    not matter then. None while a partition that is not idle has given nothing yet, or nothing was ever read.
    """
    active = [partition for partition in range(partitions) if partition not in idle]
    if not active:
        return max(latest.values(), default=None)
    if any(partition not in latest for partition in active):
        return None
    return min(latest[partition] for partition in active)


class Idleness:
    """Which of this worker's partitions are idle: at their end, and without a record for the rules' time.

    `moment` is seconds of any clock that never goes back. A partition that was just assigned counts as busy.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._busy: dict[int, float] = {}

    def busy(self, partition: int, moment: float) -> None:
        """A record of the partition is being handled."""
        self._busy[partition] = moment

    def idle(self, assigned: Collection[int], at_end: Callable[[int], bool], moment: float) -> set[int]:
        """The idle ones among the assigned partitions."""
        for gone in set(self._busy) - set(assigned):
            del self._busy[gone]
        result = set()
        for partition in assigned:
            since = self._busy.setdefault(partition, moment)
            if not at_end(partition):
                self._busy[partition] = moment
            elif moment - since >= self._seconds:
                result.add(partition)
        return result
