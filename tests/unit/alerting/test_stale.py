"""Which buckets are due."""

from services.alerting.evaluate import stale


def test_a_bucket_is_due_until_its_version_was_evaluated():
    assert stale({1: 3, 2: 1}, {}, reach=1) == [1, 2]
    assert stale({1: 3, 2: 1}, {1: 3}, reach=1) == [2]
    assert stale({1: 3, 2: 1}, {1: 3, 2: 1}, reach=1) == []


def test_a_bucket_that_changed_reopens_those_whose_windows_reach_back_to_it():
    versions = {1: 1, 2: 2, 3: 1, 4: 1, 5: 1}
    assert stale(versions, {1: 1, 2: 1, 3: 1, 4: 1, 5: 1}, reach=3) == [2, 3, 4]


def test_a_gap_between_buckets_counts_in_time_not_in_buckets():
    assert stale({1: 2, 50: 1}, {1: 1, 50: 1}, reach=3) == [1]
