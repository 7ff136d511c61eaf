"""The clock of a server, as its answers tell it."""

from __future__ import annotations

import email.utils
from collections.abc import Mapping


def server_time(headers: Mapping[str, str]) -> float | None:
    """The header Date of HTTP (RFC 9110, section 6.6.1), in seconds since 1970; None where it says nothing that can be read."""
    try:
        return email.utils.parsedate_to_datetime(headers["Date"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return None
