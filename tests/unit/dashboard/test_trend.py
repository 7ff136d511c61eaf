"""The days that the chart of an alert shows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.dashboard.trend import edges
from shared.topics import DAY_MS, HOUR_MS

WHEN = st.integers(0, 20_000 * DAY_MS)


@given(WHEN, st.integers(0, 500 * 24), WHEN)
def test_the_window_is_always_in_the_chart_with_days_before_it(start: int, hours: int, latest: int) -> None:
    end = start + hours * HOUR_MS
    first, until = edges(start, end, latest)
    assert first % DAY_MS == until % DAY_MS == 0
    assert first <= start - 13 * DAY_MS
    assert end <= until
    assert until - first >= 30 * DAY_MS
    # As many days as there is room for, and no more than the window needs beyond that.
    assert until - first <= max(200 * DAY_MS, end - start + 16 * DAY_MS)


def test_a_chart_ends_now_while_there_is_room_for_it() -> None:
    window = (100 * DAY_MS, 128 * DAY_MS)
    assert edges(*window, 128 * DAY_MS) == (86 * DAY_MS, 128 * DAY_MS)
    assert edges(*window, 140 * DAY_MS + 1) == (86 * DAY_MS, 141 * DAY_MS)
    assert edges(*window, 999 * DAY_MS) == (86 * DAY_MS, 286 * DAY_MS)
    assert edges(128 * DAY_MS, 128 * DAY_MS, 0) == (98 * DAY_MS, 128 * DAY_MS)
