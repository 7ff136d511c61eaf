"""A stage that makes too many dead letters stands still, without a broker."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from shared.errors import BadMessage
from shared.events import Hold, decode, now
from shared.health import HEALTH, Part
from shared.settings import load
from shared.stream import BatchResult, Output, Record, gate
from shared.stream.batches import BatchRunner
from shared.stream.gate import Gate, Holds
from shared.stream.handover import GivenUp, Handover
from shared.topics import ATTEMPT_HEADER, DEAD_LETTERS, HOLDS, OUTCOMES

AGAIN = ((ATTEMPT_HEADER, b"1"),)


class Desk:
    """A broker, the holds in it, and a person who lets a stage go on as soon as it stands still, so many times."""

    def __init__(self, patient: int = 99) -> None:
        self.letters: list[str] = []
        self.passed: list[str] = []
        self.holds = Holds(load())
        self.stood: list[Hold] = []
        self.patient = patient

    async def send(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            if output.topic is HOLDS:
                hold = decode(output.value, Hold)
                self.stood.append(hold)
                if len(self.stood) <= self.patient:
                    hold = replace(hold, released_at=now())
                self.holds._use({output.key: hold})
            else:
                {DEAD_LETTERS.suffix: self.letters, OUTCOMES.suffix: self.passed}[output.topic.suffix].append(
                    output.key
                )

    def runner(self, limit: int, window: int) -> BatchRunner:
        made = Gate("test", "1", self.holds, limit=limit, window=window)
        return BatchRunner("test", handle, self.send, retry_first=0.001, retry_most=0.002, gate=made)


async def handle(batch: list[Record]) -> BatchResult:
    result = BatchResult()
    for record in batch:
        if record.value == b"good":
            result.outputs.append(Output(OUTCOMES, f"{record.partition}:{record.offset}", record.value))
        elif record.value == b"poison":
            raise ValueError("poison")
        else:
            result.bad.append((record, BadMessage("bad", "it is bad")))
    return result


def records(values: str, partition: int = 0, headers: tuple[tuple[str, bytes], ...] = ()) -> list[Record]:
    """Of each letter one record: g good, p poison, else bad."""
    meant = {"g": b"good", "p": b"poison"}
    return [
        Record("adr.posts", partition, n, b"k", meant.get(value, b"bad"), headers) for n, value in enumerate(values)
    ]


def test_within_the_limit_it_goes_on() -> None:
    desk = Desk()
    asyncio.run(desk.runner(3, 10).run(records("gbbpgg")))
    assert not desk.stood
    assert len(desk.letters) == 3
    assert len(desk.passed) == 3


def test_above_the_limit_it_stands_still_and_the_batch_that_waited_passes_whole() -> None:
    desk = Desk()
    asyncio.run(desk.runner(3, 10).run(records("gbbbbbbg")))
    [hold] = desk.stood
    assert (hold.stage, hold.topic, hold.partition, hold.dead, hold.read) == ("test", "adr.posts", 0, 6, 8)
    assert hold.reasons == {"bad": 6}
    assert len(desk.letters) == 6
    assert len(desk.passed) == 2


def test_a_partition_within_its_limit_is_not_counted_twice_where_its_batch_waited_for_another() -> None:
    desk = Desk()
    asyncio.run(desk.runner(3, 10).run(records("bbbb") + records("bbg", 1)))
    assert [hold.partition for hold in desk.stood] == [0]
    assert len(desk.letters) == 6


def test_poison_counts_as_what_is_refused_does() -> None:
    desk = Desk()
    asyncio.run(desk.runner(3, 10).run(records("pppppg")))
    assert [hold.reasons for hold in desk.stood] == [{"error:ValueError": 4}]
    assert len(desk.letters) == 5


def test_only_the_last_records_of_the_same_partition_count_and_none_that_was_sent_back() -> None:
    desk = Desk()

    async def some() -> None:
        runner = desk.runner(3, 6)
        for partition in range(4):
            await runner.run(records("bbg", partition))
        await runner.run(records("bbbbbbbbb", 0, AGAIN))
        # Of the last six records of partition 0 no more than three are bad at any time.
        for _ in range(5):
            await runner.run(records("gggbbb", 0))

    asyncio.run(some())
    assert not desk.stood


def test_nothing_of_a_batch_goes_out_while_it_waits_and_a_held_partition_is_not_begun() -> None:
    desk = Desk(patient=0)

    async def some() -> None:
        runner = desk.runner(3, 10)
        for _ in range(2):
            # The second time as a worker does that was started again.
            with_hold = asyncio.ensure_future(runner.run(records("gbbbbbbg")))
            done, _waiting = await asyncio.wait({with_hold}, timeout=4 * gate._LOOK_SECONDS)
            assert not done
            with_hold.cancel()
            runner = desk.runner(3, 10)

    asyncio.run(some())
    assert len(desk.stood) == 1
    assert not desk.letters
    assert not desk.passed


def test_it_says_where_it_stands_still_and_no_more_once_its_partitions_are_handed_over() -> None:
    desk, handover = Desk(patient=0), Handover()

    def said() -> Part:
        [part] = [part for part in HEALTH.ready().parts if part.part == "stage test"]
        return part

    async def some() -> None:
        made = Gate("test", "1", desk.holds, limit=3, window=10, handover=handover)
        runner = BatchRunner(
            "test", handle, desk.send, retry_first=0.001, retry_most=0.002, gate=made, handover=handover
        )
        made.tell()
        assert said().ok
        waiting = asyncio.ensure_future(runner.run(records("gbbbbbbg", 2)))
        async with asyncio.timeout(30):
            while said().ok:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.001)
        assert said().error == "stands still at partition 2 of adr.posts: 6 of its last 8 records became dead letters"
        # That it waits for a person makes no worker unready.
        assert not said().needed
        handover.begin()
        with pytest.raises(GivenUp):
            await waiting
        assert said().ok

    asyncio.run(some())
    assert not desk.letters
    assert not desk.passed
