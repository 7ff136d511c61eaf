"""Rates and lags by the ends of topics, and what is said of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dashboard.operations.checks import judged, room
from services.dashboard.operations.flow import At, Sample, Samples, lags, rates
from services.dashboard.operations.letters import Line, chosen, kinds
from services.dashboard.operations.outcomes import Last, recent
from shared.events import now

PLACES = (At("posts", 0), At("posts", 1))
START = 1_800_000_000.0


def sample(seconds: float, *ends: int, read: tuple[int, ...] = ()) -> Sample:
    committed = {"pipeline": dict(zip(PLACES, read, strict=False))} if read else {}
    return Sample(START + seconds, dict(zip(PLACES, ends, strict=True)), committed)


def test_a_rate_is_the_mean_of_the_time_that_is_known() -> None:
    samples = [sample(0, 0, 0), sample(540, 0, 0), sample(600, 300, 300)]
    [rate] = rates(samples, ["posts"])
    assert (rate.minute, rate.ten_minutes, rate.hour) == (10.0, 1.0, 600)
    assert rate.series[-2:] == (0.0, 10.0)
    [short] = rates([sample(0, 0, 0), sample(30, 9, 0)], ["posts"])
    assert (short.minute, short.ten_minutes) == (None, None)
    assert rates([], ["posts"]) == []


@given(st.lists(st.tuples(st.floats(0.1, 400), st.integers(0, 1000)), min_size=1, max_size=50))
def test_no_rate_is_negative_and_a_steady_flow_has_its_rate_everywhere(steps: list[tuple[float, int]]) -> None:
    at, end, samples, steady = 0.0, 0, [], []
    for seconds, more in steps:
        at, end = at + seconds, end + more
        samples.append(sample(at, end, 0))
        steady.append(Sample(START + at, {PLACES[0]: round(at * 1000)}))
    [rate] = rates(samples, ["posts"])
    assert min(rate.series, default=0) >= 0
    assert rate.hour <= end
    [even] = rates(steady, ["posts"])
    assert all(value == pytest.approx(1000, rel=0.02) for value in even.series)


def test_an_hour_is_kept_and_one_sample_from_before_it() -> None:
    samples = Samples()
    for minute in range(100):
        samples.add(sample(minute * 60, minute, 0))
    assert len(samples.all()) == 61
    assert samples.all()[0].at == START + 39 * 60
    assert rates(samples.all(), ["posts"])[0].hour == 60


@pytest.mark.parametrize(
    ("ends", "read", "records", "trend", "seconds"),
    [
        ((1000, 0), (700, 0), 300, "grows", 30.0),
        ((700, 0), (700, 0), 0, "steady", 0.0),
        ((1000, 0), (100, 0), 900, "grows", None),
        ((110, 0), (105, 0), 5, "steady", 60.0),
    ],
    ids=["falls behind", "all read", "stands still", "hardly behind"],
)
def test_a_lag_says_where_it_goes(
    ends: tuple[int, int], read: tuple[int, int], records: int, trend: str, seconds: float | None
) -> None:
    [group] = lags([sample(0, 100, 0, read=(100, 0)), sample(60, *ends, read=read)])
    assert (group.records, group.trend) == (records, trend)
    assert group.seconds == (pytest.approx(seconds) if seconds is not None else None)


def test_a_partition_that_was_never_read_is_no_lag_of_nothing() -> None:
    [group] = lags([sample(0, 5, 7, read=(5,))])
    assert [(one.partition, one.records) for one in group.partitions] == [(0, 0), (1, None)]
    assert group.seconds is None


def test_posts_that_were_replayed_say_nothing_of_the_pipelines_speed() -> None:
    found = recent([Last("mentions", 2.0), Last("negative", 4.0), Last("negative", 9_000_000.0)])
    assert (found.posts, found.live, found.p50) == (3, 2, 3.0)
    assert found.by_status[0] == ("negative", 2)
    assert recent([]).p50 is None


def test_a_redis_that_throws_rows_away_or_is_nearly_full_is_told() -> None:
    node = {"used_memory": 90 << 20, "maxmemory": 100 << 20, "maxmemory_policy": "allkeys-lru"}
    assert "throws rows away" in judged([node]).wrong
    assert "nearly full" in judged([node | {"maxmemory_policy": "noeviction"}]).wrong
    assert judged([node | {"maxmemory": 0}]).wrong == ""


def test_a_disk_without_room_is_told() -> None:
    gib = 1 << 30
    assert room(gib // 2, 100 * gib, gib).wrong
    assert room(5 * gib, 100 * gib, gib).wrong == "it is nearly full"
    assert room(50 * gib, 100 * gib, gib).wrong == ""


def test_letters_are_chosen_by_id_stage_and_reason() -> None:
    lines = [
        Line(name, now(), stage, reason, "", "adr.posts", 0, 1, 1, 0, 0, 0)
        for name, stage, reason in (("a", "screen", "schema"), ("b", "screen", "poison"), ("c", "classify", "schema"))
    ]
    assert [one.id for one in chosen(lines, (), "", "schema")] == ["a", "c"]
    assert [one.id for one in chosen(lines, ("a", "c"), "screen", "")] == ["a"]
    assert kinds(lines[:1] * 2 + lines[1:])[0] == ("screen", "schema", 2)
