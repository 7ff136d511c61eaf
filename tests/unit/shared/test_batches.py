"""The micro-batch loop without a broker: bisection, retries, order of acknowledgement."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadMessage, DependencyAway
from shared.events import DeadLetter, decode
from shared.stream import BatchResult, Output, Record
from shared.stream.batches import BatchRunner
from shared.stream.handover import GivenUp, Handover
from shared.topics import CUT_HEADER, DEAD_LETTERS, MOST_BYTES, OUTCOMES


def records(values: Sequence[bytes]) -> list[Record]:
    return [Record("adr.posts", 0, n, b"k", value) for n, value in enumerate(values)]


class Broker:
    """Takes outputs; is away for the first `away` sends."""

    def __init__(self, away: int = 0) -> None:
        self.away = away
        self.taken: list[Output] = []

    async def send(self, outputs: Sequence[Output]) -> None:
        if self.away:
            self.away -= 1
            raise DependencyAway("the broker is away")
        self.taken += outputs

    def values(self) -> list[bytes | None]:
        return [output.value for output in self.taken if output.topic is OUTCOMES]

    def letters(self) -> list[DeadLetter]:
        return [decode(output.value, DeadLetter) for output in self.taken if output.topic is DEAD_LETTERS]


async def handle(batch: list[Record]) -> BatchResult:
    if any((record.value or b"").startswith(b"poison") for record in batch):
        raise ValueError("poison")
    return BatchResult(outputs=[Output(OUTCOMES, str(record.offset), record.value) for record in batch])


def runner(broker: Broker, handler=handle, **options) -> BatchRunner:  # type: ignore[no-untyped-def]
    return BatchRunner("test", handler, broker.send, retry_first=0.001, retry_most=0.002, **options)


@given(st.lists(st.sampled_from([b"good", b"poison"]), min_size=1, max_size=40))
def test_every_record_ends_either_as_output_or_as_dead_letter(values: list[bytes]) -> None:
    broker = Broker()
    asyncio.run(runner(broker).run(records(values)))
    assert broker.values() == [value for value in values if value == b"good"]
    assert [letter.offset for letter in broker.letters()] == [n for n, value in enumerate(values) if value == b"poison"]


async def test_a_dead_letter_carries_the_record_as_it_was_and_no_word_of_the_error() -> None:
    broker = Broker()
    record = replace(records([b"poison in clear text"])[0], headers=(("adrwatch-attempt", b"1"),))
    await runner(broker).run([record])
    letter = broker.letters()[0]
    assert broker.taken[0].headers == record.headers
    assert (letter.payload, letter.key, letter.topic, letter.reason) == (
        b"poison in clear text", b"k", "adr.posts", "error:ValueError",
    )  # fmt: skip
    assert "poison" not in letter.detail


async def test_an_absent_dependency_is_waited_for_and_the_batch_is_not_divided() -> None:
    sizes = []

    async def flaky(batch: list[Record]) -> BatchResult:
        sizes.append(len(batch))
        if len(sizes) < 4:
            raise DependencyAway("not yet")
        return await handle(batch)

    broker = Broker(away=3)
    await runner(broker, flaky).run(records([b"good"] * 5))
    assert sizes == [5, 5, 5, 5]
    assert len(broker.values()) == 5


async def test_poison_may_have_outputs_of_its_own() -> None:
    broker = Broker()

    def on_poison(record: Record, reason: BadMessage) -> BatchResult:
        return BatchResult(outputs=[Output(OUTCOMES, "dead", reason.reason.encode())])

    await runner(broker, on_poison=on_poison).run(records([b"good", b"poison"]))
    assert broker.values() == [b"good", b"error:ValueError"]


async def test_what_comes_after_is_sent_only_when_all_else_is_acknowledged() -> None:
    sent: list[list[str]] = []
    away = iter([True, False, True, False])

    async def send(outputs: Sequence[Output]) -> None:
        sent.append([output.key for output in outputs])
        if next(away):
            raise DependencyAway("not yet")

    async def handled(batch: list[Record]) -> BatchResult:
        return BatchResult(
            [Output(OUTCOMES, "outcome", b"one")],
            [(batch[0], BadMessage("bad", "bad"))],
            [Output(OUTCOMES, "tombstone", None)],
        )

    await BatchRunner("stage", handled, send, retry_first=0.001, retry_most=0.01).run(records([b"good"]))
    letter = sent[0][1]
    assert sent == [["outcome", letter], ["outcome", letter], ["tombstone"], ["tombstone"]]


async def test_cancellation_leaves_the_loop_and_writes_nothing() -> None:
    broker = Broker()

    async def stuck(batch: list[Record]) -> BatchResult:
        await asyncio.sleep(3600)
        return BatchResult()

    task = asyncio.create_task(runner(broker, stuck).run(records([b"good"])))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert broker.taken == []


async def test_a_dead_letter_that_no_broker_would_take_keeps_the_beginning_and_the_size_of_its_message() -> None:
    broker = Broker()
    huge = Record("adr.posts", 0, 7, b"k" * 900_000, b"poison" + b"x" * 900_000, (("big", b"h" * 900_000),))
    await runner(broker).run([huge, *records([b"good"])])
    output, letter = next(output for output in broker.taken if output.topic is DEAD_LETTERS), broker.letters()[0]
    assert output.size <= MOST_BYTES
    assert output.headers == ((CUT_HEADER, b"900006"),)
    assert (letter.topic, letter.offset, letter.reason) == ("adr.posts", 7, "error:ValueError")
    assert huge.value is not None
    assert huge.value.startswith(letter.payload)
    assert broker.values() == [b"good"]


async def test_a_record_whose_result_no_broker_would_take_becomes_a_dead_letter_and_its_neighbours_go_on() -> None:
    broker = Broker()
    await runner(broker).run(records([b"good", b"g" * (MOST_BYTES + 1), b"good"]))
    assert [(letter.offset, letter.reason) for letter in broker.letters()] == [(1, "too-large")]
    assert broker.values() == [b"good", b"good"]


async def test_what_waits_is_given_up_in_a_handover_with_all_that_comes_after_it_until_partitions_are_there_again() -> (
    None
):
    broker, handover = Broker(away=10**9), Handover()
    made = runner(broker, handover=handover)
    waiting = asyncio.ensure_future(made.run(records([b"first"])))
    done, _ = await asyncio.wait({waiting}, timeout=0.05)
    assert not done
    handover.begin()
    with pytest.raises(GivenUp):
        await waiting
    # The server is back, but a commit of these would pass the first one over.
    broker.away = 0
    with pytest.raises(GivenUp):
        await made.run(records([b"second"]))
    assert broker.taken == []
    handover.end()
    await made.run(records([b"first", b"second"]))
    assert broker.values() == [b"first", b"second"]


async def test_what_is_in_work_is_finished_in_a_handover_and_that_of_a_stop_does_not_end() -> None:
    broker, handover = Broker(), Handover()
    made = runner(broker, handover=handover)
    handover.begin(last=True)
    await made.run(records([b"good", b"poison"]))
    assert (broker.values(), len(broker.letters())) == ([b"good"], 1)
    handover.end()
    broker.away = 1
    with pytest.raises(GivenUp):
        await made.run(records([b"late"]))
