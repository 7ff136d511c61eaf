"""One message on its way, and what the ledger says of it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from services.notify.channels import Refused
from services.notify.ledger import Ledger
from services.notify.notices import Telling, delivered, notification, parked
from shared import metrics
from shared.errors import DependencyAway
from shared.events import Notification, Notified
from shared.logs import logger

log = logger("notify")
# Notices in one digest; more make more messages, for receivers have limits.
MOST = 100


def deliver(
    carry: Callable[[Notification], None],
    channel: str,
    tellings: Sequence[Telling],
    purpose: Literal["alert", "digest"],
    ledger: Ledger,
) -> list[Notified]:
    """Carry a message; gives the records for the ledger. What is refused for good is parked. Raises DependencyAway.

    The caller writes the records before anything else: until then a crash repeats the message, under the same id.
    """
    try:
        carry(notification(channel, tellings, purpose))
    except DependencyAway:
        raise
    except Refused as error:
        reason = error.message
    except Exception as error:  # noqa: BLE001 - a fault of ours in one message must not hold up those behind it
        reason = f"error:{type(error).__name__}"
    else:
        metrics.NOTICES.labels(channel, "delivered").inc(len(tellings))
        return [delivered(one) for one in tellings]
    log.error("a notification is parked", channel=channel, alerts=len(tellings), reason=reason)
    metrics.NOTICES.labels(channel, "parked").inc(len(tellings))
    return [parked(one, ledger.told(channel, one.notice.alert_id), reason) for one in tellings]
