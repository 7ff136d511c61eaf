"""Reports of a pair by day, for the page of an alert."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from services.dashboard.desk import Desk
from services.dashboard.opened import Opened
from services.dashboard.view.series import series
from shared.signals.rules import HOUR_MS
from shared.signals.windows import from_ms, to_ms
from shared.topics import DAY_MS

# Days before the window's begin, so that one sees how it was before; days in all, more where the window alone has more.
_BEFORE, _LEAST, _MOST = 14, 30, 200


@dataclass(frozen=True)
class Day:
    """One day, UTC: reports that count, the expected band (None where nothing told what to expect)."""

    at: datetime
    reports: int
    low: float | None
    high: float | None
    in_window: bool


@dataclass(frozen=True)
class Trend:
    """The days in order. `start` and `end` are those of the alert's window; None for a single report."""

    days: list[Day]
    start: datetime | None
    end: datetime | None


def trend(desk: Desk, opened: Opened) -> Trend:
    """The days around the window of an alert, up to now where there is room for them; of a single report, those around its post."""
    counted = desk.view.reports.now()
    start = end = None
    if opened.alert is not None and opened.alert.window_hours is not None:
        end = to_ms(opened.alert.evaluated_at)
        start = end - opened.alert.window_hours * HOUR_MS
    known = opened.alert.evaluated_at if opened.alert else opened.dossier.opened_at if opened.dossier else None
    known_ms = to_ms(known) if known else counted.closed_until_ms or 0
    first, until = edges(start or known_ms, end or known_ms, max(known_ms, counted.closed_until_ms or 0))
    found = series(counted, first, until, opened.drug.id, opened.reaction.id)
    return Trend(
        [
            Day(
                from_ms(int(at)),
                int(reports),
                None if math.isnan(low) else float(low),
                None if math.isnan(high) else float(high),
                start is not None and end is not None and at + DAY_MS > start and at < end,
            )
            for at, reports, low, high in zip(found.starts, found.counts, found.low, found.high, strict=True)
        ],
        None if start is None else from_ms(start),
        None if end is None else from_ms(end),
    )


def edges(start_ms: int, end_ms: int, latest_ms: int) -> tuple[int, int]:
    """The whole days to show: all of [start, end] and some before, then as many up to `latest_ms` as there is room for. Pure."""
    first, last = start_ms // DAY_MS - _BEFORE, math.ceil(end_ms / DAY_MS)
    until = max(last, min(math.ceil(latest_ms / DAY_MS), first + _MOST))
    return min(first, until - _LEAST) * DAY_MS, until * DAY_MS
