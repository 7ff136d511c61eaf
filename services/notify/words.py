"""Notifications in plain words, for chats and mail."""

from __future__ import annotations

from collections.abc import Sequence

from shared.events import Notice, Notification
from shared.signals.wording import facts


def subject(channel: str, purpose: str, notices: Sequence[Notice]) -> str:
    """One line that says what it is about."""
    if purpose == "test":
        return f"Test of the channel {channel}"
    if purpose == "digest":
        return f"{len(notices)} single reports of special situations" if len(notices) > 1 else headline(notices[0])
    return headline(notices[0])


def headline(notice: Notice) -> str:
    """One line about one alert."""
    pair = f"{one_line(notice.drug.label)} – {one_line(notice.reaction.label)}"
    alert = notice.alert
    if alert is None:
        return f"Taken back: {pair}"
    begin = "Updated" if notice.change == "update" else "New"
    if alert.table is None:
        kind = "urgent single report" if alert.lane == "urgent" else "single report"
        return f"{begin} {kind}: {pair} ({', '.join(alert.rules) or 'no rule any more'})"
    before = "" if notice.reports_before in (None, alert.table.a) else f"{notice.reports_before} → "
    return f"{begin} signal: {pair}, {before}{alert.table.a} reports"


def text(notification: Notification) -> str:
    """The whole message as lines of text, without the subject."""
    if notification.purpose == "test":
        return f"This is a test. Messages of the channel {notification.channel} arrive.\n"
    if notification.purpose == "digest":
        lines = [f"{headline(notice)}\n  {_where(notice)}" for notice in notification.notices]
        return "\n".join(lines) + "\n"
    [notice] = notification.notices
    return f"{_body(notice)}\n\n{_where(notice)}\n"


def _body(notice: Notice) -> str:
    if notice.alert is None:
        return "The posts behind it were deleted at their source. Please forget what was said of it."
    found = facts(notice.alert)
    if notice.reports_before is not None:
        found["reports before"] = str(notice.reports_before)
    width = max(map(len, found)) + 2
    return "\n".join(f"{name:<{width}}{one_line(value)}" for name, value in found.items())


def _where(notice: Notice) -> str:
    return notice.link or f"adrwatch alerts show {notice.alert_id}"


def one_line(value: str) -> str:
    """Without line breaks: names come from vocabularies of users, and a break would end a mail's header."""
    return " ".join(value.split())
