"""Days as files give them."""

from __future__ import annotations

import calendar
import re
from datetime import date, datetime

_PART = re.compile(r"(\d{4})(?:-?(\d{2}))?")


def day_of(text: str) -> date | None:
    """The day of a date or a time of ISO 8601, with or without hyphens; None for a month or a year alone.

    Raises ValueError for anything else.
    """
    text = text.strip()
    if (part := _PART.fullmatch(text)) is not None:
        date(int(part[1]), int(part[2] or 1), 1)
        return None
    return datetime.fromisoformat(text).date()


def first_day(text: str) -> date:
    """The first day that a date means, which may be a month or a year alone. Raises ValueError for anything else."""
    return _bound(text, last=False)


def last_day(text: str) -> date:
    """The last day that a date means, which may be a month or a year alone. Raises ValueError for anything else."""
    return _bound(text, last=True)


def _bound(text: str, *, last: bool) -> date:
    text = text.strip()
    if (part := _PART.fullmatch(text)) is None:
        return datetime.fromisoformat(text).date()
    year, month = int(part[1]), int(part[2] or (12 if last else 1))
    return date(year, month, calendar.monthrange(year, month)[1] if last else 1)
