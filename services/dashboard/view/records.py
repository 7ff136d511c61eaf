"""Single records of a topic, read by their places.

A thread of its own does it, for all who ask: by aiokafka, which decodes a batch in compiled code, and asks one broker for several
partitions at once. With kafka-python a page of ten posts took ten milliseconds of the interpreter, and as many as it changed
threads while others worked.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from services.dashboard.view.mentions import Place
from shared.broker_security import client_options
from shared.errors import AdrwatchError
from shared.settings import Settings

# So many who ask are answered side by side.
CONSUMERS = 4
# Of a partition, in one fetch: a batch of posts is about as large, and what comes after the one that is wanted is thrown away.
_FETCH_BYTES = 8_192
_FETCH_WAIT_MS = 50
_POLL_MS = 200
_CLOSE_SECONDS = 2.0


class Records:
    """Reads records of a topic. Any thread may ask. `close` ends it."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._settings = settings
        self._topic = topic
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._free: list[Any] = []
        self._room = asyncio.Semaphore(CONSUMERS)

    def at(self, places: Iterable[Place], deadline: float) -> dict[Place, Any]:
        """The record of each place, with `key` and `value`; None where it is no longer kept. `deadline`: by the monotonic clock.

        A place that is missing in the answer is one for which the broker gave none in time.
        """
        found: dict[Place, Any] = {}
        reading = asyncio.run_coroutine_threadsafe(self._read(sorted(set(places)), deadline, found), self._running())
        # What is there by then counts, whatever goes on.
        with suppress(TimeoutError):
            reading.result(max(0.0, deadline - time.monotonic()))
        return dict(found)

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            with suppress(TimeoutError):
                asyncio.run_coroutine_threadsafe(self._close(), loop).result(2 * _CLOSE_SECONDS)
            loop.call_soon_threadsafe(loop.stop)

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=_run, args=[self._loop], name="records", daemon=True).start()
            return self._loop

    async def _close(self) -> None:
        while self._free:
            await _stopped(self._free.pop())

    async def _read(self, places: Sequence[Place], deadline: float, found: dict[Place, Any]) -> None:
        async with self._room:
            consumer = self._free.pop() if self._free else None
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    if consumer is None:
                        consumer = await self._connected()
                    await self._fetch(consumer, places, found)
            except (AdrwatchError, KafkaError, OSError, TimeoutError):
                # Whoever waits hears that there was no answer; what is wrong with the broker is said by the thread that follows.
                if consumer is not None:
                    await _stopped(consumer)
            else:
                self._free.append(consumer)

    async def _fetch(self, consumer: Any, places: Sequence[Place], found: dict[Place, Any]) -> None:
        """Take the records of places, which are in order, from each partition one after the other."""
        left: dict[TopicPartition, deque[Place]] = {}
        for place in places:
            left.setdefault(TopicPartition(self._topic, place.partition), deque()).append(place)
        if consumer.assignment() != left.keys():
            consumer.assign(list(left))
        consumer.resume(*left)
        for at, wanted in left.items():
            consumer.seek(at, wanted[0].offset)
        while left:
            got = await consumer.getmany(*left, timeout_ms=_POLL_MS)
            for at, wanted in list(left.items()):
                if at in got:
                    _take(got[at], wanted, found)
                elif await consumer.position(at) != wanted[0].offset:
                    # Nothing is left at or after the place: reading goes on at the topic's beginning.
                    found[wanted.popleft()] = None
                else:
                    continue
                if wanted:
                    consumer.seek(at, wanted[0].offset)
                else:
                    # Nothing is fetched of it that nobody asked for.
                    consumer.pause(at)
                    del left[at]

    async def _connected(self) -> Any:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.require("kafka_bootstrap").split(","), group_id=None, enable_auto_commit=False,
            auto_offset_reset="earliest", max_partition_fetch_bytes=_FETCH_BYTES, fetch_max_wait_ms=_FETCH_WAIT_MS,
            **client_options(self._settings),
        )  # fmt: skip
        try:
            await consumer.start()
        except BaseException:
            await _stopped(consumer)
            raise
        return consumer


def _run(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    loop.close()


def _take(records: Sequence[Any], wanted: deque[Place], found: dict[Place, Any]) -> None:
    """The first of the places that are wanted, and those after it as far as the records reach."""
    by_offset = {record.offset: record for record in records}
    # Compaction and retention leave gaps: then it is the next record that comes, or one of the topic's beginning.
    place = wanted.popleft()
    found[place] = by_offset.get(place.offset)
    while wanted and place.offset < wanted[0].offset <= records[-1].offset:
        place = wanted.popleft()
        found[place] = by_offset.get(place.offset)


async def _stopped(consumer: Any) -> None:
    with suppress(KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await consumer.stop()
