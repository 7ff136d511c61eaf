"""A consumer that commits what is handled before its partitions are shared out anew, and hears soon of a record or a dead line.

Faust 0.15.3 forgets which messages were acknowledged as soon as it hears of a rebalance, and commits only after that. What was
handled since the last commit (half a second of work, in every worker of the group) would be handled again by whoever gets the
partitions. Nothing is lost by that, and every effect is keyed; but it is work, and readers of the topics see it twice.

Faust also has a request to the broker wait at least as long as the broker keeps the place of a worker that is gone. The first says
how soon a connection that died without a word is made anew; the second is how long a worker may take to start. And it asks for
records for one and a half seconds where there are none. One question is under way at a time, and it is about the partitions of
which nothing is in hand: what comes to the others meanwhile waits for its end.
"""

from __future__ import annotations

from typing import Any

from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer

from shared.broker import ANSWER_SECONDS
from shared.stream.handover import Handover

_QUESTION_MS = 250
# So much comes within ANSWER_SECONDS on a line of 1.7 Mbit/s.
_ANSWER_BYTES = 2 << 20


class _ImpatientThread(AIOKafkaConsumerThread):
    # One that crashed is never heard of again; Faust would wait a minute for it before the worker ends and is started anew.
    shutdown_timeout = ANSWER_SECONDS

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Connections and the fetcher, which are not there yet, are made with these.
        consumer._client._request_timeout_ms = int(ANSWER_SECONDS * 1000)
        consumer._fetch_max_wait_ms = _QUESTION_MS
        consumer._fetch_max_bytes = _ANSWER_BYTES
        return consumer


class DrainingConsumer(Consumer):
    """Faust's consumer over aiokafka, which finishes and commits first."""

    handover: Handover

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return _ImpatientThread(self, loop=self.loop, beacon=self.beacon)

    async def on_partitions_revoked(self, revoked: set[Any]) -> None:
        """Take nothing more up, wait for the batch in work, commit; then go on as Faust does."""
        if revoked and not self.should_stop:
            self.stop_flow()
            self.app.flow_control.suspend()
            self.app.flow_control.clear()
            self.handover.begin()
            await self.wait_empty()
            # A commit that was under way is waited for, but began before the last acknowledgements.
            await self.commit()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[Any], generation_id: int = 0) -> None:
        """Batches may wait again; then go on as Faust does."""
        self.handover.end()
        await super().on_partitions_assigned(assigned, generation_id)

    def leave(self, message: Any) -> None:
        """Neither acknowledge a message nor wait for it."""
        message.incref()
        self._unacked_messages.discard(message)


def drain_first(app: Any, handover: Handover) -> None:
    """Let the consumer of a Faust app, which is made when it starts, be one of these."""
    app.transport.Consumer = type("Consumer", (DrainingConsumer,), {"handover": handover})
