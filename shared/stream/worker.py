"""A Faust worker with the settings and the acknowledgement rules that keep every record.

Faust's own batching acknowledges a batch whatever leaves the loop's body, an exception or a cancellation included, and the
next commit then loses it. So bodies here let nothing but cancellation out, and on the way out they keep a
reference on each unfinished message, which keeps its offset uncommitted. `tests/faults` holds the proof.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import faust
from aiokafka.errors import KafkaError

from shared import logs, rights, traces
from shared.broker import ANSWER_SECONDS, SESSION_SECONDS, require_topics
from shared.broker_security import faust_credentials, unacknowledged
from shared.broker_watch import BrokerWatch, Place
from shared.errors import DependencyAway
from shared.health import HEALTH, LOOP_SECONDS
from shared.settings import Settings
from shared.stream import loop as loops
from shared.stream.batches import BatchHandler, BatchRunner, OnPoison, Output, Record, no_more
from shared.stream.consumer import drain_first
from shared.stream.gate import Gate, Holds
from shared.stream.handover import GivenUp, Handover
from shared.stream.membership import Membership
from shared.stream.standing import Progress, Standing
from shared.stream.stopping import LOOP, StoppingWorker
from shared.topics import Topic

log = logs.logger("worker")

_TURN_SECONDS = 1.0


class Worker:
    """One process of a service: builds the Faust app, runs agents over topics and periodic tasks until it is told to stop."""

    def __init__(self, service: str, settings: Settings) -> None:
        self.settings = settings
        self.service = service
        self._topics: list[Topic] = []
        self._stages: dict[str, str] = {}
        self._holds = Holds(settings)
        self._gates: list[Gate] = []
        self._handover = Handover()
        self._done: dict[tuple[str, int], int] = defaultdict(int)
        group = f"{settings.topic_prefix}.{service}"
        self.app: Any = faust.App(
            group,
            broker=[f"kafka://{address}" for address in settings.require("kafka_bootstrap").split(",")],
            broker_credentials=faust_credentials(settings),
            broker_client_id=f"adrwatch-{service}-{settings.worker_id}",
            # A worker that comes back under its name gets its partitions back without a rebalance.
            consumer_group_instance_id=f"{group}-{settings.worker_id}",
            consumer_auto_offset_reset="earliest",
            broker_commit_interval=0.5,
            broker_session_timeout=SESSION_SECONDS,
            broker_heartbeat_interval=3.0,
            # What Faust demands; requests themselves wait for ANSWER_SECONDS (`consumer.py`).
            broker_request_timeout=SESSION_SECONDS,
            producer_request_timeout=ANSWER_SECONDS,
            # Nor is a connection used again on which nothing was sent for as long as reading anew takes.
            producer_connections_max_idle_ms=int(ANSWER_SECONDS * 1000),
            # A batch that waits for a server that is away is not a dead consumer.
            broker_max_poll_interval=24 * 3600.0,
            producer_acks=-1,
            producer_linger=0.005,
            producer_compression_type="gzip",
            stream_wait_empty=True,
            stream_buffer_maxsize=settings.batch_size * 4,
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_enabled=False,
            worker_redirect_stdouts=False,
            store="memory://",
            datadir=str(settings.data_dir / "faust" / f"{service}-{settings.worker_id}"),
        )
        self._standing = Standing(self._stages, self._progress)
        drain_first(self.app, self._handover)
        Membership(self.app, settings, service).keep()

    def batch_agent(self, topic: Topic, handle: BatchHandler, *, stage: str, on_poison: OnPoison = no_more) -> None:
        """Read `topic` in micro-batches of the settings' size and wait, one batch in flight."""
        self._topics.append(topic)
        self._stages[topic.name(self.settings.topic_prefix)] = stage
        settings = self.settings
        gate = None
        if settings.dead_letter_limit:
            gate = Gate(
                stage, settings.worker_id, self._holds,
                limit=settings.dead_letter_limit, window=settings.dead_letter_window,
                handover=self._handover,
            )  # fmt: skip
            self._gates.append(gate)
        runner = BatchRunner(
            stage,
            handle,
            self.send,
            retry_first=settings.retry_first,
            retry_most=settings.retry_most,
            on_poison=on_poison,
            gate=gate,
            handover=self._handover,
        )
        channel = self.app.topic(
            topic.name(settings.topic_prefix), value_type=bytes, value_serializer="raw", key_serializer="raw"
        )

        async def consume(stream: Any) -> None:
            async for events in stream.take_events(settings.batch_size, within=settings.batch_wait):
                messages = [event.message for event in events]
                try:
                    await runner.run([_record(message) for message in messages])
                except GivenUp:
                    for message in messages:
                        self.app.consumer.leave(message)
                    continue
                except BaseException:
                    for message in messages:
                        message.incref()
                    raise
                for message in messages:
                    place = (message.topic, message.partition)
                    self._done[place] = max(self._done[place], message.offset + 1)

        self.app.agent(channel, name=f"{self.service}.{stage}", concurrency=1)(consume)

    def every(self, seconds: float, task: Callable[[], Awaitable[None]], *, name: str) -> None:
        """Run `task` again and again, `seconds` apart. A dependency that is away is logged and tried again next time."""

        async def tick() -> None:
            try:
                await task()
            except DependencyAway as error:
                log.warning("dependency away, trying again", task=name, error=str(error))

        self.app.timer(seconds, name=f"{self.service}.{name}")(tick)

    def assigned(self, topic: Topic) -> frozenset[int]:
        """The partitions of `topic` that this worker owns now."""
        name = topic.name(self.settings.topic_prefix)
        return frozenset(tp.partition for tp in self.app.consumer.assignment() if tp.topic == name)

    def at_end(self, topic: Topic, partition: int) -> bool:
        """Whether this worker's group has handled all that the partition holds. False until the broker has told its end."""
        name = topic.name(self.settings.topic_prefix)
        consumer = self.app.consumer
        for tp in consumer.assignment():
            if (tp.topic, tp.partition) == (name, partition):
                end = consumer.highwater(tp)
                # After a restart at the partition's end nothing is handled, but an earlier commit says how far it went.
                before = consumer._committed_offset.get(tp) or 0
                return end is not None and end <= max(self._done[name, partition], before)
        return False

    async def send(self, outputs: Sequence[Output]) -> None:
        """Write messages and return once the broker has acknowledged every one. Raises DependencyAway if it does not."""
        try:
            # The application's producer is used below Faust's topics: their send machinery costs a third of the throughput.
            with traces.call("send", sends=True, messaging_system="kafka", adrwatch_topics=_topics(outputs)):
                waiting = [
                    await self.app.producer.send(
                        output.topic.name(self.settings.topic_prefix),
                        output.key.encode(),
                        output.value,
                        output.partition,
                        None,
                        list(output.headers) or None,
                    )
                    for output in outputs
                ]
                await asyncio.gather(*waiting)
        except (KafkaError, faust.exceptions.FaustError, OSError) as error:
            raise unacknowledged(error.__cause__ or error) from error

    def _watch(self) -> None:
        """Say how the worker stands, for the port of its metrics."""
        BrokerWatch(self.settings, self._standing.places, self._standing.tell).start()

        async def turn() -> None:
            HEALTH.turning(LOOP_SECONDS, LOOP)
            for gate in self._gates:
                gate.tell()

        async def assigned(_app: object, partitions: Any, **_: object) -> None:
            self._standing.assigned(
                frozenset((one.topic, one.partition) for one in partitions if one.topic in self._stages)
            )

        async def revoked(_app: object, _partitions: object, **_: object) -> None:
            self._standing.revoked()

        self.app.timer(_TURN_SECONDS, name=f"{self.service}.turn")(turn)
        self.app.on_partitions_assigned.connect(assigned)
        self.app.on_partitions_revoked.connect(revoked)

    def _progress(self, place: Place) -> Progress:
        """How far the group has come in a partition of this worker."""
        for tp, committed in list(self.app.consumer._committed_offset.items()):
            if (tp.topic, tp.partition) == place:
                return Progress(self._done.get(place), committed)
        return Progress(self._done.get(place), None)

    def run(self) -> None:
        """Run until SIGTERM or SIGINT; finishes the batch in flight first. Does not return."""
        settings = self.settings
        logs.configure(self.service, settings.log_level)
        traces.configure(self.service, settings)
        # A consumer of a missing topic would make the broker create it, with other partitions and without compaction.
        require_topics(settings, self._topics)
        rights.check(settings, self.service)
        if settings.dead_letter_limit:
            self._holds.start()
        Path(self.app.conf.datadir).mkdir(parents=True, exist_ok=True)
        self._watch()
        HEALTH.started()
        loops.install()
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        worker = StoppingWorker(self.app, loop=loop, loglevel=settings.log_level, redirect_stdouts=False, quiet=True)
        worker.stop_grace, worker.handover = settings.stop_grace, self._handover
        log.info("worker starts", worker=settings.worker_id)
        worker.execute_from_commandline()


def _topics(outputs: Sequence[Output]) -> str:
    return ",".join(sorted({output.topic.suffix for output in outputs}))


def _record(message: Any) -> Record:
    return Record(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        value=message.value,
        headers=tuple(message.headers or ()),
        written_ms=round((message.timestamp or 0) * 1000),
    )
