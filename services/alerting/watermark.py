"""How far event time has come, and which partitions hold it back. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping


def watermark(latest: Mapping[int, int], partitions: int) -> int | None:
    """The event time in ms below which every partition has been read: the least of their largest. None while one has none."""
    if any(partition not in latest for partition in range(partitions)):
        return None
    return min(latest[partition] for partition in range(partitions))


def behind(latest: Mapping[int, int], assigned: Collection[int]) -> set[int]:
    """Those of the assigned partitions that have not come as far as the furthest one, those that never held a record included."""
    furthest = max(latest.values(), default=None)
    return set() if furthest is None else {p for p in assigned if p not in latest or latest[p] < furthest}


class Idleness:
    """Which of this worker's partitions are idle: with nothing unread, and without a record, for the rules' time.

    `moment` is seconds of any clock that never goes back. A partition that was just assigned counts as busy.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._busy: dict[int, float] = {}

    def busy(self, partition: int, moment: float) -> None:
        """A record of the partition is being handled, or it has nothing to catch up with."""
        self._busy[partition] = moment

    def idle(self, assigned: Collection[int], nothing_unread: Callable[[int], bool], moment: float) -> set[int]:
        """The idle ones among the assigned partitions."""
        for gone in set(self._busy) - set(assigned):
            del self._busy[gone]
        result = set()
        for partition in assigned:
            since = self._busy.setdefault(partition, moment)
            if not nothing_unread(partition):
                self._busy[partition] = moment
            elif moment - since >= self._seconds:
                result.add(partition)
        return result
