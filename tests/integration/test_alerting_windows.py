"""Reports in a real Redis: written once, moved, taken back, let go, evaluated the same whatever happens in between."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest

from services.alerting.history import History
from shared import metrics
from shared.errors import AdrwatchError, DependencyAway
from shared.events import Alert, encode
from shared.signals.reports import row_of
from shared.signals.rules import Rules
from shared.signals.windows import Row, to_ms
from shared.topics import MENTIONS, OUTCOMES, partition_of
from tests.unit.alerting.world import (
    HOUR,
    START,
    Alerting,
    ListStream,
    closing,
    expected_alerts,
    outcome,
    records,
    several_days,
    small_rules,
)
from tests.unit.signals.signal_rows import ledger_of, sketch_with

DAYS = 4
END = DAYS * 24 * HOUR
RULES = small_rules()
Make = Callable[..., Alerting]


@pytest.fixture
async def make(redis_url: str, topic_prefix: str) -> AsyncIterator[Make]:
    """Workers of one instance."""
    made: list[Alerting] = []

    def build(rules: Rules = RULES, stream: ListStream | None = None) -> Alerting:
        made.append(Alerting(redis_url, topic_prefix, rules, stream))
        return made[-1]

    yield build
    for worker in made:
        await worker.link.close()


def pair_reports(count: int, at: int, prefix: str = "p") -> list:
    return [outcome(f"{prefix}{i}", at + i, ("d1", "r1"), author=f"{prefix}{i}") for i in range(count)]


def by_time(alerts: list) -> list:
    """In the order of evaluation; partitions take turns as they like."""
    return sorted(alerts, key=lambda alert: (alert.evaluated_at, alert.id))


def background(at: int = 0) -> list:
    return [outcome(f"b{i}", at + i, ("d2", "r2"), author=f"b{i}") for i in range(60)] + [
        outcome(f"c{i}", at + i, ("d2", "r1"), author=f"c{i}") for i in range(3)
    ] + [outcome(f"e{i}", at + i, ("d1", "r2"), author=f"e{i}") for i in range(3)]  # fmt: skip


async def test_a_report_that_is_delivered_twice_is_written_once(make: Make):
    worker = make()
    outcomes = several_days(posts=80)
    await worker.count(outcomes)
    versions, rows = await worker.store.versions(0, 1 << 40), await worker.rows()
    await worker.count(outcomes, batch=7)
    assert await worker.store.versions(0, 1 << 40) == versions
    assert await worker.rows() == rows
    assert set(rows) == {o.post_id for o in outcomes if o.pairs}


async def test_copies_change_the_alerts_of_these_posts():
    """So that the tests below, which compare with the pure functions, are about copies too."""
    outcomes = several_days()
    bare = [msgspec.structs.replace(outcome, sketch=None) for outcome in outcomes]
    assert expected_alerts(outcomes, END, RULES) != expected_alerts(bare, END, RULES)


async def test_a_copy_and_its_original_count_once_and_each_stands_alone_when_the_other_is_deleted(make: Make):
    worker = make()
    copies = [outcome(f"p{i}", i, ("d1", "r1"), author=f"p{i}", sketch=sketch_with(10 * i)) for i in range(2)]
    for gone, left in ((None, ("p0",)), ("p0", ("p1",))):
        if gone is not None:
            await worker.delete(gone)
        else:
            await worker.count(copies[::-1], batch=1)
        ledger = History(worker.store, RULES)
        await ledger.refresh(0, 1 << 40)
        window = ledger.ledger.window(START, START + HOUR)
        assert window.posts(ledger.ledger.find_pair("d1", "r1"), 9) == left
    await worker.count(copies)
    versions = await worker.store.versions(0, 1 << 40)
    rows = [row for found in (await worker.store.read(versions)).values() for row in found]
    assert [(row.post_id, row.sketch) for row in rows] == [("p1", copies[1].sketch)]


async def test_rows_that_an_earlier_version_wrote_are_read(make: Make):
    worker = make()
    earlier = msgspec.msgpack.encode((START, "a", "f", (("d1", "r1"),)))
    bucket = START // HOUR
    await worker.link.run(lambda pipe: pipe.hset(worker.keys.rows(bucket), "p0", earlier))
    assert await worker.store.find({"p0": bucket}) == {"p0": Row("p0", START, "a", "f", (("d1", "r1"),), None)}


async def test_signals_are_those_of_the_pure_functions(make: Make):
    worker = make()
    outcomes = several_days()
    await worker.count(outcomes + closing(END + HOUR))
    await worker.tick()
    expected = expected_alerts(outcomes, END, RULES)
    assert len(expected) >= 2
    assert by_time(worker.stream.alerts) == by_time(expected)
    linked = {sample.labels["kind"]: sample.value for metric in metrics.LINKED.collect() for sample in metric.samples}
    reposts, near_duplicates = ledger_of(
        [row for row in map(row_of, outcomes) if row is not None], rules=RULES
    ).linked()
    assert linked == {"repost": reposts, "near_duplicate": near_duplicates}
    assert near_duplicates > 10


async def test_rules_over_all_pairs_decide_the_same_however_drugs_are_shared_among_workers(make: Make):
    only = ["eb05", "chi2", "llr"]
    rules = small_rules(policy__rules=only, policy__raise_when="any", time__windows_hours=[48])
    workers = [make(rules, ListStream(half)) for half in ((0, 1), (2, 3))]
    outcomes, end = several_days(2, days=2, posts=350), 48 * HOUR
    await workers[0].count(outcomes + closing(end + HOUR))
    for worker in workers:
        await worker.tick()
    expected = expected_alerts(outcomes, end, rules)
    assert all(worker.stream.alerts for worker in workers)
    assert by_time(workers[0].stream.alerts + workers[1].stream.alerts) == by_time(expected)
    assert any(alert.measures["ebgm"].lower is not None for alert in expected)
    assert {"chi2", "llr"} <= {rule for alert in expected for rule in alert.rules}


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_neither_batches_nor_kills_nor_the_pace_of_evaluation_change_the_alerts(make: Make, seed: int):
    rng = random.Random(seed)
    outcomes = [*several_days(seed), *closing(END + HOUR)]
    by_partition = [[o for o in outcomes if partition_of(o.post_id, 4) == p] for p in range(OUTCOMES.partitions)]
    stream, worker = ListStream(), make()
    worker = make(stream=stream)
    while any(by_partition):
        mine = rng.choice([p for p in by_partition if p])
        size = rng.randint(1, 40)
        await worker.count(mine[:size])
        if rng.random() < 0.2:
            # Killed before its offsets were committed: the batch comes again, to another worker.
            worker = make(stream=stream)
        else:
            del mine[:size]
        if rng.random() < 0.4:
            await worker.tick()
    await worker.tick()
    expected = expected_alerts(outcomes, END, RULES)
    assert {alert.id: alert for alert in expected} == stream.latest
    distinct = {encode(alert): alert for alert in stream.alerts}
    assert by_time(list(distinct.values())) == by_time(expected)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_redis_may_go_away_at_any_round_trip_of_an_evaluation(make: Make, after: bool):
    end = 24 * HOUR
    outcomes = several_days(days=1, posts=160)
    feeder = make()
    await feeder.count(outcomes + closing(end + HOUR))
    stream, failures = ListStream(), 0
    while True:
        worker = make(stream=stream)
        worker.link.fail_in, worker.link.after = failures, after
        try:
            await worker.tick()
        except DependencyAway:
            failures += 1
            continue
        break
    assert failures > 5
    expected = expected_alerts(outcomes, end, RULES)
    assert len(expected) >= 2
    assert {encode(alert) for alert in stream.alerts} == {encode(alert) for alert in expected}
    assert stream.latest == {alert.id: alert for alert in expected}


@pytest.mark.parametrize("failures", range(3, 18))
async def test_an_evaluation_goes_on_when_redis_did_what_it_never_confirmed(make: Make, failures: int):
    worker = make()
    await worker.count(background() + pair_reports(4, 2 * HOUR) + closing(4 * HOUR))
    # Partitions are taken before.
    await worker.tick()
    await worker.count(pair_reports(8, 5 * HOUR, "q") + closing(7 * HOUR))
    worker.link.fail_in, worker.link.after = failures, True
    with pytest.raises(DependencyAway):
        await worker.tick()
    await worker.tick()
    [alert] = worker.stream.latest.values()
    assert alert.table.a == 12


class DyingStream(ListStream):
    """The worker dies when it sends: before the broker has the alert, or after."""

    def __init__(self, after: bool) -> None:
        super().__init__()
        self._after = after

    async def send(self, outputs):
        if self._after:
            await super().send(outputs)
        raise DependencyAway("killed by the test")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_an_alert_is_repeated_under_its_id_when_its_worker_dies_around_sending(make: Make, after: bool):
    dying = DyingStream(after)
    worker = make(stream=dying)
    await worker.count(background() + pair_reports(4, 2 * HOUR) + closing(4 * HOUR))
    with pytest.raises(DependencyAway):
        await worker.tick()
    heir = make()
    await heir.tick()
    [alert] = heir.stream.alerts
    assert isinstance(alert, Alert)
    assert alert.drug.label == "Drug one"
    assert dying.alerts == ([alert] if after else [])
    await heir.tick()
    assert len(heir.stream.alerts) == 1


async def test_another_worker_takes_over_and_the_one_before_can_publish_no_more(make: Make):
    old, new = make(), make()
    await old.count(background() + pair_reports(4, 2 * HOUR) + closing(4 * HOUR))
    await old.tick()
    assert len(old.stream.alerts) == 1
    await new.tick()
    assert new.stream.alerts == []
    await new.count(pair_reports(8, 5 * HOUR, "q") + closing(7 * HOUR))
    # The one before has not heard of the rebalance. Its next write is refused, and only then would it take the partition again.
    await old.tick()
    assert len(old.stream.alerts) == 1
    await new.tick()
    [escalated] = new.stream.alerts
    assert escalated.table.a == 12


async def test_each_worker_evaluates_the_drugs_of_its_partitions(make: Make):
    home = partition_of("d1", MENTIONS.partitions)
    others = make(stream=ListStream([p for p in range(MENTIONS.partitions) if p != home]))
    owner = make(stream=ListStream([home]))
    await owner.count(background() + pair_reports(4, 2 * HOUR) + closing(4 * HOUR))
    await others.tick()
    assert others.stream.alerts == []
    await owner.tick()
    assert [alert.drug.id for alert in owner.stream.alerts] == ["d1"]


async def test_a_bucket_waits_for_the_slowest_partition(make: Make):
    worker = make()
    *most, last = closing(4 * HOUR)
    await worker.count(background() + pair_reports(4, 2 * HOUR) + most)
    await worker.tick()
    assert worker.stream.alerts == []
    await worker.count([last])
    await worker.tick()
    assert len(worker.stream.alerts) == 1


async def test_a_partition_without_records_holds_nothing_back_once_it_is_idle(make: Make):
    worker = make(rules=small_rules(time__idle_seconds=30))
    outcomes = background() + pair_reports(12, 2 * HOUR) + closing(4 * HOUR)
    quiet = partition_of(outcomes[-1].post_id, 4)
    await worker.count([o for o in outcomes if partition_of(o.post_id, 4) != quiet])
    worker.stream.unread = {0, 1, 2, 3} - {quiet}
    await worker.tick()
    assert worker.stream.alerts == []
    worker.moment = 31.0
    await worker.tick()
    assert len(worker.stream.alerts) == 1


async def test_a_silent_partition_whose_posts_are_on_their_way_is_waited_for_however_long(make: Make):
    worker = make(rules=small_rules(time__idle_seconds=30))
    outcomes = background() + pair_reports(12, 2 * HOUR) + closing(4 * HOUR)
    silent = partition_of(outcomes[-1].post_id, 4)
    first = [o for o in outcomes if partition_of(o.post_id, 4) != silent] + closing(90 * 24 * HOUR)[:3]
    await worker.count([o for o in first if partition_of(o.post_id, 4) != silent])
    worker.upstream.on_the_way = {silent}
    for worker.moment in (0.0, 31.0, 500.0):
        await worker.tick()
    assert worker.stream.alerts == []
    late = [o for o in outcomes if partition_of(o.post_id, 4) == silent]
    await worker.count(late)
    assert {o.post_id for o in late if o.pairs} <= set(await worker.rows())
    worker.upstream.on_the_way = set()
    for worker.moment in (501.0, 532.0):
        await worker.tick()
    expected = expected_alerts(outcomes, 90 * 24 * HOUR - HOUR, small_rules(time__idle_seconds=30))
    assert by_time(worker.stream.alerts) == expected != []


async def test_after_a_silence_the_first_partition_to_speak_does_not_run_ahead_of_the_others(make: Make):
    worker = make(rules=small_rules(time__idle_seconds=30))
    await worker.count(background() + closing(HOUR))
    long_ago = time.monotonic()
    for worker.moment in (long_ago, long_ago + 1000, long_ago + 2000):
        await worker.tick()
    outcomes = pair_reports(12, 2 * HOUR) + closing(200 * HOUR)
    early = partition_of(outcomes[-1].post_id, 4)
    await worker.count([o for o in outcomes if partition_of(o.post_id, 4) == early])
    worker.moment = long_ago + 2001
    assert (await worker.clock.look()).closed == START
    await worker.tick()
    await worker.count([o for o in outcomes if partition_of(o.post_id, 4) != early])
    await worker.tick()
    expected = expected_alerts([*background(), *outcomes], 199 * HOUR, small_rules(time__idle_seconds=30))
    assert by_time(worker.stream.alerts) == expected != []


async def test_a_partition_that_was_brought_up_holds_back_what_comes_then_until_it_is_idle_again(make: Make):
    worker = make(rules=small_rules(time__idle_seconds=30))
    *most, last = closing(4 * HOUR)
    quiet = partition_of(last.post_id, 4)
    await worker.count(most)
    for worker.moment in (0.0, 31.0, 32.0):
        moment = await worker.clock.look()
    assert moment.closed == START + 3 * HOUR
    await worker.count([o for o in closing(9 * HOUR) if partition_of(o.post_id, 4) != quiet])
    assert (await worker.clock.look()).closed == START + 3 * HOUR
    worker.moment = 62.0
    assert (await worker.clock.look()).closed == START + 8 * HOUR


async def test_a_report_that_comes_late_reopens_its_bucket_and_those_after_it(make: Make):
    worker = make()
    reports = pair_reports(3, 2 * HOUR) + pair_reports(1, 4 * HOUR, "q")
    await worker.count(background() + reports[:1] + reports[3:] + closing(8 * HOUR))
    await worker.tick()
    assert worker.stream.alerts == []
    await worker.count(reports[1:3])
    await worker.tick()
    [alert] = worker.stream.alerts
    assert alert.table.a == 4
    assert to_ms(alert.evaluated_at) == START + 5 * HOUR


async def test_buckets_are_let_go_when_the_watermark_has_passed_them_and_not_before(make: Make):
    worker = make()
    kept = (48 + 24) * HOUR
    await worker.count(background() + closing(kept + HOUR))
    await worker.tick()
    await worker.tick()
    assert len(await worker.rows()) == 66
    await worker.count(closing(kept + 3 * HOUR))
    await worker.tick()
    await worker.tick()
    assert await worker.rows() == {}


async def test_buckets_are_kept_until_every_partition_was_evaluated(make: Make):
    worker = make(stream=ListStream([0]))
    await worker.count(background() + closing(200 * HOUR))
    await worker.tick()
    await worker.tick()
    assert len(await worker.rows()) == 66


async def test_a_report_older_than_what_is_kept_is_not_written(make: Make):
    worker = make()
    await worker.count(background() + closing(200 * HOUR))
    await worker.tick()
    await worker.tick()
    await worker.count(pair_reports(4, 2 * HOUR))
    assert await worker.rows() == {}


async def test_an_outcome_without_pairs_takes_back_the_row_of_an_earlier_one(make: Make):
    worker = make()
    await worker.count(background())
    await worker.count([outcome("b0", 0), outcome("never-counted", 0)])
    assert "b0" not in await worker.rows()
    assert len(await worker.rows()) == 65


async def test_a_post_whose_time_changed_lies_in_one_bucket_only(make: Make):
    worker = make()
    await worker.count([outcome("p0", 0, ("d1", "r1"))])
    await worker.count([outcome("p0", 5 * HOUR, ("d1", "r1"))])
    found = await worker.store.read(await worker.store.versions(0, 1 << 40))
    assert [row.at_ms for rows in found.values() for row in rows] == [START + 5 * HOUR]


async def test_a_post_from_the_future_is_refused_and_moves_no_watermark(make: Make):
    worker = make()
    result = await worker.count([outcome("p0", 100 * 365 * 24 * HOUR, ("d1", "r1"))])
    [(_, reason)] = result.bad
    assert reason.reason == "future"
    assert await worker.rows() == {}
    assert (await worker.clock.look()).closed is None


async def test_a_record_that_is_no_outcome_is_refused_and_the_others_are_written(make: Make):
    worker = make()
    good = records(OUTCOMES, [outcome("p0", 0, ("d1", "r1"))])
    bad = [type(good[0])("outcomes", 0, 1, None, b"{}")]
    result = await worker.counter.handle(bad + good)
    assert [reason.reason for _, reason in result.bad] == ["schema"]
    assert set(await worker.rows()) == {"p0"}


async def test_rules_with_another_bucket_length_are_refused(make: Make):
    worker = make()
    await worker.tick()
    with pytest.raises(AdrwatchError, match="buckets of 60 minutes"):
        await make(rules=small_rules(time__bucket_hours=2)).tick()


async def test_a_server_that_is_away_is_a_dependency_away(topic_prefix: str):
    worker = Alerting("redis://127.0.0.1:9/0", topic_prefix, RULES)
    with pytest.raises(DependencyAway):
        await worker.count(background())
