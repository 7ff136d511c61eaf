"""The item of the single-report queue that a case is opened from, as the topic of alerts holds it."""

from __future__ import annotations

from shared.broker import TopicReader
from shared.errors import AdrwatchError, BadMessage
from shared.events import Alert, decode
from shared.settings import Settings
from shared.topics import ALERTS


def item(settings: Settings, alert_id: str) -> Alert:
    """The latest state of one item. Raises AdrwatchError where there is none, or it is a signal; DependencyAway."""
    found: Alert | None = None
    with TopicReader(settings, ALERTS) as reader:
        for stored in reader.to_end():
            if (stored.key or b"") == alert_id.encode():
                try:
                    found = decode(stored.value, Alert) if stored.value is not None else None
                except BadMessage:
                    continue
    if found is None:
        raise AdrwatchError(
            f"there is no item {alert_id}, or it was taken back", fix="see `adrwatch alerts list --kind single_report`"
        )
    if found.kind != "single_report":
        raise AdrwatchError(
            f"{alert_id} is a signal of many posts, and a case is of one patient",
            fix="open a case from a single report",
        )
    return found
