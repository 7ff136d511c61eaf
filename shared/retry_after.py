"""How long a server asks to be left alone: the header Retry-After of HTTP (RFC 9110, section 10.2.3)."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# Limits of sites begin anew within a day, so whoever asks for more has made a mistake; and one request a day is no burden.
MOST_SECONDS = 86_400.0


def seconds(header: str | None, *, most: float = MOST_SECONDS, clock: str | None = None) -> float | None:
    """The seconds that the header asks for, by number or until a date, `most` at most; None where it says nothing that can be read.

    `clock`: the header Date of the same answer, by whose clock the date is meant; this machine's where it is missing.
    """
    if header is None:
        return None
    try:
        wanted = float(header)
    except ValueError:
        until = moment(header)
        if until is None:
            return None
        return min(most, max(0.0, (until - (moment(clock) or datetime.now(UTC))).total_seconds()))
    return min(most, wanted) if wanted >= 0 and math.isfinite(wanted) else None


def moment(header: str | None) -> datetime | None:
    """The time of a header that is a date, UTC; None where it is none."""
    try:
        found = parsedate_to_datetime(header) if header is not None else None
    except ValueError:
        return None
    return found.replace(tzinfo=found.tzinfo or UTC) if found is not None else None
