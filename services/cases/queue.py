"""What cases and reviews are opened from, as the topic of alerts holds it: items of the single-report queue, and signals."""

from __future__ import annotations

from shared.errors import AdrwatchError
from shared.events import Alert
from shared.latest_alerts import Filter, latest_alerts
from shared.settings import Settings


def item(settings: Settings, alert_id: str) -> Alert:
    """The latest state of one item. Raises AdrwatchError where there is none, or it is a signal; DependencyAway."""
    found = latest_alerts(settings).get(alert_id)
    if found is None:
        raise AdrwatchError(
            f"there is no item {alert_id}, or it was taken back", fix="see `adrwatch alerts list --kind single_report`"
        )
    if found.kind != "single_report":
        raise AdrwatchError(
            f"{alert_id} is a signal of many posts, and a case is of one patient",
            fix=f"open a case from a single report, or review the signal: adrwatch review show {alert_id}",
        )
    return found


def signals(settings: Settings, drug: str | None = None) -> dict[str, Alert]:
    """The latest state of all signals by id, the latest first; only those of a drug, by its id or a part of its name."""
    found = latest_alerts(settings).matching(Filter("disproportionality", drug))
    return {alert.id: alert for alert in found}


def signal(settings: Settings, alert_id: str) -> Alert | None:
    """The latest state of one signal; None where there is none, or it was taken back. Raises AdrwatchError for an item."""
    found = latest_alerts(settings).get(alert_id)
    if found is not None and found.kind != "disproportionality":
        raise AdrwatchError(
            f"{alert_id} is a report of one patient, and no signal",
            fix=f"open a case from it: adrwatch cases open {alert_id}",
        )
    return found
