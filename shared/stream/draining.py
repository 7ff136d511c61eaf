"""A consumer that commits what is handled before its partitions are shared out anew.

Faust 0.15.3 forgets which messages were acknowledged as soon as it hears of a rebalance, and commits only after that. What was
handled since the last commit (half a second of work, in every worker of the group) would be handled again by whoever gets the
partitions. Nothing is lost by that, and every effect is keyed; but it is work, and readers of the topics see it twice.
"""

from __future__ import annotations

from typing import Any

from faust.transport.drivers.aiokafka import Consumer

from shared.stream.handover import Handover


class DrainingConsumer(Consumer):
    """Faust's consumer over aiokafka, which finishes and commits first."""

    handover: Handover

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
