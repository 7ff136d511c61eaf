"""What cases and reviews are opened from, as the topic of alerts holds it: items of the single-report queue, and signals."""

from __future__ import annotations

from collections.abc import Collection

from shared.broker import TopicReader
from shared.cases.duplicates import Trace
from shared.errors import AdrwatchError, BadMessage
from shared.events import Alert, Outcome, decode
from shared.latest_alerts import Filter, latest_alerts
from shared.settings import Settings
from shared.topics import OUTCOMES


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


def traces(settings: Settings, posts: Collection[str]) -> dict[str, Trace]:
    """What the topic of outcomes knows of posts, but for those that were deleted. Raises DependencyAway."""
    found: dict[str, Trace] = {}
    if not posts:
        return found
    with TopicReader(settings, OUTCOMES) as reader:
        for stored in reader.to_end():
            if (stored.key or b"").decode(errors="replace") not in posts:
                continue
            try:
                outcome = decode(stored.value, Outcome)
            except BadMessage:
                continue
            found[outcome.post_id] = Trace(outcome.created_at, outcome.author, outcome.fingerprint)
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
