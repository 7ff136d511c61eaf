"""Posts that were edited at their source, on a real Redis: what was counted of a version before goes, and the latest one counts."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from shared.errors import DependencyAway
from shared.events import Deletion, derived_id
from shared.text.sketch import SKETCH_BYTES
from shared.topics import ALERTS, DELETIONS
from tests.integration.test_alerting_deletions import reports
from tests.unit.alerting.world import HOUR, START, Alerting, ListStream, deletion, from_ms, mention, outcome, records
from tests.unit.alerting.world import small_rules as rules

Make = Callable[..., Alerting]
SERIOUS = {"serious": ("hospitalisation",)}
# When the two versions of a post were written, and the deletion of the edit, in ms.
FIRST, EDIT, SECOND = 1000, 2000, 3000
BEFORE, AFTER = ("d1", "r1"), ("d2", "r2")
# Bytes that are no text.
SKETCH = bytes(range(0x1F, 0x1F + 2 * SKETCH_BYTES, 2))


@pytest.fixture
async def make(redis_url: str, topic_prefix: str) -> AsyncIterator[Make]:
    """Workers of one instance."""
    made: list[Alerting] = []

    def build(stream: ListStream | None = None, prefix: str = "") -> Alerting:
        made.append(Alerting(redis_url, topic_prefix + prefix, rules(), stream))
        return made[-1]

    yield build
    for worker in made:
        await worker.link.close()


def orders(*steps: str) -> list[tuple[str, ...]]:
    """Each order in which the topics of these can be read, and each with the first version once more at the end."""
    found = list(itertools.permutations(steps))
    return [*found, *((*order, "first") for order in found)]


async def counted(worker: Alerting, order: tuple[str, ...], *, moved: int = 0, second: tuple = (AFTER,)) -> dict:
    steps: dict[str, Callable[[], Awaitable[object]]] = {
        "first": lambda: worker.count([outcome("p", HOUR, BEFORE, sketch=SKETCH)], version=FIRST),
        "edit": lambda: worker.edit("p", EDIT),
        "second": lambda: worker.count([outcome("p", HOUR + moved, *second, sketch=SKETCH)], version=SECOND),
    }
    for step in order:
        await steps[step]()
    return {post: row.pairs for post, row in (await worker.rows()).items()}


async def test_the_later_version_counts_once_in_whatever_order_topics_are_read(make: Make):
    for n, order in enumerate(orders("first", "edit", "second")):
        for moved in (0, 5 * HOUR):
            worker = make(prefix=f"{n}-{moved}")
            assert await counted(worker, order, moved=moved) == {"p": (AFTER,)}, (order, moved)
            # It is found where it is, so that it can be taken back for good.
            await worker.delete("p")
            assert await counted(worker, order, moved=moved) == {}, (order, moved)


async def test_nothing_counts_where_no_later_version_comes_or_it_reports_nothing(make: Make):
    for n, order in enumerate(orders("first", "edit")):
        assert await counted(make(prefix=f"none-{n}"), order) == {}, order
    for n, order in enumerate(orders("first", "edit", "second")):
        assert await counted(make(prefix=f"empty-{n}"), order, second=()) == {}, order


async def test_an_earlier_version_that_comes_again_does_not_take_the_place_of_a_later_one(make: Make):
    assert await counted(make(), ("first", "second", "first")) == {"p": (AFTER,)}
    assert await counted(make(prefix="b"), ("first", "second", "first"), moved=5 * HOUR) == {"p": (AFTER,)}
    assert await counted(make(prefix="c"), ("first", "second", "first"), second=()) == {}


async def test_where_no_version_is_told_an_edit_takes_what_was_written_before_its_deletion(make: Make):
    worker = make()
    await worker.count([outcome("p", HOUR, BEFORE)], written=FIRST)
    await worker.edit("p", EDIT)
    assert await worker.rows() == {}
    await worker.count([outcome("p", HOUR, BEFORE)], written=FIRST)
    assert await worker.rows() == {}
    await worker.count([outcome("p", HOUR, AFTER)], written=SECOND)
    assert [row.pairs for row in (await worker.rows()).values()] == [(AFTER,)]
    await worker.edit("p", EDIT)
    assert [row.pairs for row in (await worker.rows()).values()] == [(AFTER,)]


@pytest.mark.parametrize("words", ["the same words", "other words"])
async def test_an_item_is_of_the_later_version_in_whatever_order_topics_are_read(make: Make, words: str):
    first = mention("p", 0, fingerprint="the same words", situations=("overdose",))
    second = mention("p", 0, fingerprint=words, **SERIOUS)
    for n, order in enumerate(orders("first", "edit", "second")):
        worker = make(prefix=f"{n}-{words[:3]}")
        steps: dict[str, Callable[[], Awaitable[object]]] = {
            "first": lambda worker=worker: worker.mentions(first, version=FIRST),
            "edit": lambda worker=worker: worker.edit("p", EDIT),
            "second": lambda worker=worker: worker.mentions(second, version=SECOND),
        }
        for step in order:
            await steps[step]()
        assert [alert.rules for alert in worker.stream.latest.values()] == [("hospitalisation",)], order
        await worker.delete("p")
        await worker.mentions(second, version=SECOND)
        assert worker.stream.latest == {}, order


async def test_a_later_version_waits_until_the_tombstone_of_its_item_is_acknowledged(make: Make):
    worker = make()
    await worker.mentions(mention("p", 0, fingerprint="f", **SERIOUS), version=FIRST)
    waiting: list[asyncio.Task[None]] = []

    class SlowStream(ListStream):
        async def send(self, outputs):
            if any(output.topic is ALERTS for output in outputs):
                later = worker.mentions(mention("p", 0, fingerprint="f", **SERIOUS), version=SECOND)
                waiting.append(asyncio.create_task(later))
                done, _ = await asyncio.wait(waiting, timeout=0.2)
                assert not done
                await worker.stream.send(outputs)

    await make(SlowStream()).edit("p", EDIT)
    await waiting[0]
    [alert] = worker.stream.latest.values()
    assert alert.examples == ("p",)
    # Its words are its own, so that a repost opens nothing.
    await worker.mentions(mention("q", 0, fingerprint="f", **SERIOUS))
    assert [alert.examples for alert in worker.stream.latest.values()] == [("p",)]


@pytest.mark.parametrize(("second", "count"), [(AFTER, 4), (BEFORE, 5)])
@pytest.mark.parametrize("edit_first", [True, False])
async def test_a_published_signal_has_the_later_version_alone(make: Make, second: tuple, count: int, edit_first: bool):
    worker = make()
    await worker.count(reports(), version=FIRST)
    await worker.tick()
    if edit_first:
        await worker.edit("p4", EDIT)
    await worker.count([outcome("p4", 2 * HOUR + 4, second, author="p4")], version=SECOND)
    if not edit_first:
        await worker.edit("p4", EDIT)
    await worker.tick()
    await worker.tick()
    [alert] = worker.stream.latest.values()
    assert (alert.table.a, "p4" in alert.examples) == (count, second == BEFORE)
    assert worker.stream.forgotten == [(derived_id("p4"), "windows"), (derived_id("p4"), "signals")]
    await worker.delete("p4")
    await worker.tick()
    assert all("p4" not in alert.examples for alert in worker.stream.latest.values())


async def test_a_deletion_beside_an_edit_is_for_good_and_both_are_told(make: Make):
    worker = make()
    await worker.count(reports(), version=FIRST)
    await worker.tick()
    both = [Deletion(id="p4", deleted_at=from_ms(START), edited=True), deletion("p4")]
    for n, order in enumerate((both, both[::-1])):
        worker.stream.sent.clear()
        await worker.stream.send((await worker.forgetter.handle(records(DELETIONS, order, EDIT))).outputs)
        await worker.tick()
        told = [store for _, store in worker.stream.forgotten]
        assert sorted(told) == ["signals", "signals", "windows", "windows"], n
        await worker.count([outcome("p4", 2 * HOUR, AFTER)], version=SECOND)
        assert "p4" not in await worker.rows()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_redis_may_go_away_at_any_round_trip_of_an_edit(make: Make, after: bool):
    worker = make()
    await worker.count(reports(), version=FIRST)
    await worker.tick()
    await worker.mentions(mention("p4", 0, **SERIOUS), version=FIRST)
    for failures in range(20):
        worker.link.fail_in, worker.link.after = failures, after
        try:
            await worker.edit("p4", EDIT)
        except DependencyAway:
            continue
        break
    assert failures > 3
    worker.link.fail_in = None
    await worker.count([outcome("p4", 2 * HOUR, AFTER)], version=SECOND)
    await worker.tick()
    [alert] = worker.stream.latest.values()
    assert (alert.table.a, alert.examples) == (4, ("p3", "p2", "p1", "p0"))
    assert (await worker.rows())["p4"].pairs == (AFTER,)
