"""Event time: watermark, closing, keeping, idleness."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.alerting.watermark import Idleness, behind, watermark
from shared.settings import load
from shared.signals.rules import load_rules

RULES = load_rules(load().rules_file)
MINUTE, HOUR = 60_000, 3_600_000


def test_the_slowest_partition_holds_the_watermark():
    assert watermark({0: 50, 1: 20, 2: 90}, 3) == 20


def test_a_partition_that_has_given_nothing_holds_the_watermark():
    assert watermark({0: 50}, 2) is None
    assert watermark({}, 2) is None


def test_behind_are_those_that_have_not_come_as_far_as_the_furthest():
    assert behind({0: 50, 1: 20, 2: 50}, {0, 1, 2, 3}) == {1, 3}
    assert behind({0: 50, 1: 20}, {0}) == set()
    assert behind({0: 50, 1: 20}, {1}) == {1}
    assert behind({}, {0, 1}) == set()


@given(st.dictionaries(st.integers(0, 3), st.integers(0, 100), min_size=4), st.integers(0, 3), st.integers(0, 50))
def test_a_record_never_takes_the_watermark_back(latest, partition, more):
    later = latest | {partition: latest[partition] + more}
    assert watermark(later, 4) >= watermark(latest, 4)


@given(st.dictionaries(st.integers(0, 3), st.integers(0, 100), min_size=1))
def test_when_all_are_brought_up_the_watermark_stands_at_the_largest_event_time(latest):
    reached = latest | dict.fromkeys(behind(latest, range(4)), max(latest.values()))
    assert watermark(reached, 4) == max(latest.values())


@pytest.mark.parametrize(("minutes", "closed"), [(89, 0), (90, HOUR), (149, HOUR), (150, 2 * HOUR)])
def test_a_bucket_closes_only_after_the_allowed_lateness(minutes, closed):
    assert RULES.time.allowed_lateness_minutes.value == 30
    assert RULES.time.closed_until(minutes * MINUTE) == closed


def test_buckets_are_kept_for_the_longest_window_and_the_kept_lateness():
    longest, kept = max(RULES.time.windows_hours.value), RULES.time.kept_lateness_hours.value
    assert RULES.time.kept_from((longest + kept + 5) * HOUR) == 5 * HOUR


def test_a_partition_is_idle_when_at_its_end_and_quiet_for_the_time_of_the_rule():
    seconds = RULES.time.idle_seconds.value
    idleness, everywhere = Idleness(seconds), lambda partition: True
    assert idleness.idle({0, 1}, everywhere, 100.0) == set()
    idleness.busy(1, 110.0)
    assert idleness.idle({0, 1}, everywhere, 100.0 + seconds) == {0}
    assert idleness.idle({0, 1}, everywhere, 110.0 + seconds) == {0, 1}


def test_a_partition_with_unread_records_is_busy():
    idleness = Idleness(10)
    assert idleness.idle({0}, lambda partition: True, 0.0) == set()
    assert idleness.idle({0}, lambda partition: False, 9.0) == set()
    assert idleness.idle({0}, lambda partition: True, 18.0) == set()
    assert idleness.idle({0}, lambda partition: True, 19.0) == {0}


def test_a_partition_that_comes_back_is_busy_again():
    idleness, everywhere = Idleness(10), lambda partition: True
    idleness.idle({0}, everywhere, 0.0)
    idleness.idle(set(), everywhere, 5.0)
    assert idleness.idle({0}, everywhere, 20.0) == set()
