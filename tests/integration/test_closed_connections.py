"""A connection that ends just as something is written to it, on the event loop of workers: it is made anew."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from services.alerting.link import RedisLink
from shared.errors import DependencyAway
from shared.stream import loop
from shared.topics import OUTCOMES
from tests import topics


@pytest.fixture
def loop_of_workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = asyncio.get_event_loop_policy()
    for name in ("write", "writelines"):
        # What is installed is taken back.
        monkeypatch.setattr(asyncio.StreamWriter, name, getattr(asyncio.StreamWriter, name))
    loop.install()
    yield
    asyncio.set_event_loop_policy(before)


def test_a_producer_whose_connections_end_as_it_writes_writes_on(
    loop_of_workers: None, kafka: str, topic_prefix: str
) -> None:
    topics.make_all(kafka, topic_prefix)

    async def write() -> list[Any]:
        producer = AIOKafkaProducer(bootstrap_servers=kafka, request_timeout_ms=10_000)
        await producer.start()
        try:
            name = OUTCOMES.name(topic_prefix)
            await producer.send_and_wait(name, b"before", partition=0)
            found = []
            for number in range(5):
                for connection in list(producer.client._conns.values()):
                    # For a moment nobody has read that the connection has ended.
                    connection._read_task.cancel()
                    connection._writer.transport.abort()
                    await asyncio.sleep(0.05)
                    with pytest.raises(KafkaConnectionError):
                        connection.send(MetadataRequest([]))
                found.append(await producer.send_and_wait(name, b"%d" % number, partition=0))
            return found
        finally:
            await producer.stop()

    async def within_reason() -> list[Any]:
        async with asyncio.timeout(60):
            return await write()

    assert [one.offset for one in asyncio.run(within_reason())] == [1, 2, 3, 4, 5]


def test_a_redis_whose_connections_end_as_something_is_asked_is_away_and_comes_back(
    loop_of_workers: None, redis_url: str
) -> None:
    async def ask() -> None:
        link = RedisLink(redis_url)
        assert await link.run(lambda pipe: pipe.ping()) == [[True]]
        assert link._client is not None
        for connection in link._client.connection_pool._available_connections:
            connection._writer.transport.abort()
        with suppress(DependencyAway):
            await link.run(lambda pipe: pipe.ping())
        assert await link.run(lambda pipe: pipe.ping()) == [[True]]
        await link.close()

    asyncio.run(ask())
