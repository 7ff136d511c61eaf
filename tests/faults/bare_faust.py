"""Faust used in the obvious ways, one case a process, to measure what each loses; driven by `measure_faust`.

Arguments: case, broker, topic, file to which handled values are appended.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
from pathlib import Path
from typing import Any

import faust

CASE, BROKER, TOPIC, LEDGER = sys.argv[1:5]
app: Any = faust.App(
    f"{TOPIC}.group", broker=f"kafka://{BROKER}", broker_commit_interval=0.5, consumer_auto_offset_reset="earliest",
    topic_allow_declare=False, topic_disable_leader=True, web_enabled=False, store="memory://",
    stream_wait_empty=CASE != "stop-without-wait", datadir=str(Path(LEDGER).parent / "faust"),
)  # fmt: skip


class Message(faust.Record, serializer="json"):
    """What the typed case expects of every message."""

    n: int


raw = app.topic(TOPIC, value_type=bytes, value_serializer="raw", key_serializer="raw")
typed = app.topic(TOPIC, value_type=Message)


def note(values: list[bytes]) -> None:
    """Append what has been handled; one write a batch."""
    with Path(LEDGER).open("ab") as file:
        file.write(b"".join(value + b"\n" for value in values))


def check(values: list[bytes]) -> None:
    """The fault: a record that makes the code raise."""
    if any(b"poison" in value for value in values):
        raise ValueError("a poison record")


async def exception_in_take(stream: Any) -> None:
    """An exception leaves the body of `take`."""
    async for values in stream.take(20, within=0.5):
        check(values)
        note(values)


async def exception_in_async_for(stream: Any) -> None:
    """An exception leaves the body of a plain loop."""
    async for value in stream:
        check([value])
        note([value])


async def exception_in_noack_take(stream: Any) -> None:
    """The same with acknowledgement by hand, after the work."""
    async for events in stream.noack_take(20, within=0.5):
        check([event.message.value for event in events])
        note([event.message.value for event in events])
        for event in events:
            event.ack()


async def garbage_on_typed_topic(stream: Any) -> None:
    """A typed topic gets a message that is no such record."""
    async for messages in stream.take(20, within=0.5):
        note([b'{"n": %d}' % message.n for message in messages])


async def concurrent(stream: Any) -> None:
    """Several actors over one stream, each with an event of its own."""
    async for value in stream:
        await asyncio.sleep(random.random() / 5)
        note([value])


async def slow_batches(stream: Any) -> None:
    """A batch that takes a while, so that a signal falls into it."""
    async for values in stream.take(20, within=0.5):
        await asyncio.sleep(1)
        note(values)


async def clean(stream: Any) -> None:
    """Handles whatever is still to be had."""
    async for value in stream:
        note([value])


BODIES: dict[str, tuple[Any, Any, int]] = {
    "exception-in-take": (raw, exception_in_take, 1),
    "exception-in-async-for": (raw, exception_in_async_for, 1),
    "exception-in-noack-take": (raw, exception_in_noack_take, 1),
    "garbage-on-typed-topic": (typed, garbage_on_typed_topic, 1),
    "concurrency-and-kill": (raw, concurrent, 8),
    "stop-with-wait": (raw, slow_batches, 1),
    "stop-without-wait": (raw, slow_batches, 1),
    "clean": (raw, clean, 1),
}

if __name__ == "__main__":
    channel, body, concurrency = BODIES[CASE]
    app.agent(channel, name=CASE, concurrency=concurrency)(body)
    logging.basicConfig(level="WARNING")
    faust.Worker(
        app, loglevel="WARNING", loop=asyncio.new_event_loop(), redirect_stdouts=False
    ).execute_from_commandline()
