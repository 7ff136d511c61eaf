"""A signal that a person closed: what was seen is settled, whatever comes after it opens a linked episode, also after a rebuild."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis

from shared.events import Alert
from shared.signals.windows import to_ms
from shared.topics import CLOSURES, DEAD_LETTERS, MENTIONS, OUTCOMES, partition_of
from tests.integration.test_alerting_kafka import Instance, running
from tests.unit.alerting.world import HOUR, START, Alerting, closing, outcome, records, small_rules


def reports(count: int, at: int, prefix: str) -> list:
    return [outcome(f"{prefix}{i}", at + i, ("d1", "r1"), author=f"{prefix}{i}") for i in range(count)]


def background() -> list:
    return [outcome(f"b{i}", i, ("d2", "r2"), author=f"b{i}") for i in range(60)]


@pytest.fixture
async def worker(redis_url: str, topic_prefix: str) -> AsyncIterator[Alerting]:
    made = Alerting(redis_url, topic_prefix, small_rules())
    yield made
    await made.link.close()


async def fed(worker: Alerting, found: list, until: int) -> list[Alert]:
    """The alerts that are published when these reports come and event time goes on until then."""
    before = len(worker.stream.alerts)
    await worker.count(found + closing(until))
    await worker.tick()
    return worker.stream.alerts[before:]


async def test_a_closed_signal_stays_closed_while_nothing_new_is_reported(worker: Alerting):
    [first] = await fed(worker, background() + reports(4, 10 * HOUR, "p"), 14 * HOUR)
    await worker.close(first)
    await worker.tick()
    assert await fed(worker, [outcome("other", 20 * HOUR, ("d2", "r2"))], 24 * HOUR) == []
    # A deletion evaluates all windows anew.
    await worker.delete("b0")
    assert await fed(worker, [], 25 * HOUR) == []


async def test_reports_after_the_closing_open_one_new_episode_that_names_the_closed_one(worker: Alerting):
    [first] = await fed(worker, background() + reports(4, 10 * HOUR, "p"), 14 * HOUR)
    await worker.close(first)
    [second] = await fed(worker, reports(4, 15 * HOUR, "q"), 18 * HOUR)
    assert (second.previous, to_ms(second.episode)) == (first.id, START + 15 * HOUR)
    assert second.id != first.id
    [third] = await fed(worker, reports(12, 18 * HOUR, "s"), 22 * HOUR)
    assert (third.id, third.previous) == (second.id, first.id)
    # The closing of the first once more, late and repeated, changes nothing.
    await worker.close(first)
    await worker.tick()
    assert worker.stream.latest[first.id] == first


async def test_reports_that_the_person_did_not_see_when_closing_are_new_evidence(worker: Alerting):
    [first] = await fed(worker, background() + reports(4, 10 * HOUR, "p"), 14 * HOUR)
    # Too few to be told of: they are in the episode, and the person sees those of ten o'clock.
    assert await fed(worker, reports(2, 15 * HOUR, "q"), 18 * HOUR) == []
    await worker.close(first)
    await worker.tick()
    second = worker.stream.alerts[-1]
    assert (second.previous, second.table.a) == (first.id, 6)


async def test_a_message_that_is_no_closure_is_bad_and_the_others_count(worker: Alerting):
    [first] = await fed(worker, background() + reports(4, 10 * HOUR, "p"), 14 * HOUR)
    broken = records(OUTCOMES, [outcome("x", 0)])
    result = await worker.closer.handle(broken)
    assert [error.reason for _, error in result.bad] == ["schema"]
    await worker.close(first)
    name = worker.keys.settled(partition_of("d1", MENTIONS.partitions))
    [[members]] = await worker.link.run(lambda pipe: pipe.zrange(name, 0, -1, withscores=True))
    assert [int(score) for _, score in members] == [to_ms(first.evaluated_at)]


@pytest.fixture
def instance(kafka: str, redis_url: str, topic_prefix: str, tmp_path: Path) -> Iterator[Instance]:
    with running(kafka, redis_url, topic_prefix, tmp_path) as made:
        yield made


def test_a_signal_that_is_closed_and_fed_again_opens_a_linked_episode_also_after_redis_was_lost(
    instance: Instance, redis_url: str
):
    alerting = instance.start()
    instance.outcomes([*background(), *reports(4, 10 * HOUR, "p"), *closing(14 * HOUR)])
    instance.wait_for(instance.alerts, "first signal")
    [first] = instance.alerts()
    closed = instance.command("review", "move", first.id, "closed", "--reason", "known and labelled")
    assert closed.returncode == 0, closed.stderr
    assert [key for key, _ in instance.read(CLOSURES)] == [first.id]

    instance.outcomes([*reports(4, 15 * HOUR, "q"), *closing(18 * HOUR)])
    instance.wait_for(lambda: len(instance.alerts()) > 1, "second signal")
    second = instance.alerts()[1]
    assert (second.previous, second.id != first.id) == (first.id, True)
    rows = [json.loads(line) for line in instance.command("review", "list", "--json").stdout.splitlines()]
    assert [(row["id"], row["state"], row["previous"]) for row in rows] == [
        (second.id, "new", first.id), (first.id, "closed", None),
    ]  # fmt: skip

    alerting.send_signal(signal.SIGTERM)
    alerting.wait(timeout=60)
    with redis.Redis.from_url(redis_url) as server:
        server.delete(*server.scan_iter(match=f"{instance.prefix}:*"))
    instance.start()
    instance.outcomes([*reports(12, 18 * HOUR, "s"), *closing(22 * HOUR)])
    instance.wait_for(lambda: len(instance.alerts()) > 2, "escalation")
    assert [alert.id for alert in instance.alerts()] == [first.id, second.id, second.id]
    assert instance.alerts()[2].previous == first.id
    assert instance.read(DEAD_LETTERS) == []
