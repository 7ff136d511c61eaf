"""Alerts as people see them on the command line: the latest state of each, filtered, as tables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from rich.table import Table as Grid

from services.alerting.reader import Update
from shared.errors import BadMessage
from shared.events import Alert, Measure, decode


@dataclass(frozen=True)
class Filter:
    """Which alerts are wanted; None wants all. `drug` is an id or part of a label, without case."""

    kind: str | None = None
    drug: str | None = None
    since: datetime | None = None

    def wants(self, alert: Alert) -> bool:
        """Whether the alert is among those that are wanted."""
        if self.kind is not None and alert.kind != self.kind:
            return False
        if self.since is not None and alert.evaluated_at < self.since:
            return False
        if self.drug is None:
            return True
        return self.drug == alert.drug.id or self.drug.casefold() in alert.drug.label.casefold()


class LatestAlerts:
    """The latest state of every alert. A record that is no alert is counted in `unreadable`."""

    def __init__(self) -> None:
        self.unreadable = 0
        self._alerts: dict[str, Alert] = {}

    def apply(self, update: Update) -> Alert | None:
        """Take in one record of the topic; gives the alert as it is now, None when it was taken back or cannot be read."""
        key, value = update
        if value is None:
            self._alerts.pop(key, None)
            return None
        try:
            alert = decode(value, Alert)
        except BadMessage:
            self.unreadable += 1
            return None
        self._alerts[alert.id] = alert
        return alert

    def get(self, alert_id: str) -> Alert | None:
        """One alert."""
        return self._alerts.get(alert_id)

    def matching(self, wanted: Filter) -> list[Alert]:
        """The alerts that are wanted, the latest first."""
        found = [alert for alert in self._alerts.values() if wanted.wants(alert)]
        return sorted(found, key=lambda alert: (alert.evaluated_at, alert.id), reverse=True)


def interval(measure: Measure | None) -> str:
    """A measure with its interval; a dash for what is absent."""
    if measure is None or measure.value is None:
        return "–"
    if measure.lower is None or measure.upper is None:
        return f"{measure.value:.2f}"
    return f"{measure.value:.2f} [{measure.lower:.2f}, {measure.upper:.2f}]"


def window(hours: int | None) -> str:
    """A window's length in the largest unit that is whole."""
    if hours is None:
        return ""
    return f"{hours // 24} d" if hours % 24 == 0 and hours > 24 else f"{hours} h"


def grid(alerts: Iterable[Alert]) -> Grid:
    """Alerts as a table, one a line."""
    table = Grid(box=None, header_style="bold", pad_edge=False)
    for name in ("id", "when", "lane", "drug", "reaction"):
        table.add_column(name, overflow="fold")
    for name in ("a/b/c/d", "PRR", "ROR", "IC"):
        table.add_column(name, justify="right")
    for name in ("rules", "window", "authors"):
        table.add_column(name, overflow="fold")
    for alert in alerts:
        counts = alert.table
        table.add_row(
            alert.id,
            f"{alert.evaluated_at:%Y-%m-%d %H:%M}",
            alert.lane,
            alert.drug.label,
            alert.reaction.label,
            f"{counts.a}/{counts.b}/{counts.c}/{counts.d}" if counts else "",
            *(interval(alert.measures.get(name)) if counts else "" for name in ("prr", "ror", "ic")),
            ", ".join(alert.rules),
            window(alert.window_hours),
            "" if alert.authors is None else str(alert.authors),
        )
    return table


def card(alert: Alert) -> Grid:
    """Everything of one alert, a line each."""
    table = Grid(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    lines = {
        "id": alert.id,
        "kind": alert.kind.replace("_", " "),
        "lane": alert.lane,
        "drug": f"{alert.drug.label} ({alert.drug.id})",
        "reaction": f"{alert.reaction.label} ({alert.reaction.id})",
        "began": f"{alert.episode:%Y-%m-%d %H:%M} UTC",
        "evaluated": f"{alert.evaluated_at:%Y-%m-%d %H:%M} UTC",
        "rules": ", ".join(alert.rules) or "none any more",
        "rule version": alert.rule_version,
    }
    if alert.table:
        lines |= {
            "window": window(alert.window_hours),
            "drug and reaction": f"{alert.table.a} reports by {alert.authors} authors",
            "drug only": str(alert.table.b),
            "reaction only": str(alert.table.c),
            "neither": str(alert.table.d),
        }
        names = {"prr": "PRR", "ror": "ROR", "ic": "IC", "chi2": "chi-squared", "expected": "expected"}
        lines |= {names.get(name, name): interval(measure) for name, measure in alert.measures.items()}
    lines["examples"] = "\n".join(alert.examples) or "none"
    for name, value in lines.items():
        table.add_row(name, value)
    return table
