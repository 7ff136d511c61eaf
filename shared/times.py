"""Days and moments as people write them on command lines and in addresses: one meaning everywhere. Pure.

A bare day means all of it: as a beginning its first moment, as an end its last. A moment is exact, and what happens at it is after
an end. Both are of UTC where no offset is named.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from shared.errors import AdrwatchError

_FORMS = ("2026-03-01", "2026-03-01T12:00Z")


def beginning(text: str) -> datetime:
    """The first moment that a day or time of ISO 8601 means, UTC. Raises ValueError, saying what to write, for what is neither."""
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        # In UTC the first and the last day of the calendar may lie outside it.
        raise ValueError(f"it is no day or time: write {' or '.join(_FORMS)}") from None


def end(text: str) -> datetime:
    """The first moment that is after it, UTC: of a day the midnight that ends it. Raises ValueError as `beginning` does."""
    found = beginning(text)
    try:
        return found + timedelta(days=1) if _is_day(text) else found
    except OverflowError:
        raise ValueError(f"it is no day or time: write {' or '.join(_FORMS)}") from None


def option(name: str, text: str, read: Callable[[str], datetime] = beginning, words: tuple[str, ...] = ()) -> datetime:
    """What an option of a command says. `words` may be given instead of a time.

    Raises AdrwatchError, naming the option, for what is no day or time.
    """
    try:
        return read(text)
    except ValueError:
        forms = (*_FORMS, *words)
        raise AdrwatchError(
            f"{name} {text!r} is no day or time", fix=f"write {', '.join(forms[:-1])} or {forms[-1]}"
        ) from None


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
