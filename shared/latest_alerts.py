"""The topic of alerts as it stands: the latest state of each, filtered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.broker import Stored, TopicReader
from shared.errors import BadMessage
from shared.events import Alert, Concept, decode
from shared.settings import Settings
from shared.topics import ALERTS


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
        return self.drug is None or concept_matches(self.drug, alert.drug)


def concept_matches(wanted: str, concept: Concept) -> bool:
    """Whether a drug or reaction has this id, or this in its name, without case."""
    looked_for = wanted.casefold()
    return looked_for == concept.id.casefold() or looked_for in concept.label.casefold()


class LatestAlerts:
    """The latest state of every alert. A record that is no alert is counted in `unreadable`."""

    def __init__(self) -> None:
        self.unreadable = 0
        self._alerts: dict[str, Alert] = {}

    def apply(self, record: Stored) -> Alert | None:
        """Take in one record of the topic; gives the alert as it is now, None when it was taken back or cannot be read."""
        if record.value is None:
            self._alerts.pop((record.key or b"").decode(errors="replace"), None)
            return None
        try:
            alert = decode(record.value, Alert)
        except BadMessage:
            self.unreadable += 1
            return None
        self._alerts[alert.id] = alert
        return alert

    def get(self, alert_id: str) -> Alert | None:
        """One alert."""
        return self._alerts.get(alert_id)

    def all(self) -> list[Alert]:
        """All alerts, the latest first."""
        return self.matching(Filter())

    def matching(self, wanted: Filter) -> list[Alert]:
        """The alerts that are wanted, the latest first."""
        found = [alert for alert in self._alerts.values() if wanted.wants(alert)]
        return sorted(found, key=lambda alert: (alert.evaluated_at, alert.id), reverse=True)


def latest_alerts(settings: Settings) -> LatestAlerts:
    """All that the topic holds now. Raises DependencyAway."""
    found = LatestAlerts()
    with TopicReader(settings, ALERTS) as reader:
        for record in reader.to_end():
            found.apply(record)
    return found
