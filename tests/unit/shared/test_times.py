"""What days and moments mean, wherever somebody writes one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import AdrwatchError
from shared.times import beginning, end, option


@given(st.dates(max_value=date(9999, 12, 30)))
def test_a_bare_day_means_all_of_it(day: date) -> None:
    assert beginning(str(day)) == datetime(day.year, day.month, day.day, tzinfo=UTC)
    assert end(str(day)) - beginning(str(day)) == timedelta(days=1)
    # As calendars write it without hyphens, too.
    assert end(f"{day:%Y}".zfill(4) + f"{day:%m%d}") == end(str(day))


@given(st.datetimes())
def test_a_moment_is_exact_as_a_beginning_and_as_an_end(moment: datetime) -> None:
    text = moment.isoformat()
    assert beginning(text) == end(text) == moment.replace(tzinfo=UTC)


def test_an_offset_is_heeded():
    assert end("2026-03-01T01:00+02:00") == beginning("2026-02-28T23:00Z") == datetime(2026, 2, 28, 23, tzinfo=UTC)


@pytest.mark.parametrize("text", ["soon", "2026", "2026-13-01", "2026-02-30", "", "0001-01-01T00:00+01:00"])
@pytest.mark.parametrize("read", [beginning, end])
def test_what_is_neither_is_refused_with_what_to_write(read, text):
    with pytest.raises(ValueError, match="write 2026-03-01 or 2026-03-01T12:00Z"):
        read(text)
    with pytest.raises(AdrwatchError, match=f"^--to {text!r} is no day or time".replace("+", r"\+")) as raised:
        option("--to", text, read, ("now",))
    assert raised.value.fix == "write 2026-03-01, 2026-03-01T12:00Z or now"


def test_the_last_day_of_the_calendar_does_not_end():
    with pytest.raises(ValueError, match="no day or time"):
        end("9999-12-31")
