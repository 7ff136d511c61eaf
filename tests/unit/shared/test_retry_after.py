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
