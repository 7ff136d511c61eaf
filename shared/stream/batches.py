"""One micro-batch from its records to its acknowledged outputs: retries, bisection, dead letters.

Knows no broker: `send` is given. The order of steps for every batch:

1. the handler computes outputs and names the records it refuses; where these are too many, the batch waits for a person
   and is handled anew (shared.stream.gate);
2. outputs and dead letters are sent, and the broker's acknowledgement of each is awaited;
3. what may only be written after that (tombstones of what was read) is sent and acknowledged;
4. only then does `run` return, and the caller may let the source offsets be committed.

A message that no broker takes for its size would be sent for ever: a record that leads to one is refused as `too-large`, and
a dead letter that is one keeps the beginning of its payload only.

A crash at any point repeats the batch; outputs carry derived ids, so a repeat changes nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
from msgspec.structs import replace
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from shared import metrics, traces
from shared.errors import AccessRefused, BadMessage, DependencyAway
from shared.events import DeadLetter, Hold, encode, now
from shared.logs import logger
from shared.stream.gate import Gate, key
from shared.stream.handover import GivenUp, Handover
from shared.topics import CUT_HEADER, DEAD_LETTERS, HOLDS, MOST_BYTES, Topic

log = logger("stream")

# Bytes of a payload and of a key that a dead letter keeps when it would be too large with all of them.
_KEPT_PAYLOAD = MOST_BYTES // 2
_KEPT_KEY = 1_000


@dataclass(frozen=True)
class Record:
    """One message as it lay in its topic. `headers` go along into a dead letter; `written_ms` is since 1970, 0 where not known."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    written_ms: int = 0


class Output(msgspec.Struct, frozen=True):
    """One message to write. `value` None is a tombstone; without `partition` the key's hash decides."""

    topic: Topic
    key: str
    value: bytes | None
    partition: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def size(self) -> int:
        """Bytes of the message, as far as they depend on what it holds."""
        headers = sum(len(name.encode()) + len(value or b"") for name, value in self.headers)
        return len(self.key.encode()) + len(self.value or b"") + headers


@dataclass
class BatchResult:
    """What a handler made of a batch: messages to write, records it refuses with the reason, and messages to write `after` all
    others are acknowledged.
    """

    outputs: list[Output] = field(default_factory=list)
    bad: list[tuple[Record, BadMessage]] = field(default_factory=list)
    after: list[Output] = field(default_factory=list)


T = TypeVar("T")
BatchHandler = Callable[[list[Record]], Awaitable[BatchResult]]
Send = Callable[[Sequence[Output]], Awaitable[None]]
# What becomes of a record that no handler refused and that made the handler fail: for a post, its outcome as well.
OnPoison = Callable[[Record, BadMessage], BatchResult]


def no_more(record: Record, reason: BadMessage) -> BatchResult:
    """The default of `on_poison`: the dead letter is all there is to say."""
    return BatchResult(bad=[(record, reason)])


