"""The part of time that an address means."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dashboard.spans import span
from shared.errors import AdrwatchError
from shared.signals.windows import to_ms
from shared.topics import DAY_MS

CLOSED = to_ms(datetime(2026, 3, 10, 14, tzinfo=UTC))


def at(day: int, month: int = 3) -> datetime:
    return datetime(2026, month, day, tzinfo=UTC)


def test_the_last_days_are_whole_and_end_with_the_one_that_alerting_has_come_to() -> None:
    usual = span({}, CLOSED)
    assert (usual.end, usual.days, usual.words) == (at(11), 28, {})
    assert usual.end_ms - usual.start_ms == 28 * DAY_MS
    week = span({"days": "7"}, CLOSED)
    assert (week.start, week.end, week.last, week.words) == (at(4), at(11), date(2026, 3, 10), {"days": "7"})
    # Of the next day nothing is closed yet.
    assert span({"days": "7"}, to_ms(at(11))) == week
    assert span({"days": "7"}, to_ms(at(11)) + 1).last == date(2026, 3, 11)


def test_days_are_whole_and_the_last_one_is_in_it() -> None:
    both = span({"from": "2026-03-01", "to": "2026-03-04"}, CLOSED)
    assert (both.start, both.end, both.days) == (at(1), at(5), None)
    assert both.last == date(2026, 3, 4)
    assert both.words == {"from": "2026-03-01", "to": "2026-03-04"}
    since = span({"from": "2026-03-01"}, CLOSED)
    assert (since.start, since.end) == (at(1), at(11))
    until = span({"to": "2026-03-04"}, CLOSED, 7)
    assert (until.start, until.end) == (at(26, 2), at(5))
    # Days before numbers of days: an address with both was typed in.
    assert span({"from": "2026-03-01", "to": "2026-03-04", "days": "7"}, CLOSED) == both


def test_before_anything_was_closed_it_ends_with_today() -> None:
    found = span({}, None)
    assert found.start < datetime.now(UTC) - timedelta(days=27)
    assert datetime.now(UTC) - timedelta(days=1) < found.end


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ({"from": "yesterday"}, "from cannot be 'yesterday'"),
        ({"days": "28" + "0" * 30}, "days cannot be"),
        ({"days": "000028" + "9" * 5000}, "days cannot be"),
        ({"to": "2026-02-30"}, "to cannot be '2026-02-30'"),
        ({"to": "0001-01-01"}, "to cannot be"),
        ({"from": "9999-12-31"}, "from cannot be"),
        ({"from": "2026-03-04", "to": "2026-03-01"}, "cannot be shown"),
        ({"from": "2020-03-04", "to": "2026-03-01"}, "cannot be shown"),
        ({"from": "2026-03-11"}, "cannot be shown"),
        ({"days": "0"}, "days cannot be '0'"),
        ({"days": "401"}, "days cannot be"),
        ({"days": "-7"}, "days cannot be"),
        ({"days": "٧"}, "days cannot be"),
        ({"days": "9" * 5000}, "days cannot be"),
    ],
)
def test_a_wrong_word_is_named_with_what_to_write(words: dict[str, str], named: str) -> None:
    with pytest.raises(AdrwatchError, match=named) as raised:
        span(words, CLOSED)
    assert raised.value.fix


@given(st.dictionaries(st.sampled_from(["from", "to", "days"]), st.text(max_size=12) | st.dates().map(str)))
def test_any_words_are_whole_days_whose_own_words_mean_the_same_or_a_mendable_error(words: dict[str, str]) -> None:
    try:
        found = span(words, CLOSED)
    except AdrwatchError:
        return
    assert found.start_ms < found.end_ms
    assert found.start_ms % DAY_MS == found.end_ms % DAY_MS == 0
    assert span(found.words, CLOSED) == found
