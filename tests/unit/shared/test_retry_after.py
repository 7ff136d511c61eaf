"""What a server says of how long it wants to be left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from shared import retry_after


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("nan", None),
        ("inf", None),
        ("31536000", retry_after.MOST_SECONDS),
        ("Fri, 31 Dec 2100 00:00:00 GMT", retry_after.MOST_SECONDS),
    ],
)
def test_a_number_is_seconds_and_what_is_none_says_nothing(header: str | None, seconds: float | None) -> None:
    assert retry_after.seconds(header) == seconds


def test_a_date_is_the_time_until_then_and_one_that_has_passed_is_now() -> None:
    at = datetime.now(UTC)
    soon = retry_after.seconds(format_datetime(at + timedelta(minutes=1), usegmt=True))
    assert soon is not None
    assert 50 < soon <= 60
    assert retry_after.seconds(format_datetime(at - timedelta(hours=1), usegmt=True)) == 0.0


def test_a_date_is_meant_by_the_clock_of_the_one_who_gives_it_and_a_limit_is_kept() -> None:
    later = datetime.now(UTC) + timedelta(hours=5)
    until, clock = (format_datetime(one, usegmt=True) for one in (later + timedelta(seconds=40), later))
    assert retry_after.seconds(until, clock=clock) == 40.0
    assert retry_after.seconds(until, clock=clock, most=30.0) == 30.0
    assert retry_after.moment("yesterday") is None
