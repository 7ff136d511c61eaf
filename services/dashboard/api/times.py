"""Times as they stand in addresses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(given: object) -> object:
    """A day or a time of ISO 8601, UTC where it says no offset. Raises ValueError for what is none, such as a bare number."""
    if not isinstance(given, str):
        return given
    try:
        found = datetime.fromisoformat(given)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError("it is no day or time: write 2026-03-01 or 2026-03-01T12:00:00Z") from None


def micros(at: datetime) -> int:
    """Microseconds since 1970: for the keys of cursors, since times written as words do not sort as times do."""
    return (at - _EPOCH) // timedelta(microseconds=1)
