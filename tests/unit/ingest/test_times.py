from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.times import parse_time

MOMENT = datetime(2018, 10, 10, 20, 19, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "Wed Oct 10 20:19:24 +0000 2018",
        "Wed Oct 10 22:19:24 +0200 2018",
        "Wed Oct 10 15:49:24 -0430 2018",
        "2018-10-10T20:19:24Z",
        "2018-10-10 20:19:24",
        " 2018-10-10T22:19:24+02:00 ",
        "20181010T201924",
        1539202764,
        1539202764.0,
        "1539202764",
        "1539202764000",
        1539202764000,
        "1539202764000000",
    ],
)
def test_every_usual_form_of_a_time_is_the_same_moment(written: str | float) -> None:
    assert parse_time(written) == MOMENT


@pytest.mark.parametrize("written", ["2018-10-10", "20181010"])
def test_a_date_alone_is_its_midnight_in_utc(written: str) -> None:
    assert parse_time(written) == datetime(2018, 10, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    ["", "yesterday", "0", 0, -5, "1970-01-01", "0001-01-01T00:00:00+14:00", float("nan"), float("inf"), 1e300,
     "Wed Foo 10 20:19:24 +0000 2018", "Wed Oct 32 20:19:24 +0000 2018", "2018-13-01", "99999999999999999999999"],
)  # fmt: skip
def test_what_is_no_time_or_stands_for_a_missing_one_is_refused(written: str | float) -> None:
    with pytest.raises(ValueError, match=r"in no form|before 1980"):
        parse_time(written)


@given(st.text())
def test_a_refusal_never_quotes_the_value(written: str) -> None:
    said = ""
    try:
        parse_time(written)
    except ValueError as error:
        said = str(error)
    assert said in {"", "in no form that is known", "before 1980"}


@given(st.datetimes(min_value=datetime(1980, 1, 2), max_value=datetime(2099, 1, 1)), st.integers(-14 * 60, 14 * 60))  # noqa: DTZ001
def test_iso_times_survive_writing_and_reading(naive: datetime, minutes: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert parse_time(moment.isoformat()) == moment
