"""What is told of an alert, and when it was told before. Pure.

Nothing here carries text, handles or ids of posts: an alert's examples are left out, and the times of a single report,
which are those of one post, are cut to the hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from msgspec.structs import replace

from services.notify import words
from shared.events import Alert, Change, Notice, Notification, Notified, derived_id, encode


@dataclass(frozen=True)
class State:
    """An alert as its topic has it; `alert` None where it was taken back. `published_ms` is the broker's record of when."""

    alert_id: str
    alert: Alert | None
    offset: int
    published_ms: int = 0


@dataclass(frozen=True)
class Telling:
    """A notice on its way to a channel, with what will stand in the ledger."""

    notice: Notice
    record: Notified


def shown(alert: Alert) -> Alert:
    """The alert as others may see it."""
    if alert.kind == "single_report":
        alert = replace(alert, episode=_hour(alert.episode), evaluated_at=_hour(alert.evaluated_at))
    return replace(alert, examples=())


def content_of(alert: Alert) -> str:
    """The hash of what is told of an alert: another means that there is something new to tell."""
    return derived_id(encode(shown(alert)).decode())


def change_of(state: State, told: Notified | None) -> Change | None:
    """What a channel that was `told` something before has to be told now; None: nothing. Filters are not looked at."""
    known = told is not None and told.known
    if state.alert is None:
        return "retraction" if known else None
    if told is not None and told.content == content_of(state.alert):
        return None
    return "update" if known else "new"


def telling(
    channel: str, state: State, told: Notified | None, change: Change, moment: datetime, link: str | None = None
) -> Telling:
    """The notice of one alert. Its id is derived from channel, alert, content and place: a repeat has the same."""
    alert = shown(state.alert) if state.alert is not None else None
    content = content_of(state.alert) if state.alert is not None else ""
    # A retraction's alert is gone; what it was of stands in the ledger.
    of = alert or told
    if of is None or of.drug is None or of.reaction is None:
        raise ValueError("nothing is known of the alert that was taken back")
    notice = Notice(
        id=derived_id(channel, state.alert_id, content, str(state.offset)),
        change=change,
        alert_id=state.alert_id,
        drug=of.drug,
        reaction=of.reaction,
        alert=alert,
        reports_before=told.reports if told is not None and change == "update" else None,
        link=link.replace("{id}", state.alert_id) if link else None,
    )
    record = Notified(
        channel=channel,
        alert_id=state.alert_id,
        change=change,
        outcome="delivered",
        content=content,
        known=alert is not None,
        offset=state.offset,
        notified_at=moment,
        # A retraction that is through needs no names any more.
        drug=of.drug,
        reaction=of.reaction,
        reports=alert.table.a if alert is not None and alert.table else None,
    )
    return Telling(notice, record)


def delivered(one: Telling) -> Notified:
    """The ledger's record of a notice that its channel took. Nothing is kept of an alert that was taken back."""
    return one.record if one.record.known else replace(one.record, drug=None, reaction=None)


def parked(one: Telling, told: Notified | None, reason: str) -> Notified:
    """The ledger's record of a notice that its channel refused for good."""
    known = told is not None and told.known
    reports = told.reports if told is not None and known else None
    return replace(one.record, outcome="parked", known=known, reports=reports, reason=reason)


def withdrawn(told: Notified, offset: int, moment: datetime) -> Notified:
    """The ledger's record of an alert that was parked and then taken back: nobody needs to hear of it any more."""
    return Notified(
        channel=told.channel, alert_id=told.alert_id, change="retraction", outcome="withdrawn", content="", known=False,
        offset=offset, notified_at=moment,
    )  # fmt: skip


def notification(
    channel: str, tellings: Sequence[Telling], purpose: Literal["alert", "digest", "test"] = "alert"
) -> Notification:
    """The message of one notice, or of many in a digest."""
    notices = tuple(one.notice for one in tellings)
    identity = notices[0].id if purpose == "alert" else derived_id(channel, purpose, *(one.id for one in notices))
    return Notification(
        id=identity, channel=channel, purpose=purpose, subject=words.subject(channel, purpose, notices), notices=notices
    )


def trial(channel: str, moment: datetime) -> Notification:
    """A message that says only that messages arrive."""
    return Notification(
        id=derived_id(channel, "test", moment.isoformat()),
        channel=channel,
        purpose="test",
        subject=words.subject(channel, "test", ()),
    )


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
