"""What a run of the benchmark measured, and the few numbers that follow from it. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Literal, NamedTuple

import msgspec
import numpy as np

Part = Literal["a", "b", "c"]
# What is measured, in the order of the table: a part, and whether screen and cascade hold posts back from the models.
SERIES: tuple[tuple[Part, bool], ...] = (("a", False), ("b", False), ("b", True), ("c", False), ("c", True))
# Below so many samples a 99th percentile is hardly more than the largest of them.
FEW = 100


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """The posts: the file's name, how many, how many distinct ids, and the mean number of word pieces."""

    name: str
    posts: int
    distinct: int
    pieces: float


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where it ran. `cores` may be used by this process, `memory` is in bytes, `load` is the run queue of the last minute.

    `features` are the processor's instruction sets that matter to inference.
    """

    processor: str
    cores: int
    memory: int
    system: str
    kernel: str
    features: tuple[str, ...]
    load: float


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One part over the posts of one round. `memory` holds the peak in bytes of each process, by name.

    `outcomes` counts distinct posts by kind of outcome, `passed` those that the classifier let through to the extractor.
    `processor`: seconds of processor time, by process.
    """

    part: Part
    gated: bool
    round: int
    posts: int
    seconds: float
    outcomes: dict[str, int] = {}
    passed: int | None = None
    memory: dict[str, tuple[int, ...]] = {}
    processor: dict[str, float] = {}

    @property
    def rate(self) -> float:
        """Posts a second."""
        return self.posts / self.seconds


class Quantiles(msgspec.Struct, frozen=True):
    """Median and 99th percentile of `samples` values, in seconds; NaN without samples."""

    samples: int
    p50: float
    p99: float


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """`sent` posts in `seconds`; time from sending a post to its first mention, and to its outcome."""

    sent: int
    seconds: float
    mention: Quantiles
    outcome: Quantiles


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run. `versions` go by program, `workers` are the pipeline's, `batch` is the posts of a micro-batch.

    `classifier`: posts a second of the classifier alone, through Triton, round by round. `parts`: posts a second of parts of the
    pipeline by part and row, round by round.
    """

    command: str
    at: datetime
    revision: str
    machine: Machine
    versions: dict[str, str]
    stream: Stream
    workers: int
    batch: int
    runs: tuple[Run, ...]
    latency: Latency | None = None
    classifier: tuple[float, ...] = ()
    parts: dict[str, dict[str, tuple[float, ...]]] = {}

    @property
    def rounds(self) -> int:
        """How many parts the stream was cut into."""
        return max((run.round for run in self.runs), default=0)


class Spread(NamedTuple):
    """Median and extremes."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread | None:
    """Of one value per round; None without values."""
    return Spread(statistics.median(values), min(values), max(values)) if values else None


def quantiles(values: Sequence[float]) -> Quantiles:
    """Values that occurred, never between two: the smallest that half, or 99 % of them, do not exceed."""
    if not values:
        return Quantiles(0, float("nan"), float("nan"))
    p50, p99 = np.quantile(values, (0.5, 0.99), method="inverted_cdf").tolist()
    return Quantiles(len(values), p50, p99)


def series(runs: Iterable[Run], part: Part, gated: bool) -> dict[int, Run]:
    """The runs of one part by round."""
    return {run.round: run for run in runs if (run.part, run.gated) == (part, gated)}


def rates(runs: Sequence[Run], part: Part, gated: bool) -> list[float]:
    """Posts a second of one part, round by round."""
    return [run.rate for _, run in sorted(series(runs, part, gated).items())]


def ratios(runs: Sequence[Run], part: Part, gated: bool) -> list[float]:
    """How many times as fast as (a) a part was, in each round that has both."""
    plain = series(runs, "a", False)
    return [
        run.rate / plain[number].rate for number, run in sorted(series(runs, part, gated).items()) if number in plain
    ]


def peaks(runs: Iterable[Run]) -> dict[str, tuple[int, ...]]:
    """The highest peak of each process over all runs; of several with one name, the largest first."""
    highest: dict[str, tuple[int, ...]] = {}
    for run in runs:
        for name, values in run.memory.items():
            pairs = zip_longest(highest.get(name, ()), sorted(values, reverse=True), fillvalue=0)
            highest[name] = tuple(max(pair) for pair in pairs)
    return highest


def discord(runs: Sequence[Run]) -> list[int]:
    """Rounds in which two runs counted other outcomes for the same posts. None should."""
    seen: dict[int, list[dict[str, int]]] = {}
    for run in runs:
        if run.part != "a":
            seen.setdefault(run.round, []).append(run.outcomes)
    return [number for number, found in sorted(seen.items()) if any(other != found[0] for other in found)]


def shares(runs: Iterable[Run]) -> tuple[int, int, int | None] | None:
    """(posts, those the screen stopped, those the classifier passed on), of the gated runs in process; None without any."""
    gated = [run for run in runs if run.gated and run.outcomes]
    chosen = [run for run in gated if run.passed is not None] or gated
    if not chosen:
        return None
    # Each round once: gated runs of (b) and (c) decide alike.
    by_round = {run.round: run for run in chosen}.values()
    passed = [run.passed for run in by_round if run.passed is not None]
    return (
        sum(sum(run.outcomes.values()) for run in by_round),
        sum(run.outcomes.get("screened", 0) for run in by_round),
        sum(passed) if passed else None,
    )


def processor(runs: Iterable[Run]) -> dict[str, float]:
    """Milliseconds of processor time a post, by process, over these runs; the largest first."""
    chosen = [run for run in runs if run.processor]
    posts = sum(run.posts for run in chosen)
    names = {name for run in chosen for name in run.processor}
    spent = {name: sum(run.processor.get(name, 0.0) for run in chosen) * 1000 / posts for name in names}
    return dict(sorted(spent.items(), key=lambda one: -one[1]))
