"""How pairs came to alert: from the first report to the first alert, and their reports over time. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from shared.events import Alert, Concept
from shared.signals.windows import Row, from_ms, to_ms
from shared.topics import DAY_MS

# Steps of a series in days: the shortest that needs no more than _MOST_STEPS.
_STEPS = (1, 7, 28, 91, 364)
_MOST_STEPS = 60


class Span(msgspec.Struct, frozen=True):
    """One episode of a pair: the start of its first bucket that fired, the end of that one (the alert), the end of the last one."""

    id: str
    began: datetime
    alerted_at: datetime
    fired_until: datetime


class Story(msgspec.Struct, frozen=True):
    """A pair that alerted. `reports` are the posts with the pair up to the end of the bucket of the first alert, reposts included;
    `days` lie between the first of them and the alert. `series` counts its posts by the steps of the result.
    """

    drug: Concept
    reaction: Concept
    first_report: datetime
    first_alert: datetime
    reports: int
    days: float
    spans: tuple[Span, ...]
    series: tuple[int, ...]


class Steps(msgspec.Struct, frozen=True):
    """Equal steps of time, `days` long, the first from the midnight (UTC) `start` on; and the alerts that were raised in each."""

    start: datetime
    days: int
    signals: tuple[int, ...]
    single_reports: tuple[int, ...]


class Calendar:
    """Equal steps that cover all time between two moments, in ms."""

    def __init__(self, first_ms: int, last_ms: int) -> None:
        self.start_ms = first_ms // DAY_MS * DAY_MS
        span = last_ms - self.start_ms
        self.days = next((days for days in _STEPS if span < days * DAY_MS * _MOST_STEPS), _STEPS[-1])
        self.number = span // (self.days * DAY_MS) + 1

    def count(self, moments: Iterable[int]) -> tuple[int, ...]:
        """How many of the moments (ms) fall in each step; what lies after the last one counts there."""
        found = [0] * self.number
        for moment in moments:
            found[min((moment - self.start_ms) // (self.days * DAY_MS), self.number - 1)] += 1
        return tuple(found)


def steps(calendar: Calendar, alerts: Sequence[Alert], bucket_ms: int) -> Steps:
    """The first publications of alerts, in the steps of a calendar."""

    def of(kind: str) -> tuple[int, ...]:
        return calendar.count(_raised_ms(alert, bucket_ms) for alert in alerts if alert.kind == kind)

    return Steps(from_ms(calendar.start_ms), calendar.days, of("disproportionality"), of("single_report"))


def stories(
    calendar: Calendar, alerts: Sequence[Alert], fired_until: Mapping[str, int], rows: Iterable[Row], bucket_ms: int
) -> tuple[Story, ...]:
    """The pairs of the signals among the alerts, in the order of their first ones. `rows` hold all reports."""
    signals: dict[tuple[str, str], list[Alert]] = {}
    for alert in sorted(alerts, key=lambda alert: (alert.episode, alert.id)):
        if alert.kind == "disproportionality":
            signals.setdefault((alert.drug.id, alert.reaction.id), []).append(alert)
    told: dict[tuple[str, str], list[int]] = {pair: [] for pair in signals}
    for row in rows:
        for pair in told.keys() & set(row.pairs):
            told[pair].append(row.at_ms)
    return tuple(_story(found, sorted(told[pair]), calendar, fired_until, bucket_ms) for pair, found in signals.items())


def _story(
    alerts: Sequence[Alert], told: Sequence[int], calendar: Calendar, fired_until: Mapping[str, int], bucket_ms: int
) -> Story:
    first = _raised_ms(alerts[0], bucket_ms)
    return Story(
        drug=alerts[0].drug,
        reaction=alerts[0].reaction,
        first_report=from_ms(told[0]),
        first_alert=from_ms(first),
        reports=bisect_right(told, first - 1),
        days=round((first - told[0]) / DAY_MS, 2),
        spans=tuple(
            Span(alert.id, alert.episode, from_ms(_raised_ms(alert, bucket_ms)), from_ms(fired_until[alert.id]))
            for alert in alerts
        ),
        series=calendar.count(told),
    )


def _raised_ms(alert: Alert, bucket_ms: int) -> int:
    """When an alert was first published: a signal when the first bucket of its episode had ended."""
    return to_ms(alert.episode) + (bucket_ms if alert.kind == "disproportionality" else 0)
