"""How far a worker is behind, by partition: what it has handled and committed, held against what the broker says lies there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shared import metrics
from shared.broker_watch import Bounds, Place
from shared.health import HEALTH

PARTITIONS = "partitions"
PARTITIONS_FIX = "the group is sharing them out, or another worker has this ADRWATCH_WORKER_ID: see the worker's log"


@dataclass(frozen=True)
class Progress:
    """The offsets up to which a partition is handled, and committed; None where nothing was yet."""

    handled: int | None
    committed: int | None


class Standing:
    """The partitions of one worker. `stages`: the stage of each topic, by the topic's name.

    `progress` tells how far a partition has come; it is asked from the thread that watches the broker.
    """

    def __init__(
        self,
        stages: Mapping[str, str],
        progress: Callable[[Place], Progress],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stages = stages
        self._progress = progress
        self._clock = clock
        self._own: frozenset[Place] | None = None
        # Offset of the last commit, and when it was seen to be another than before, or to be all there was.
        self._committed: dict[Place, tuple[int | None, float]] = {}
        HEALTH.needs(PARTITIONS, PARTITIONS_FIX)

    def assigned(self, own: frozenset[Place]) -> None:
        """The group has given the worker these; none, where others have them all: it stands by."""
        self._own = own
        HEALTH.answered(PARTITIONS)

    def revoked(self) -> None:
        """The group shares its partitions out anew."""
        self._own = None
        HEALTH.away(PARTITIONS, "the group has not given this worker its partitions yet")

    def places(self) -> list[Place]:
        """What to ask the broker about: the worker's partitions, else one of each topic, to learn whether it answers."""
        return sorted(self._own or ((topic, 0) for topic in self._stages))

    def tell(self, bounds: Bounds) -> None:
        """Set the metrics by the first and the end offsets of partitions."""
        own, now = self._own, self._clock()
        if own is not None:
            HEALTH.answered(PARTITIONS)
        for topic, partition in self._committed.keys() - (own or frozenset()):
            del self._committed[topic, partition]
            metrics.LAG.remove(self._stages[topic], str(partition))
            metrics.COMMIT_AGE.remove(self._stages[topic], str(partition))
        for place in (own or frozenset()) & bounds.keys():
            self._measure(place, *bounds[place], now)

    def _measure(self, place: Place, first: int, end: int, now: float) -> None:
        labels = self._stages[place[0]], str(place[1])
        progress = self._progress(place)
        # What retention has taken away is not waited for.
        handled = max(first, progress.handled or 0, progress.committed or 0)
        metrics.LAG.labels(*labels).set(max(0, end - handled))
        before, since = self._committed.get(place, (None, now))
        if progress.committed != before or max(first, progress.committed or 0) >= end:
            since = now
        self._committed[place] = progress.committed, since
        metrics.COMMIT_AGE.labels(*labels).set(now - since)
