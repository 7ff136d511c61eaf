"""The clock of a server, as its answers tell it."""

from __future__ import annotations

from collections.abc import Mapping

from shared import retry_after


def server_time(headers: Mapping[str, str]) -> float | None:
    """The header Date of HTTP (RFC 9110, section 6.6.1), in seconds since 1970; None where it says nothing that can be read."""
    told = retry_after.moment(headers.get("Date"))
    return told.timestamp() if told is not None else None
