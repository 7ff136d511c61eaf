"""Event times as sources write them, brought to UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

# An earlier time is a missing value (0, an empty spreadsheet cell): public networks begin with Usenet.
EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)

_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_BASIC_DATE = re.compile(r"(19|20)\d{6}")
_TWITTER = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d{1,2}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d) (\d{4})")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Unix times are told apart by their size: until the year 5138 seconds stay below the first bound.
_SECONDS_BELOW = 1e11
_MILLISECONDS_BELOW = 1e14


def parse_time(value: str | int | float) -> datetime:
    """The moment that `value` names, UTC.

    Reads ISO 8601, Unix seconds, milliseconds and microseconds (numbers or digits), and the form of Twitter's API
    (`Wed Oct 10 20:19:24 +0000 2018`). A time without offset is UTC, a date alone its midnight. Raises ValueError
    without quoting the value.
    """
    try:
        moment = _parse(value)
    except (ValueError, OverflowError, OSError):
        raise ValueError("in no form that is known") from None
    if moment < EARLIEST:
        raise ValueError(f"before {EARLIEST.year}")
    return moment


def _parse(value: str | int | float) -> datetime:
    if isinstance(value, str):
        text = value.strip()
        # As nearly all networks write them, and with nothing else to be mistaken for.
        if text[4:5] == "-" and text[10:11] == "T":
            return _iso(text)
        if _BASIC_DATE.fullmatch(text) or not _NUMBER.fullmatch(text):
            return _twitter(text) or _iso(text)
        value = float(text)
    if value >= _MILLISECONDS_BELOW:
        value /= 1e6
    elif value >= _SECONDS_BELOW:
        value /= 1e3
    return datetime.fromtimestamp(value, UTC)


def _iso(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _twitter(text: str) -> datetime | None:
    found = _TWITTER.fullmatch(text)
    if found is None:
        return None
    month, day, hour, minute, second, sign, offset_hours, offset_minutes, year = found.groups()
    offset = timedelta(hours=int(offset_hours), minutes=int(offset_minutes))
    zone = timezone(-offset if sign == "-" else offset)
    local = datetime(int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=zone)
    return local.astimezone(UTC)