class BatchRunner:
    """Runs a handler over batches; returns only when every output and dead letter is acknowledged.

    DependencyAway from the handler or from `send` is retried for ever with back-off and jitter, for the dependency's absence is
    no fault of the batch. Any other exception halves the batch until the record that causes it stands alone; that
    one becomes a dead letter. Nothing but cancellation leaves `run`, and GivenUp, where it would wait during a `handover`.
    """

    def __init__(
        self,
        stage: str,
        handle: BatchHandler,
        send: Send,
        *,
        retry_first: float,
        retry_most: float,
        on_poison: OnPoison = no_more,
        gate: Gate | None = None,
        handover: Handover | None = None,
    ) -> None:
        self.stage = stage
        self._handle = handle
        self._send = send
        self._on_poison = on_poison
        self._gate = gate
        self._handover = handover or Handover()
        self._retry_first = retry_first
        self._retry_most = retry_most

    async def run(self, records: list[Record]) -> None:
        """Handle the batch to its end (see the module's order of steps). Raises GivenUp."""
        self._handover.check()
        if self._gate is not None:
            await self._gate.pass_in(records)
        metrics.BATCH_SIZE.labels(self.stage).observe(len(records))
        metrics.RECORDS_IN.labels(self.stage, records[0].topic).inc(len(records))
        running, timed = metrics.BATCHES.labels(self.stage), metrics.BATCH_SECONDS.labels(self.stage)
        with running.track_inprogress(), timed.time(), traces.batch(self.stage, records):
            try:
                await self._run(records)
            except GivenUp:
                # Nothing waits here any more; whoever has the partitions now will say what is away.
                metrics.DEPENDENCY_UP.labels(self.stage).set(1)
                raise

    async def _run(self, records: list[Record]) -> None:
        try:
            result = await self._retrying(lambda: self._handle(records))
            _check_sizes(result.outputs)
        except GivenUp:
            raise
        except Exception as error:  # noqa: BLE001 - the boundary of the agent: Faust would acknowledge and lose the batch
            if len(records) > 1:
                middle = len(records) // 2
                await self._run(records[:middle])
                await self._run(records[middle:])
                return
            result = self._poison(records[0], error)
        if self._gate is not None and (holds := self._gate.count(records, result.bad)):
            await self._stand_still(self._gate, holds)
            # The cause may be mended by now.
            await self._run(records)
            return
        outputs = result.outputs + [dead_letter(self.stage, record, reason) for record, reason in result.bad]
        for step in (outputs, result.after):
            if step:
                await self._retrying(functools.partial(self._send, step))
        for output in outputs + result.after:
            metrics.RECORDS_OUT.labels(self.stage, output.topic.suffix).inc()

    async def _stand_still(self, gate: Gate, holds: Sequence[Hold]) -> None:
        outputs = [Output(HOLDS, key(one.stage, one.topic, one.partition), encode(one)) for one in holds]
        await self._retrying(functools.partial(self._send, outputs))
        for hold in holds:
            await gate.released(hold)

    def _poison(self, record: Record, error: Exception) -> BatchResult:
        if isinstance(error, BadMessage):
            reason = error
        else:
            log.error("poison record", stage=self.stage, topic=record.topic, partition=record.partition,
                      offset=record.offset, error=type(error).__name__)  # fmt: skip
            reason = BadMessage(f"error:{type(error).__name__}", f"{self.stage} failed: {type(error).__name__}")
        return self._on_poison(record, reason)

    async def _retrying(self, call: Callable[[], Awaitable[T]]) -> T:
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(DependencyAway),
            wait=wait_random_exponential(multiplier=self._retry_first, max=self._retry_most),
            before_sleep=self._note_retry,
            sleep=self._handover.sleep,
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                result = await call()
        metrics.DEPENDENCY_UP.labels(self.stage).set(1)
        return result

    def _note_retry(self, state: RetryCallState) -> None:
        metrics.RETRIES.labels(self.stage).inc()
        metrics.DEPENDENCY_UP.labels(self.stage).set(0)
        error = state.outcome.exception() if state.outcome else None
        note = log.error if isinstance(error, AccessRefused) else log.warning
        note("dependency away, trying again", stage=self.stage, attempt=state.attempt_number,
             error=getattr(error, "message", str(error)), fix=getattr(error, "fix", ""))  # fmt: skip


def dead_letter(stage: str, record: Record, reason: BadMessage) -> Output:
    """The dead letter of a record that a stage refuses; counted in the metrics."""
    metrics.DEAD_LETTERS.labels(stage, reason.reason).inc()
    letter = DeadLetter(
        id=f"{record.topic}:{record.partition}:{record.offset}:{stage}",
        reason=reason.reason,
        detail=reason.message,
        stage=stage,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        occurred_at=now(),
        payload=record.value or b"",
        key=record.key,
    )
    output = Output(DEAD_LETTERS, letter.id, encode(letter), headers=record.headers)
    return output if output.size <= MOST_BYTES else _cut(letter)


def _check_sizes(outputs: Sequence[Output]) -> None:
    for output in outputs:
        if output.size > MOST_BYTES:
            raise BadMessage(
                "too-large", f"what was made of it for {output.topic.suffix} has {output.size} bytes, {MOST_BYTES} fit"
            )


def _cut(letter: DeadLetter) -> Output:
    """The dead letter with what fits; the message itself stays in its topic for as long as that retains it."""
    size = len(letter.payload)
    short = replace(
        letter,
        detail=f"{letter.detail[:_KEPT_KEY]}; cut, the message has {size} bytes",
        payload=letter.payload[:_KEPT_PAYLOAD],
        key=letter.key[:_KEPT_KEY] if letter.key is not None else None,
    )
    return Output(DEAD_LETTERS, short.id, encode(short), headers=((CUT_HEADER, str(size).encode()),))
