"""Stops a stage that would make dead letters by the hundred, until a person has looked.

Whoever writes messages of another form, or a stage that has become wrong about them, would turn a whole topic into dead letters.
So where more than a limit of the last records of a partition became dead letters, the stage writes a hold into `adr.holds` and
waits. The batch in hand stays uncommitted, so nothing is lost, and a worker that is started again finds the hold and waits too.
`adrwatch dead-letters resume` lets it go on, with the first batch whatever becomes of it: else it would never get past one.

A worker reads its partitions in one loop, so it stands still for all of its own; workers of other partitions go on. It says so at
`/health/ready`, and gives the batch up when its partitions are handed over (shared.stream.handover). What was sent back from the
dead letters does not count: it is known already.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from typing import Protocol

from shared import metrics
from shared.errors import BadMessage
from shared.events import Hold, decode, now
from shared.followed import Followed
from shared.health import HEALTH
from shared.logs import logger
from shared.settings import Settings
from shared.stream.handover import Handover
from shared.topics import ATTEMPT_HEADER, HOLDS

log = logger("stream")

_LOOK_SECONDS = 0.5
_FIX = "mend the cause, then: adrwatch dead-letters resume"


class Coming(Protocol):
    """As much as the gate needs to know of a record."""

    @property
    def topic(self) -> str: ...  # noqa: D102

    @property
    def partition(self) -> int: ...  # noqa: D102

    @property
    def headers(self) -> tuple[tuple[str, bytes], ...]: ...  # noqa: D102


def key(stage: str, topic: str, partition: int) -> str:
    """The key of a hold."""
    return f"{topic}:{partition}:{stage}"


def take(found: dict[str, Hold], name: str, value: bytes | None) -> None:
    """A record of `adr.holds` into what was found so far. Raises BadMessage."""
    if value is None:
        found.pop(name, None)
    else:
        found[name] = decode(value, Hold)


class Holds:
    """The holds of all stages, as they are now."""

    def __init__(self, settings: Settings) -> None:
        self._found: dict[str, Hold] = {}
        self._followed = Followed(settings, HOLDS, take, self._use, threading.Event())

    def start(self) -> None:
        """Wait for what there is, then follow it. Raises what Followed.start raises."""
        self._followed.start()

    def of(self, name: str) -> Hold | None:
        """The last hold under this key, in force or released."""
        return self._found.get(name)

    def _use(self, found: dict[str, Hold]) -> None:
        self._found = found


class Gate:
    """Whether one stage of one worker may go on. `limit` of the last `window` records of a partition may be dead letters."""

    def __init__(
        self, stage: str, worker: str, holds: Holds, *, limit: int, window: int, handover: Handover | None = None
    ) -> None:
        self._stage = stage
        self._worker = worker
        self._holds = holds
        self._limit = limit
        # Of each record whether it became a dead letter, and why.
        self._last: dict[int, deque[str | None]] = defaultdict(lambda: deque(maxlen=window))
        # Partitions of which the batch in hand passes whatever becomes of it.
        self._let_go: set[int] = set()
        self._handover = handover or Handover()
        self._part = f"stage {stage}"
        self._waits_for: Hold | None = None
        # A restart does not help, and the roll-out of what mends it is not to wait for it.
        HEALTH.needs(self._part, _FIX, needed=False)

    def tell(self) -> None:
        """Say for `/health/ready` whether the stage stands still; again and again, as what says nothing counts as missing."""
        hold = self._waits_for
        if hold is None:
            HEALTH.answered(self._part)
        else:
            HEALTH.away(
                self._part,
                f"stands still at partition {hold.partition} of {hold.topic}:"
                f" {hold.dead} of its last {hold.read} records became dead letters",
            )

    async def pass_in(self, records: Sequence[Coming]) -> None:
        """Wait until no partition of a new batch is held."""
        self._let_go.clear()
        for topic, partition in {(record.topic, record.partition): None for record in records}:
            hold = self._holds.of(key(self._stage, topic, partition))
            if hold is not None and hold.released_at is None:
                await self.released(hold)

    def count(self, records: Sequence[Coming], bad: Sequence[tuple[Coming, BadMessage]]) -> list[Hold]:
        """Take in what becomes of records; the holds that come of it, which are to be written, and waited for by `released`."""
        reasons = {id(record): reason.reason for record, reason in bad}
        counted = [record for record in records if all(name != ATTEMPT_HEADER for name, _ in record.headers)]
        topics: dict[int, str] = {}
        for record in counted:
            self._last[record.partition].append(reasons.get(id(record)))
            topics[record.partition] = record.topic
        holds = [
            hold
            for partition, topic in topics.items()
            if partition not in self._let_go and (hold := self._hold(topic, partition)) is not None
        ]
        if holds:
            # All of them are handled anew, and counted then: else a partition within its limit would come above it.
            for record in counted:
                if last := self._last[record.partition]:
                    last.pop()
        return holds

    async def released(self, hold: Hold) -> None:
        """Wait until a person lets the stage go on at the hold's partition. Raises GivenUp."""
        log.error(
            "stands still for its dead letters", stage=hold.stage, topic=hold.topic, partition=hold.partition,
            dead=hold.dead, read=hold.read, reasons=hold.reasons, since=hold.since.isoformat(),
            fix=_FIX,
        )  # fmt: skip
        paused = metrics.STAGE_PAUSED.labels(self._stage, str(hold.partition))
        paused.set(1)
        self._waits_for = hold
        self.tell()
        name = key(hold.stage, hold.topic, hold.partition)
        try:
            # It changes in the thread that follows the topic.
            while not ((last := self._holds.of(name)) and last.since >= hold.since and last.released_at is not None):
                await self._handover.sleep(_LOOK_SECONDS)
        finally:
            paused.set(0)
            self._waits_for = None
            self.tell()
            self._last.pop(hold.partition, None)
        self._let_go.add(hold.partition)
        log.info("goes on", stage=hold.stage, topic=hold.topic, partition=hold.partition)

    def _hold(self, topic: str, partition: int) -> Hold | None:
        last = self._last[partition]
        reasons = Counter(reason for reason in last if reason is not None)
        if reasons.total() <= self._limit:
            return None
        return Hold(
            stage=self._stage, topic=topic, partition=partition, since=now(), dead=reasons.total(), read=len(last),
            reasons=dict(reasons.most_common()), worker=self._worker,
        )  # fmt: skip
