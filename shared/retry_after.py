"""How long a server asks to be left alone: the header Retry-After of HTTP (RFC 9110, section 10.2.3)."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def seconds(header: str | None) -> float | None:
    """The seconds that the header asks for, by number or until a date; None where it says nothing that can be read."""
    if header is None:
        return None
    try:
        wanted = float(header)
    except ValueError:
        try:
            until = parsedate_to_datetime(header)
        except ValueError:
            return None
        return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    return wanted if wanted >= 0 and math.isfinite(wanted) else None
