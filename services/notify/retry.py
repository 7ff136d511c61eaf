"""Notices that a channel refused for good, sent once more when a person has mended the cause."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from services.notify import alerts
from services.notify.channel import Channel
from services.notify.channels import open_channel
from services.notify.configuration import Notifiers
from services.notify.deliver import MOST, deliver
from services.notify.ledger import Ledger
from services.notify.notices import State, Telling, telling, withdrawn
from shared.broker import TopicReader
from shared.errors import AdrwatchError
from shared.events import Change, Notified, now
from shared.settings import Settings
from shared.topics import ALERTS


@dataclass
class Account:
    """What became of the notices that were parked."""

    delivered: int = 0
    withdrawn: int = 0
    parked: int = 0


def parked(ledger: Ledger, names: Collection[str], alert_ids: Collection[str] = ()) -> list[Notified]:
    """What is parked for some channels, of some alerts or of all."""
    return [
        one
        for name in names
        for one in ledger.all_of(name)
        if one.outcome == "parked" and (not alert_ids or one.alert_id in alert_ids)
    ]


def retry(settings: Settings, notifiers: Notifiers, names: Collection[str], alert_ids: Collection[str] = ()) -> Account:
    """Send what is parked for some channels once, as the alerts are now. What was taken back meanwhile is withdrawn.

    Raises AdrwatchError where nothing of the given alerts is parked, DependencyAway where a receiver does not answer: then what
    is not sent stays parked.
    """
    account = Account()
    with Ledger(settings) as ledger:
        chosen = parked(ledger, names, alert_ids)
        if missing := set(alert_ids) - {one.alert_id for one in chosen}:
            raise AdrwatchError(f"{min(missing)} is not parked", fix="see `adrwatch notify parked`")
        states = _latest(settings, {one.alert_id for one in chosen}) if chosen else {}
        for name in names:
            mine = [one for one in chosen if one.channel == name]
            _retry_channel(settings, notifiers, name, mine, states, ledger, account)
    return account


def _retry_channel(
    settings: Settings, notifiers: Notifiers, name: str, chosen: list[Notified], states: dict[str, State],
    ledger: Ledger, account: Account,
) -> None:  # fmt: skip
    channel = notifiers.channel(name)
    tellings: list[Telling] = []
    for told in chosen:
        # Alerts are kept for a year: one that is in the topic no more is over.
        state = states.get(told.alert_id, State(told.alert_id, None, told.offset))
        if state.alert is None and not told.known:
            ledger.write(withdrawn(told, state.offset, now()))
            account.withdrawn += 1
        else:
            change: Change = "retraction" if state.alert is None else "update" if told.known else "new"
            tellings.append(telling(name, state, told, change, now(), notifiers.link))
    carrier = open_channel(channel, settings)
    try:
        for purpose, part in _messages(channel, tellings):
            records = deliver(carrier.carry, name, part, purpose, ledger)
            ledger.write(*records)
            account.delivered += sum(one.outcome == "delivered" for one in records)
            account.parked += sum(one.outcome == "parked" for one in records)
    finally:
        carrier.close()


def _messages(channel: Channel, tellings: list[Telling]) -> Iterator[tuple[Literal["alert", "digest"], list[Telling]]]:
    """What goes out at once, one by one; then what the channel wants in digests."""
    digest = [one for one in tellings if one.notice.alert is not None and channel.collects(one.notice.alert)]
    for one in tellings:
        if one not in digest:
            yield "alert", [one]
    for start in range(0, len(digest), MOST):
        yield "digest", digest[start : start + MOST]


def _latest(settings: Settings, wanted: Collection[str]) -> dict[str, State]:
    with TopicReader(settings, ALERTS) as reader:
        states = alerts.readable((one.key, one.value, one.offset, one.written_ms) for one in reader.to_end())
    return {one.alert_id: one for one in states if one.alert_id in wanted}
