"""Rates of topics and lags of consumer groups, from the ends of partitions as they were at some moments. Pure."""

from __future__ import annotations

import bisect
import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Trend = Literal["grows", "shrinks", "steady"]
# The lag of so long ago says where it is going.
TREND_SECONDS = 60.0
KEPT_SECONDS = 3600.0
# A lag that changes by less, or by less than a tenth, is steady: batches come and go.
_STEADY = 20
_POINTS = 60


class At(NamedTuple):
    """A partition of a topic, by the topic's suffix such as `posts`."""

    topic: str
    partition: int


@dataclass(frozen=True)
class Sample:
    """One moment, in seconds since 1970: the offset after the last record of each partition, and what each group has committed."""

    at: float
    ends: Mapping[At, int]
    committed: Mapping[str, Mapping[At, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Rate:
    """Records written to a topic. `minute` and `ten_minutes` are a second's mean, None where less is known; `hour` is their number.

    `series` is a second's mean of each minute of the last hour, the oldest first, as far as it is known.
    """

    topic: str
    minute: float | None
    ten_minutes: float | None
    hour: int
    series: tuple[float, ...]


@dataclass(frozen=True)
class Lag:
    """How many records of a partition a group has not read yet, None where it never committed one. `seconds`: at the pace of
    the last minute it has read them in so long; None where it reads nothing.
    """

    group: str
    topic: str
    partition: int
    records: int | None
    trend: Trend
    seconds: float | None


@dataclass(frozen=True)
class GroupLag:
    """A consumer group with its partitions, the one that lags most first."""

    group: str
    partitions: tuple[Lag, ...]

    @property
    def records(self) -> int | None:
        """What it has not read yet of all partitions; None where it has read nothing at all."""
        known = [one.records for one in self.partitions if one.records is not None]
        return sum(known) if known else None

    @property
    def trend(self) -> Trend:
        """Where the lag of its partitions goes: a partition that falls behind is not made up for by others."""
        trends = {one.trend for one in self.partitions}
        return "grows" if "grows" in trends else "shrinks" if "shrinks" in trends else "steady"

    @property
    def seconds(self) -> float | None:
        """When it has caught up with what is there now, by its slowest partition."""
        known = [one.seconds for one in self.partitions]
        return None if None in known else max((one for one in known if one is not None), default=0.0)


class Samples:
    """The samples of the last hour. One thread adds, others ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: deque[Sample] = deque()

    def add(self, *samples: Sample) -> None:
        """Take in samples, the oldest first, and let go of those from before the last hour; one stays that is as old."""
        with self._lock:
            self._kept.extend(samples)
            while len(self._kept) > 1 and self._kept[1].at <= self._kept[-1].at - KEPT_SECONDS:
                self._kept.popleft()

    def clear(self) -> None:
        """Begin anew."""
        with self._lock:
            self._kept.clear()

    def all(self) -> list[Sample]:
        """The samples, the oldest first."""
        with self._lock:
            return list(self._kept)


def rates(samples: Sequence[Sample], topics: Iterable[str]) -> list[Rate]:
    """What was written to each topic, by the last sample and those before it."""
    return [_rate(samples, topic) for topic in topics] if samples else []


def lags(samples: Sequence[Sample]) -> list[GroupLag]:
    """Every group that has committed something, by name."""
    if not samples:
        return []
    last = samples[-1]
    before = next((one for one in reversed(samples[:-1]) if one.at <= last.at - TREND_SECONDS and one.committed), None)
    found = []
    for group, places in sorted(last.committed.items()):
        topics = {place.topic for place in places}
        partitions = [_lag(group, at, last, before) for at in sorted(last.ends) if at.topic in topics]
        partitions.sort(key=lambda one: -(one.records if one.records is not None else -1))
        found.append(GroupLag(group, tuple(partitions)))
    return found


def _rate(samples: Sequence[Sample], topic: str) -> Rate:
    times = [one.at for one in samples]
    totals = [sum(end for at, end in one.ends.items() if at.topic == topic) for one in samples]
    last = times[-1]

    def mean(seconds: float) -> float | None:
        index = bisect.bisect_right(times, last - seconds) - 1
        return None if index < 0 else _per_second(times, totals, index, len(times) - 1)

    oldest = max(0, bisect.bisect_right(times, last - KEPT_SECONDS) - 1)
    return Rate(topic, mean(60), mean(600), max(0, totals[-1] - totals[oldest]), _series(times, totals, last))


def _series(times: list[float], totals: list[int], last: float) -> tuple[float, ...]:
    """By minute; between two samples that lie further apart than that, their mean."""
    found = []
    for minute in range(_POINTS, 0, -1):
        begin, end = last - minute * 60, last - (minute - 1) * 60
        first = bisect.bisect_right(times, begin) - 1
        if first >= 0:
            found.append(_per_second(times, totals, first, max(first + 1, bisect.bisect_left(times, end))))
    return tuple(found)


def _per_second(times: list[float], totals: list[int], first: int, last: int) -> float:
    last = min(last, len(times) - 1)
    passed = times[last] - times[first]
    return max(0, totals[last] - totals[first]) / passed if passed > 0 else 0.0


def _lag(group: str, at: At, last: Sample, before: Sample | None) -> Lag:
    done = last.committed[group].get(at)
    # A partition without records has nothing to commit.
    records = max(0, last.ends[at] - done) if done is not None else None if last.ends[at] else 0
    earlier = before.committed.get(group, {}).get(at) if before is not None else None
    if before is None or earlier is None or done is None or records is None:
        return Lag(group, at.topic, at.partition, records, "steady", 0.0 if records == 0 else None)
    pace = (done - earlier) / (last.at - before.at)
    change = records - max(0, before.ends.get(at, 0) - earlier)
    trend: Trend = "steady"
    if abs(change) > max(_STEADY, records / 10):
        trend = "grows" if change > 0 else "shrinks"
    seconds = 0.0 if records == 0 else records / pace if pace > 0 else None
    return Lag(group, at.topic, at.partition, records, trend, seconds)
