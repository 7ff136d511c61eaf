"""Single reports and deletions on a real Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace

import pytest

from shared import metrics
from shared.errors import DependencyAway
from shared.events import derived_id
from shared.topics import FORGOTTEN, MENTIONS, partition_of
from tests.unit.alerting.world import HOUR, START, Alerting, ListStream, closing, mention, outcome, records, small_rules

RULES = small_rules()
Make = Callable[..., Alerting]
SERIOUS = {"serious": ("hospitalisation",)}


@pytest.fixture
async def make(redis_url: str, topic_prefix: str) -> AsyncIterator[Make]:
    """Workers of one instance."""
    made: list[Alerting] = []

    def build(stream: ListStream | None = None, prefix: str = "") -> Alerting:
        made.append(Alerting(redis_url, topic_prefix + prefix, RULES, stream))
        return made[-1]

    yield build
    for worker in made:
        await worker.link.close()


def reports(count: int = 5) -> list:
    """Enough of a pair for a signal, before a background."""
    return (
        [outcome(f"b{i}", i, ("d2", "r2"), author=f"b{i}") for i in range(60)]
        + [outcome(f"c{i}", i, ("d2", "r1"), author=f"c{i}") for i in range(3)]
        + [outcome(f"e{i}", i, ("d1", "r2"), author=f"e{i}") for i in range(3)]
        + [outcome(f"p{i}", 2 * HOUR + i, ("d1", "r1"), author=f"p{i}") for i in range(count)]
        + closing(4 * HOUR)
    )


async def signalled(make: Make, count: int = 5) -> Alerting:
    worker = make()
    await worker.count(reports(count))
    await worker.tick()
    assert len(worker.stream.latest) == 1
    return worker


async def everything(worker: Alerting) -> dict[str, bytes]:
    """What Redis holds of the instance, as text."""
    client = await worker.link._connected()
    held = {}
    async for key in client.scan_iter(match=f"{worker.keys.prefix}:*"):
        kind = (await client.type(key)).decode()
        read = {"hash": client.hgetall, "set": client.smembers, "string": client.get}.get(kind)
        held[key.decode()] = repr(await read(key)).encode() if read else b""
    return held


async def test_a_serious_mention_opens_an_urgent_item_at_once(make: Make):
    worker = make()
    await worker.mentions(mention("p0", 0, **SERIOUS), mention("p1", 0))
    [alert] = worker.stream.alerts
    assert (alert.kind, alert.lane, alert.rules, alert.examples) == (
        "single_report", "urgent", ("hospitalisation",), ("p0",))  # fmt: skip


async def test_the_time_to_an_alert_is_noted_from_its_post_and_from_the_end_of_its_bucket(
    make: Make, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("shared.metrics.time", SimpleNamespace(time=lambda: (START + 4 * HOUR) / 1000))
    kinds = ("single_report", "disproportionality")
    before = [metrics.ALERT_SECONDS.labels(kind)._sum.get() for kind in kinds]
    worker = await signalled(make)
    await worker.mentions(mention("p0", 0, **SERIOUS), mention("old", -24 * HOUR, **SERIOUS))
    after = [metrics.ALERT_SECONDS.labels(kind)._sum.get() for kind in kinds]
    # The post was written at the start, the signal's bucket ended three hours later; what is older than a day was replayed.
    assert [now - then for now, then in zip(after, before, strict=True)] == [4 * 3600, 3600]


async def test_a_mention_that_is_delivered_again_repeats_the_same_item(make: Make):
    worker = make()
    for _ in range(2):
        await worker.mentions(mention("p0", 0, **SERIOUS))
    first, second = worker.stream.alerts
    assert first == second


async def test_a_repost_opens_no_second_item(make: Make):
    worker = make()
    await worker.mentions(mention("p0", 0, fingerprint="f", **SERIOUS), mention("p1", 0, fingerprint="f", **SERIOUS))
    await worker.mentions(mention("p2", 0, fingerprint="f", **SERIOUS))
    await worker.mentions(mention("p0", 0, fingerprint="f", **SERIOUS))
    assert {alert.examples for alert in worker.stream.alerts} == {("p0",)}
    await worker.mentions(mention("p1", 0, reaction="r2", fingerprint="f", **SERIOUS))
    assert len(worker.stream.latest) == 2


async def test_several_mentions_of_a_pair_in_a_post_are_one_item_with_all_criteria(make: Make):
    worker = make()
    await worker.mentions(mention("p0", 0, span=20, situations=("overdose",)))
    assert worker.stream.alerts[-1].lane == "special"
    await worker.mentions(mention("p0", 0, span=40, serious=("death",)), mention("p0", 0, span=60, **SERIOUS))
    [alert] = worker.stream.latest.values()
    assert (alert.lane, alert.rules) == ("urgent", ("death", "hospitalisation", "overdose"))


async def test_a_deletion_takes_an_item_back_and_keeps_it_away(make: Make):
    worker = make()
    await worker.mentions(mention("p0", 0, **SERIOUS))
    await worker.delete("p0")
    assert worker.stream.latest == {}
    await worker.mentions(mention("p0", 0, **SERIOUS))
    assert worker.stream.latest == {}


async def test_a_repost_opens_an_item_when_the_post_before_it_was_deleted(make: Make):
    worker = make()
    await worker.mentions(mention("p0", 0, fingerprint="f", **SERIOUS))
    await worker.delete("p0")
    await worker.mentions(mention("p1", 0, fingerprint="f", **SERIOUS))
    [alert] = worker.stream.latest.values()
    assert alert.examples == ("p1",)


async def test_the_item_of_reposts_has_one_id_whichever_came_first_and_whichever_was_deleted(make: Make):
    reposts = [mention(f"p{i}", 0, fingerprint="f", **SERIOUS) for i in range(2)]
    ids = set()
    for n, order in enumerate((reposts, reposts[::-1])):
        worker = make(prefix=f"order{n}")
        await worker.mentions(order[0])
        await worker.mentions(order[1])
        await worker.delete(order[0].post_id)
        await worker.mentions(order[1])
        [alert] = worker.stream.latest.values()
        assert alert.examples == (order[1].post_id,)
        ids |= {found if isinstance(found, str) else found.id for found in worker.stream.alerts}
    assert len(ids) == 1


async def test_the_deletion_of_a_repost_that_opened_nothing_leaves_the_item_alone(make: Make):
    worker = make()
    await worker.mentions(mention("p0", 0, fingerprint="f", **SERIOUS), mention("p1", 0, fingerprint="f", **SERIOUS))
    await worker.delete("p1")
    [alert] = worker.stream.latest.values()
    assert alert.examples == ("p0",)


async def test_a_deletion_that_comes_again_does_not_take_back_the_item_that_a_repost_has_opened_since(make: Make):
    worker = make()
    await worker.mentions(mention("p0", 0, fingerprint="f", **SERIOUS))
    await worker.delete("p0")
    await worker.mentions(mention("p1", 0, fingerprint="f", **SERIOUS))
    await worker.delete("p0")
    [alert] = worker.stream.latest.values()
    assert alert.examples == ("p1",)
    await worker.delete("p1")
    assert worker.stream.latest == {}


async def test_a_deleted_post_that_comes_again_does_not_keep_a_repost_from_opening_the_item(make: Make):
    worker = make()
    await worker.delete("p0")
    await worker.mentions(mention("p0", 0, fingerprint="f", **SERIOUS))
    await worker.mentions(mention("p1", 0, fingerprint="f", **SERIOUS))
    [alert] = worker.stream.latest.values()
    assert alert.examples == ("p1",)


async def test_no_repost_opens_an_item_before_its_tombstone_is_acknowledged(make: Make):
    worker = make()
    await worker.mentions(mention("p0", 0, fingerprint="f", **SERIOUS))
    seen = []

    class SlowStream(ListStream):
        async def send(self, outputs):
            if any(output.topic is FORGOTTEN for output in outputs):
                return
            await worker.mentions(mention("p1", 0, fingerprint="f", **SERIOUS))
            seen.extend(worker.stream.latest.values())
            await worker.stream.send(outputs)

    await make(SlowStream()).delete("p0")
    assert [alert.examples for alert in seen] == [("p0",)]
    assert worker.stream.latest == {}
    await worker.mentions(mention("p1", 0, fingerprint="f", **SERIOUS))
    assert [alert.examples for alert in worker.stream.latest.values()] == [("p1",)]


async def test_a_deletion_that_overtakes_the_publication_of_its_item_still_takes_it_back(make: Make):
    deleter = make()

    class SlowStream(ListStream):
        async def send(self, outputs):
            await deleter.delete("p0")
            await super().send(outputs)

    worker = make(SlowStream())
    result = await worker.singles.handle(records(MENTIONS, [mention("p0", 0, **SERIOUS)]))
    [tombstone] = result.outputs
    assert tombstone.value is None
    assert tombstone.key == worker.stream.alerts[0].id


async def test_a_deleted_post_leaves_the_windows_and_never_comes_back(make: Make):
    worker = make()
    await worker.count(reports())
    await worker.delete("p0", "never-seen")
    assert "p0" not in await worker.rows()
    await worker.count(reports())
    assert "p0" not in await worker.rows()
    assert "p1" in await worker.rows()


async def test_a_deletion_that_comes_before_its_post_keeps_it_out(make: Make):
    worker = make()
    await worker.delete("p0")
    await worker.count(reports())
    assert "p0" not in await worker.rows()


async def test_a_published_signal_takes_a_deletion_in(make: Make):
    worker = await signalled(make)
    [before] = worker.stream.latest.values()
    await worker.delete("p4")
    await worker.tick()
    [after] = worker.stream.latest.values()
    assert after.id == before.id
    assert (before.table.a, after.table.a) == (5, 4)
    assert "p4" in before.examples
    assert "p4" not in after.examples
    assert after.rules


async def test_what_is_forgotten_is_told_of_rows_at_once_and_of_signals_when_the_last_is_amended(make: Make):
    both = ("d1", "r1"), ("d2", "r1")
    assert len({partition_of(drug, MENTIONS.partitions) for drug, _ in both}) == 2
    worker = make()
    await worker.count([*reports(), outcome("p9", HOUR, *both)])
    await worker.tick()
    await worker.delete("p9", "never-seen")
    p9, unseen = derived_id("p9"), derived_id("never-seen")
    assert worker.stream.forgotten == [(p9, "windows"), (unseen, "windows"), (unseen, "signals")]
    one = partition_of("d1", MENTIONS.partitions)
    # Two workers share the partitions.
    streams = [ListStream([one]), ListStream([number for number in range(MENTIONS.partitions) if number != one])]
    for stream, told in zip(streams, ([], [(p9, "signals")]), strict=True):
        await make(stream).tick()
        assert stream.forgotten == told
    assert await worker.link.run(lambda pipe: pipe.exists(worker.keys.unamended("p9"))) == [[0]]


async def test_a_signal_whose_reports_no_longer_raise_says_so_under_its_id(make: Make):
    worker = await signalled(make)
    await worker.delete("p4", "p3", "p2")
    await worker.tick()
    [after] = worker.stream.latest.values()
    assert (after.rules, after.table.a, after.examples) == ((), 2, ("p1", "p0"))


async def test_a_signal_without_reports_is_taken_back(make: Make):
    worker = await signalled(make)
    await worker.delete(*[f"p{i}" for i in range(5)])
    await worker.tick()
    assert worker.stream.latest == {}


async def test_a_deletion_reaches_a_signal_whose_rows_are_gone(make: Make):
    worker = await signalled(make)
    await worker.count(closing(200 * HOUR))
    await worker.tick()
    await worker.tick()
    assert await worker.rows() == {}
    await worker.delete("p4")
    await worker.tick()
    [after] = worker.stream.latest.values()
    assert after.table.a == 5
    assert after.examples == ("p3", "p2", "p1", "p0")


async def test_nothing_in_redis_names_a_post_that_was_deleted(make: Make):
    worker = await signalled(make)
    await worker.mentions(mention("p4", 0, **SERIOUS))
    await worker.delete("p4")
    await worker.tick()
    naming = [key for key, value in (await everything(worker)).items() if b"'p4'" in value or b"p4" in value]
    assert naming == []


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_redis_may_go_away_at_any_round_trip_of_a_deletion(make: Make, after: bool):
    worker = await signalled(make)
    await worker.mentions(mention("p4", 0, **SERIOUS))
    assert len(worker.stream.latest) == 2
    for failures in range(20):
        worker.link.fail_in, worker.link.after = failures, after
        try:
            await worker.delete("p4")
        except DependencyAway:
            continue
        break
    assert failures > 3
    worker.link.fail_in = None
    await worker.tick()
    [alert] = worker.stream.latest.values()
    assert (alert.table.a, alert.examples) == (4, ("p3", "p2", "p1", "p0"))


async def test_a_deletion_that_was_broken_off_still_reaches_counts_that_name_no_example(
    redis_url: str, topic_prefix: str
):
    worker = Alerting(redis_url, topic_prefix, small_rules(counting__examples=1))
    await worker.count(reports())
    await worker.tick()
    for failures in range(20):
        worker.link.fail_in, worker.link.after = failures, True
        try:
            await worker.delete("p0")
        except DependencyAway:
            continue
        break
    worker.link.fail_in = None
    await worker.tick()
    [alert] = worker.stream.latest.values()
    assert (alert.table.a, alert.examples) == (4, ("p4",))
    await worker.link.close()


@pytest.mark.parametrize("failures", range(5))
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_redis_may_go_away_at_any_round_trip_of_an_amendment(make: Make, failures: int, after: bool):
    worker = await signalled(make)
    await worker.delete("p4")
    # The look at the clock and the rows come first.
    worker.link.fail_in, worker.link.after = 3 + failures, after
    with pytest.raises(DependencyAway):
        await worker.tick()
    heir = make(worker.stream)
    await heir.tick()
    [alert] = worker.stream.latest.values()
    assert alert.examples == ("p3", "p2", "p1", "p0")
    assert set(worker.stream.forgotten) == {(derived_id("p4"), "windows"), (derived_id("p4"), "signals")}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_redis_may_go_away_at_any_round_trip_of_a_single_report(make: Make, after: bool):
    worker = make()
    for failures in range(9):
        worker.link.fail_in, worker.link.after = failures, after
        try:
            await worker.mentions(mention("p0", 0, fingerprint="f", **SERIOUS))
        except DependencyAway:
            continue
        break
    assert failures == 3
    [alert] = worker.stream.latest.values()
    assert alert.examples == ("p0",)


async def test_what_is_no_deletion_or_mention_is_refused(make: Make):
    worker = make()
    [good] = records(MENTIONS, [mention("p0", 0)])
    bad = type(good)("t", 0, 7, None, b"not json")
    for handle in (worker.singles.handle, worker.forgetter.handle):
        result = await handle([bad])
        assert [(record.offset, reason.reason) for record, reason in result.bad] == [(7, "not-json")]
        assert result.outputs == []
