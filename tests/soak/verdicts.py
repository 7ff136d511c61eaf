"""From samples to verdicts: what grows, how fast, and whether that is more than it may. Pure.

A slope is Theil and Sen's (the median of the slopes of all pairs of samples), with its interval of 95 %, over the samples after the
warm-up. A verdict fails only where the whole interval lies above the limit: what the run is too short to tell is no failure, and
the report shows the interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from scipy.stats import theilslopes

from tests.soak.samples import Sample, Usage

MIB = 1 << 20
_HOUR = 3600.0
# A heap that fills up to its bound is no leak.
BOUNDED = ("kafka",)


class Limits(NamedTuple):
    """What may grow, and by how much.

    Memory fails where it grows faster than `memory_mib_hour` and has grown by `memory_mib`: what fills up to a bound does the first
    for a while, such as the codes of authors and words. `keys_a_mention` and `bytes_a_mention`: what the windows in Redis explain.
    """

    memory_mib_hour: float = 20.0
    memory_mib: float = 16.0
    count_hour: float = 10.0
    keys_a_mention: float = 6.0
    bytes_a_mention: float = 3000.0
    lag_seconds: float = 30.0


class Slope(NamedTuple):
    """Growth in an hour, and the interval of 95 % around it."""

    hour: float
    low: float
    high: float


class Verdict(NamedTuple):
    """One thing that was looked at. `unit` is that of the slope and of the limit; `passed` is None where nothing is judged."""

    subject: str
    what: str
    first: float
    last: float
    slope: Slope
    limit: float | None
    unit: str
    slack: float | None = None

    @property
    def passed(self) -> bool | None:
        """Whether it keeps its limit, as far as the samples tell. With a `slack` it may also have grown by less than that."""
        if self.limit is None:
            return None
        return self.slope.low <= self.limit or (self.slack is not None and self.last - self.first < self.slack)


def after(samples: Sequence[Sample], warm_up: float) -> list[Sample]:
    """The samples after the warm-up, in seconds."""
    return [one for one in samples if one.at >= warm_up]


def slope(times: Sequence[float], values: Sequence[float]) -> Slope:
    """Of values over seconds. Nothing can be said of fewer than three."""
    if len(values) < 3:
        return Slope(0.0, float("-inf"), float("inf"))
    return Slope(*(one * _HOUR for one in _slopes(values, times)))


def _slopes(values: Sequence[float], of: Sequence[float]) -> tuple[float, float, float]:
    found = theilslopes(values, of, 0.95)
    return float(found.slope), float(found.low_slope), float(found.high_slope)


def judge(samples: Sequence[Sample], rate: float, limits: Limits) -> list[Verdict]:
    """Verdicts over samples without the warm-up; `rate` is in posts a second."""
    found: list[Verdict] = []
    names = [name for name in samples[0].processes if all(name in one.processes for one in samples)]
    for name in names:
        limit = None if name in BOUNDED else limits.memory_mib_hour
        if name != "redis":
            memory = _of(samples, name, "memory", lambda one: one.memory / MIB, limit, "MiB/h")
            found.append(memory._replace(slack=limits.memory_mib))
        found += [
            _of(samples, name, "open files", lambda one: one.files, limits.count_hour, "1/h"),
            _of(samples, name, "connections", lambda one: one.connections, limits.count_hour, "1/h"),
            _of(samples, name, "threads", lambda one: one.threads, limits.count_hour, "1/h"),
        ]
    found += _of_redis(samples, limits)
    found += _of_lag(samples, rate, limits)
    return found


def lost(samples: Sequence[Sample]) -> list[str]:
    """Processes that were there at some look and are not at the last."""
    last = samples[-1].processes
    return sorted({name for one in samples for name in one.processes} - last.keys())


def _of(
    samples: Sequence[Sample], name: str, what: str, value: Callable[[Usage], float], limit: float | None, unit: str
) -> Verdict:
    values = [value(one.processes[name]) for one in samples]
    return Verdict(name, what, values[0], values[-1], slope([one.at for one in samples], values), limit, unit)


def _of_redis(samples: Sequence[Sample], limits: Limits) -> list[Verdict]:
    """Keys and memory by mention: what windows, items and evidence need grows with what is reported, and with nothing else."""
    mentions = [float(one.topics.get("mentions", 0)) for one in samples]
    found = []
    for what, values, limit, unit in (
        ("keys", [float(one.keys) for one in samples], limits.keys_a_mention, "a mention"),
        ("memory", [float(one.redis_memory) for one in samples], limits.bytes_a_mention, "bytes a mention"),
    ):
        each = Slope(0.0, float("-inf"), float("inf"))
        if len(set(mentions)) > 2:
            each = Slope(*_slopes(values, mentions))
        found.append(Verdict("redis", what, values[0], values[-1], each, limit, unit))
    return found


def _of_lag(samples: Sequence[Sample], rate: float, limits: Limits) -> list[Verdict]:
    """The longest lag after the warm-up, in seconds of the load, stands for the slope: it is bounded or it is not."""
    found = []
    for service in samples[0].lag:
        seconds = [one.lag[service] / rate for one in samples]
        most = max(seconds)
        found.append(
            Verdict(service, "longest lag", seconds[0], seconds[-1], Slope(most, most, most), limits.lag_seconds, "s")
        )
    return found
