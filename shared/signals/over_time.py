"""Pairs of dated reports whose counts have changed: temporal IC, surge and MaxSPRT of a window against the time before it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.errors import AdrwatchError
from shared.signals.change import DAYS_A_WEEK, surge_p, temporal_ic, weekday_season
from shared.signals.counts import Pairs, Reports, count
from shared.signals.measures import Counts, Floats
from shared.signals.multiplicity import false_discovery_rate
from shared.signals.sequential import conditional_critical_value, conditional_llr

# The epoch, 1970-01-01, was a Thursday; Monday is 0.
_WEEKDAY_OF_EPOCH = 3
# A past of fewer days does not tell busy weekdays from quiet ones.
_LEAST_DAYS = DAYS_A_WEEK


@dataclass(frozen=True)
class Span:
    """Days, as numbers since 1970-01-01: the control window [start, change) and the window [change, end)."""

    start: int
    change: int
    end: int


def span_of(day: Counts, until: int | None, window: int, control: int) -> Span:
    """The last `window` days up to the day `until` (None: the last day of a report), and the `control` days before them.

    Days before the first report are days of which nothing is known, so the control window begins with it at the earliest. Raises
    AdrwatchError where it would be cut to less than a week.
    """
    first, end = int(day.min()), int(day.max()) + 1 if until is None else until + 1
    change = end - window
    start = max(change - control, first)
    if end > first and change - start < min(control, _LEAST_DAYS):
        raise AdrwatchError(
            f"the reports begin {max(change - first, 0)} days before the window, too few to compare it with",
            fix=f"choose --until and --window so that {_LEAST_DAYS} days of reports at least come before the window",
        )
    return Span(start, change, end)


@dataclass(frozen=True)
class Changes:
    """The pairs with a report in the window, and columns by name; NaN where a pair's past cannot give a value."""

    pairs: Pairs
    columns: dict[str, Counts | Floats]


def changes(reports: Reports, day: Counts, span: Span, alpha: float = 0.05, least_reports: int = 3) -> Changes:
    """What has changed in a window. `day`: the day of each row's report. Raises AdrwatchError for a window without reports.

    - `tic`: the IC of the window, the pair's part in the control window being expected; with its interval.
    - `surge_p`, `surge_fdr`: the newest day's count against the pair's own days before it, seasons of the week taken out.
    - `max_llr`, `critical`: the greatest ratio on any day of the window that has `least_reports` so far, against those of the
      control window (conditional MaxSPRT; 0 without such a day), and the value that pairs without any change reach with
      probability `alpha` at most.
    """
    inside = reports.where((day >= span.change) & (day < span.end))
    before = reports.where((day >= span.start) & (day < span.change))
    if not len(inside.report) or not len(before.report):
        which = "window" if not len(inside.report) else "control window"
        raise AdrwatchError(
            f"no report falls into the {which}", fix="choose --until, --window and --control by the dates"
        )
    now, then = count(inside), count(before)
    past_a, past_expected = _looked_up(now, then)
    tic = temporal_ic(now.a, now.expected, past_a, past_expected)
    by_day = _daily(now, reports, day, span)
    total = np.bincount(_days_of(reports, day, span), minlength=span.end - span.start)
    weekday = (np.arange(span.start, span.end) + _WEEKDAY_OF_EPOCH) % DAYS_A_WEEK
    season = weekday_season(total[:-1], weekday[:-1])[weekday]
    surge = surge_p(by_day[:, -1], by_day[:, :-1], season[:-1], float(season[-1]))
    llr, critical = _sequential(by_day, span, season, alpha, least_reports)
    columns: dict[str, Counts | Floats] = {
        "a": now.a, "expected": now.expected, "control_a": past_a, "control_expected": past_expected,
        "tic": tic.value, "tic025": tic.lower, "tic975": tic.upper,
        "newest_day": by_day[:, -1], "surge_p": surge, "surge_fdr": false_discovery_rate(surge),
        "max_llr": llr, "critical": critical,
    }  # fmt: skip
    return Changes(now, columns)


def _sequential(by_day: Counts, span: Span, season: Floats, alpha: float, least: int) -> tuple[Floats, Floats]:
    """The greatest ratio of each pair in the window, and its critical value; NaN for a pair that the control window lacks."""
    control = span.change - span.start
    past = by_day[:, :control].sum(axis=1)
    exposures = np.cumsum(season[control:]) / season[:control].sum()
    counts = np.cumsum(by_day[:, control:], axis=1)
    greatest = np.where(counts >= least, conditional_llr(past[:, None], counts, exposures[None]), 0.0).max(axis=1)
    numbers, place = np.unique(past, return_inverse=True)
    critical = np.array([conditional_critical_value(number, exposures, alpha, least) for number in numbers.tolist()])
    return np.where(past > 0, greatest, np.nan), critical[place]


def _daily(pairs: Pairs, reports: Reports, day: Counts, span: Span) -> Counts:
    """Distinct reports [pairs, days] of each day from the start of the control window."""
    size = len(reports.reactions)
    keys = pairs.drug * size + pairs.reaction
    rows = np.flatnonzero((day >= span.start) & (day < span.end))
    mine = reports.drug[rows] * size + reports.reaction[rows]
    place = np.minimum(np.searchsorted(keys, mine), len(keys) - 1)
    kept = keys[place] == mine
    # The day belongs to the report, so distinct reports of a pair are distinct whatever their day.
    distinct = np.unique(np.stack([place[kept], reports.report[rows][kept], day[rows][kept] - span.start]), axis=1)
    table = np.zeros((len(keys), span.end - span.start), dtype=np.int64)
    np.add.at(table, (distinct[0], distinct[2]), 1)
    return table


def _days_of(reports: Reports, day: Counts, span: Span) -> Counts:
    """The day of each distinct report in the span, from its start."""
    inside = (day >= span.start) & (day < span.end)
    _, first = np.unique(reports.report[inside], return_index=True)
    return day[inside][first] - span.start


def _looked_up(wanted: Pairs, there: Pairs) -> tuple[Counts, Floats]:
    """Counts and expected counts that pairs have in another table.

    Of a pair that nobody reported there: 0, and the product of the margins.
    """
    size = len(wanted.reactions)
    keys, theirs = wanted.drug * size + wanted.reaction, there.drug * size + there.reaction
    place = np.minimum(np.searchsorted(theirs, keys), len(theirs) - 1)
    found = theirs[place] == keys
    of_drug, of_reaction = np.zeros(len(wanted.drugs)), np.zeros(size)
    of_drug[there.drug], of_reaction[there.reaction] = there.a + there.b, there.a + there.c
    product = of_drug[wanted.drug] * of_reaction[wanted.reaction] / max(there.total, 1)
    return np.where(found, there.a[place], 0), np.where(found, there.expected[place], product)
