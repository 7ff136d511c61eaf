"""What is still on its way to alerting: posts that the pipeline has yet to read, as the broker knows it.

Outcomes alone do not tell. Kafka hands a backlog out in large pieces, so that a worker of the pipeline may be busy with some
partitions for minutes before it comes to the next one; the outcomes of that one are silent then, and yet older posts will come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.broker_security import client_options
from shared.errors import DependencyAway
from shared.settings import Settings
from shared.topics import POSTS

_TIMEOUT = 10.0


class Upstream(Protocol):
    """What the clock asks of the pipeline."""

    async def drained(self, partitions: Collection[int]) -> set[int]:
        """Those of the partitions of adr.posts whose every post the pipeline has answered. An outcome has its post's partition."""


class PipelineProgress:
    """Compares the offsets that the pipeline's group has committed with the ends of adr.posts. It joins no group.

    The pipeline commits when its outputs are acknowledged: what is committed here is in adr.outcomes. Connects when first asked.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._servers = settings.require("kafka_bootstrap").split(",")
        self._group = f"{settings.topic_prefix}.pipeline"
        self._topic = POSTS.name(settings.topic_prefix)
        self._consumer: Any = None

    async def drained(self, partitions: Collection[int]) -> set[int]:
        """See `Upstream`. Raises DependencyAway."""
        places = {number: TopicPartition(self._topic, number) for number in partitions}
        try:
            async with asyncio.timeout(_TIMEOUT):
                consumer = await self._connected()
                # The ends first: whatever is published after this look is none of its business.
                ends = await consumer.end_offsets(list(places.values()))
                # What retention took away before it was read will never be committed.
                begins = await consumer.beginning_offsets(list(places.values()))
                committed = {number: await consumer.committed(place) or 0 for number, place in places.items()}
        except (KafkaError, OSError, TimeoutError) as error:
            await self.close()
            raise DependencyAway(
                f"the broker does not tell how far the pipeline has read: {type(error).__name__}",
                fix="see that the broker runs",
            ) from error
        return {number for number, place in places.items() if max(committed[number], begins[place]) >= ends[place]}

    async def close(self) -> None:
        """Close the connection; another question opens it anew."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with suppress(KafkaError, OSError, TimeoutError):
                async with asyncio.timeout(_TIMEOUT):
                    await consumer.stop()

    async def _connected(self) -> Any:
        if self._consumer is None:
            self._consumer = AIOKafkaConsumer(
                bootstrap_servers=self._servers,
                group_id=self._group,
                enable_auto_commit=False,
                **client_options(self._settings),
            )
            await self._consumer.start()
        return self._consumer
