"""Alerts of what was kept: single reports from mentions, signals from closed buckets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from services.backtest.kept import Kept
from shared.events import Alert, Mention, decode
from shared.signals.rules import HOUR_MS, Rules
from shared.signals.singles import queue
from shared.signals.timeline import Timeline, publications

Closing = Iterator[tuple[int, list[Alert]]]


@dataclass
class Evaluation:
    """How far the evaluation has come. `alerts` holds the latest state by id, `published` counts updates too, `fired_until`
    is when each signal last fired (ms), published or not.

    Buckets before `until_ms` are closed (None: there is no post). The last `open_hours` of event time, with `open_reports`
    in them, are not evaluated: live they would wait for later posts.
    """

    until_ms: int | None = None
    open_hours: int = 0
    open_reports: int = 0
    alerts: dict[str, Alert] = field(default_factory=dict)
    published: int = 0
    fired_until: dict[str, int] = field(default_factory=dict)

    def in_order(self) -> tuple[Alert, ...]:
        """The alerts by time."""
        return tuple(sorted(self.alerts.values(), key=lambda alert: (alert.evaluated_at, alert.id)))


class Evaluator:
    """Evaluates what was kept. `done` and `total` count the buckets with reports."""

    def __init__(self, kept: Kept, rules: Rules, *, to_the_end: bool) -> None:
        """`to_the_end` closes all buckets; else those that the latest post has closed."""
        self.result = Evaluation()
        self.done = 0
        self._kept = kept
        self._rules = rules
        length = rules.time.bucket_ms
        if kept.last_ms is not None:
            end = (kept.last_ms // length + 1) * length
            until = end if to_the_end else rules.time.closed_until(kept.last_ms)
            self.result.until_ms = until
            self.result.open_hours = (end - until) // HOUR_MS
            self.result.open_reports = kept.reports_from(until)
        self._buckets = kept.buckets(length, self.result.until_ms or 0)

    @property
    def total(self) -> int:
        """Buckets to evaluate."""
        return len(self._buckets)

    def run(self, follow: Callable[[Closing], Closing]) -> Evaluation:
        """Evaluate everything; `follow` is given the buckets as they pass."""
        for alert in queue((decode(record, Mention) for record in self._kept.mention_records()), self._rules):
            self._publish(alert)
        timeline = Timeline(self._rules, self._kept.labels)
        for _, alerts in follow(publications(self._buckets, self._kept.rows, self._rules, timeline)):
            self.done += 1
            for alert in alerts:
                self._publish(alert)
        self.result.fired_until = timeline.fired_until
        return self.result

    def _publish(self, alert: Alert) -> None:
        self.result.alerts[alert.id] = alert
        self.result.published += 1
