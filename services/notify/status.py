"""How the channels are, as the broker and the ledger know it, whether a worker runs or not."""

from __future__ import annotations

from datetime import datetime

import msgspec

from services.notify.configuration import Notifiers
from services.notify.courier import group_of
from services.notify.ledger import Ledger
from shared.broker import TopicReader, admin, committed, patiently
from shared.settings import Settings
from shared.topics import ALERTS


class ChannelReport(msgspec.Struct, frozen=True, kw_only=True):
    """One channel. `position` is the offset in adr.alerts up to which it has looked, None before its first start; `lag` the
    alerts behind it. `workers` are those that serve it or stand by; `error` is why it waits, since when.
    """

    name: str
    type: str
    address: str
    workers: int
    position: int | None
    lag: int | None
    delivered: int
    parked: int
    last_delivered: datetime | None
    error: str | None
    since: datetime | None


def reports(settings: Settings, notifiers: Notifiers) -> list[ChannelReport]:
    """Every channel of the file, in its order. Raises AdrwatchError, DependencyAway."""
    groups = {name: group_of(settings, name) for name in notifiers.channels}
    with admin(settings) as client:
        described = patiently(lambda: client.describe_groups(list(groups.values())))
    with TopicReader(settings, ALERTS) as alerts, Ledger(settings) as ledger:
        end = alerts.ends()[0]
        found = []
        for name, channel in notifiers.channels.items():
            told, state = ledger.all_of(name), ledger.state(name)
            position = committed(settings, groups[name], ALERTS).get(0, state.began if state else None)
            delivered = [one for one in told if one.outcome == "delivered"]
            found.append(
                ChannelReport(
                    name=name,
                    type=str(type(channel).__struct_config__.tag),
                    address=channel.address,
                    workers=len(described[groups[name]]["members"]),
                    position=position,
                    lag=None if position is None else max(0, end - position),
                    delivered=len(delivered),
                    parked=sum(one.outcome == "parked" for one in told),
                    last_delivered=delivered[-1].notified_at if delivered else None,
                    error=state.error if state else None,
                    since=state.since if state else None,
                )
            )
    return found
