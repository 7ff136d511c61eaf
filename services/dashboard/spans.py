"""Which part of time a page shows, by the words of its address. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from shared.errors import AdrwatchError
from shared.signals.windows import from_ms, to_ms
from shared.topics import DAY_MS

PRESETS = (7, 28, 90)
LONGEST_DAYS = 400


@dataclass(frozen=True)
class Span:
    """Event times from `start_ms` to before `end_ms`, whole days of UTC, and the words of the address that mean it.

    Tables and charts of a page have the same edges, so that their figures add up.
    """

    start_ms: int
    end_ms: int
    words: Mapping[str, str]
    days: int | None

    @property
    def start(self) -> datetime:
        """Its begin."""
        return from_ms(self.start_ms)

    @property
    def end(self) -> datetime:
        """Its end."""
        return from_ms(self.end_ms)

    @property
    def last(self) -> date:
        """Its last day."""
        return (self.end - timedelta(milliseconds=1)).date()


def span(given: Mapping[str, str], closed_until_ms: int | None, usual: int = 28) -> Span:
    """`from` and `to` as days, `to` with all of it; or the last `days`, up to the one that alerting last closed an hour of.

    Raises AdrwatchError for what is no day, or too long a time.
    """
    end = closed_until_ms if closed_until_ms is not None else to_ms(datetime.now(UTC))
    end = -(-end // DAY_MS) * DAY_MS
    first, last = (day(given, name) for name in ("from", "to"))
    if first is None and last is None:
        days = _days(given.get("days", ""), usual)
        return Span(end - days * DAY_MS, end, {} if days == usual else {"days": str(days)}, days)
    if last is not None:
        end = to_ms(datetime(last.year, last.month, last.day, tzinfo=UTC)) + DAY_MS
    start = end - usual * DAY_MS if first is None else to_ms(datetime(first.year, first.month, first.day, tzinfo=UTC))
    if not 0 < end - start <= LONGEST_DAYS * DAY_MS:
        raise AdrwatchError(
            f"the time from {first} to {last or 'now'} cannot be shown",
            fix=f"give a first day before the last one, {LONGEST_DAYS} days at most",
        )
    words = {name: str(value) for name, value in (("from", first), ("to", last)) if value is not None}
    return Span(start, end, words, None)


def day(given: Mapping[str, str], name: str) -> date | None:
    """A day of an address; None where it names none. Raises AdrwatchError for what is no day."""
    word = given.get(name, "").strip()
    if not word:
        return None
    try:
        found = date.fromisoformat(word)
    except ValueError:
        raise AdrwatchError(f"{name} cannot be {word!r}", fix="write a day such as 2026-03-01") from None
    if not 1971 <= found.year <= 2999:
        raise AdrwatchError(f"{name} cannot be {word!r}", fix="write a day of this century")
    return found


def _days(word: str, usual: int) -> int:
    if not word:
        return usual
    if not (word.isascii() and word.isdigit() and len(word) <= 6 and 1 <= int(word) <= LONGEST_DAYS):
        raise AdrwatchError(f"days cannot be {word!r}", fix=f"give a whole number from 1 to {LONGEST_DAYS}")
    return int(word)
