"""Day 0, and by when a case is due."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from msgspec.structs import replace

from services.cases.assessing import FieldError, assessed
from shared.cases.clocks import deadlines
from shared.cases.model import CRITERIA, Case, judged
from shared.events import Concept, now

CASE = judged(
    Case(
        id="a",
        opened_at=datetime(2026, 3, 1, tzinfo=UTC),
        opened_by="me",
        drug=Concept("1", "x"),
        reaction=Concept("2", "y"),
    ),
    criteria=dict.fromkeys(CRITERIA, "met"),
)


def test_day_0_may_be_today_anywhere_but_not_in_the_future() -> None:
    today = now().date()
    assert assessed(CASE, awareness=today.isoformat()).awareness == today
    for day in (today + timedelta(days=2), date.max):
        with pytest.raises(FieldError, match="in the future") as raised:
            assessed(CASE, awareness=day.isoformat())
        assert raised.value.field == "awareness"


def test_a_day_0_at_the_end_of_the_calendar_has_deadlines() -> None:
    usual = deadlines(replace(CASE, awareness=date(2026, 3, 1)))
    assert usual
    assert {one.due for one in deadlines(replace(CASE, awareness=date.max))} == {date.max}
