"""Counts over time: of one drug, reaction or pair with the band in which the surge rule expects them, and of many pairs at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.dashboard.view.counted import Counted
from shared.errors import AdrwatchError
from shared.signals.measures import SHRINKAGE, TAIL, Counts, Floats
from shared.signals.rules import HOUR_MS
from shared.signals.window_measures import Season
from shared.signals.windows import NONE
from shared.topics import DAY_MS

_MOST_STEPS = 2_500


@dataclass(frozen=True, eq=False)
class Series:
    """Posts that count, by steps of time from `starts` on (ms since 1970), and the prediction interval at 95 %; NaN where none."""

    starts: Counts
    counts: Counts
    low: Floats
    high: Floats


def series(
    counted: Counted, start_ms: int, end_ms: int, drug: str | None = None, reaction: str | None = None,
    step_ms: int = DAY_MS,
) -> Series:  # fmt: skip
    """The posts of [start, end) that name a drug, a reaction, or the pair of both, each counted once.

    The band of a step is what `shared.signals.change.surge_p` predicts from the steps before it, with the seasons of the week
    and of the day as they were known then; the first steps, before any report, have none, nor has one that alerting has not
    closed to its end.
    Raises AdrwatchError for too many steps, and unless start and end are whole steps apart.
    """
    steps, rest = divmod(end_ms - start_ms, step_ms)
    if rest or not 0 < steps <= _MOST_STEPS or step_ms not in (HOUR_MS, DAY_MS):
        raise AdrwatchError(
            f"a series has 1 to {_MOST_STEPS} whole steps of an hour or a day",
            fix="choose other times, or steps of days",
        )
    window = counted.window(start_ms, end_ms)
    starts = start_ms + np.arange(steps) * step_ms
    counts = _by_step(window.times_of(counted.pairs_of(drug, reaction)), start_ms, step_ms, steps)
    totals = _by_step(window.times(), start_ms, step_ms, steps)
    low, high = _band(counts, totals, starts, step_ms)
    if counted.closed_until_ms is not None:
        # What has not passed as a whole is not held against what a whole step would have.
        low[starts + step_ms > counted.closed_until_ms] = high[starts + step_ms > counted.closed_until_ms] = np.nan
    return Series(starts, counts, low, high)


def trends(counted: Counted, pairs: list[tuple[str, str]], end_ms: int, days: int) -> Counts:
    """Posts a day [pairs, days] of pairs by (drug id, reaction id), over the days that end at `end_ms`; 0 for an unknown pair."""
    start_ms = end_ms - days * DAY_MS
    codes = np.array([counted.ledger.find_pair(*pair) for pair in pairs], dtype=np.int64).reshape(-1)
    known, place = np.unique(codes[codes != NONE], return_inverse=True)
    table = np.zeros((len(pairs), days), dtype=np.int64)
    table[codes != NONE] = counted.window(start_ms, end_ms).counts_by_step(known, start_ms, DAY_MS, days)[place]
    return table


def _by_step(times: Counts, start_ms: int, step_ms: int, steps: int) -> Counts:
    return np.bincount((times - start_ms) // step_ms, minlength=steps)


def _band(counts: Counts, totals: Counts, starts: Counts, step_ms: int) -> tuple[Floats, Floats]:
    """The interval of each step from those before it, since the first report of all."""
    # It takes a quarter of a second to load.
    from scipy.stats import nbinom

    low, high = np.full(len(counts), np.nan), np.full(len(counts), np.nan)
    if not totals.any():
        return low, high
    first = int(np.flatnonzero(totals)[0])
    past = np.cumsum(counts) - counts
    shares = np.full(len(counts), np.nan)
    for step in range(first + 1, len(counts)):
        # What came later was not known then.
        busy = Season(totals[first:step], starts[first:step], step_ms)
        exposure = busy.at(starts[first:step]).sum()
        shares[step] = exposure / (exposure + busy.at(starts[step : step + 1])[0])
    known = slice(first + 1, None)
    shape = past[known] + SHRINKAGE
    low[known] = nbinom.ppf(TAIL, shape, shares[known])
    high[known] = nbinom.ppf(1 - TAIL, shape, shares[known])
    return low, high
