"""The instance's event time, kept in Redis: what each worker knows of its partitions, put together.

A partition that holds nothing must not hold all others back. When for the rules' time it had nothing unread, no post of it was on
its way through the pipeline, and others were ahead, its owner writes it as far as the furthest one. What it is written as is what
was known before the owner looked: a post that is published only after that comes later in event time, give or take
the allowed lateness. So a word that is old, or a worker that is slow, can hold event time back but never make it run ahead.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.alerting.link import RedisLink
from services.alerting.outbox import Stream
from services.alerting.upstream import Upstream
from services.alerting.watermark import Idleness, behind, watermark
from shared import metrics
from shared.redis_keys import Keys
from shared.signals.rules import Rules
from shared.topics import MENTIONS, OUTCOMES


@dataclass(frozen=True)
class Moment:
    """Event time as it stands: buckets before `closed` are closed, those before `kept_from` let go (ms; None: not known yet).

    `changes` rises when any row may have changed.
    """

    closed: int | None
    kept_from: int | None
    changes: int


class EventClock:
    """Reads and advances the instance's event time."""

    def __init__(
        self,
        link: RedisLink,
        keys: Keys,
        rules: Rules,
        stream: Stream,
        idleness: Idleness,
        upstream: Upstream,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._link = link
        self._keys = keys
        self._rules = rules
        self._stream = stream
        self._idleness = idleness
        self._upstream = upstream
        self._monotonic = monotonic
        self._moment = Moment(None, None, 0)

    def kept_from(self) -> int | None:
        """The start of the first bucket that is kept, as of the last look."""
        return self._moment.kept_from

    async def look(self) -> Moment:
        """Put together what all workers know, and bring this worker's idle partitions up to it. Raises DependencyAway."""
        keys = self._keys

        def read(pipe: Any) -> None:
            pipe.zrange(keys.watermark, 0, -1, withscores=True)
            pipe.hgetall(keys.evaluated_until)
            pipe.get(keys.changes)

        [[scores, until, changes]] = await self._link.run(read)
        latest = {name.decode(): int(score) for name, score in scores}
        stood = latest.pop("closed", None)
        known = {int(name): at for name, at in latest.items()}
        known |= await self._catch_up(known)
        mark = watermark(known, OUTCOMES.partitions)
        closed = stood
        if mark is not None:
            metrics.WATERMARK.set(mark / 1000)
            reached = self._rules.time.closed_until(mark)
            if stood is None or reached > stood:
                closed = reached
                await self._link.run(lambda pipe: pipe.zadd(keys.watermark, {"closed": reached}, gt=True))
        kept_from = None
        if len(until) == MENTIONS.partitions:
            kept_from = self._rules.time.kept_from(min(map(int, until.values())))
        self._moment = Moment(closed, kept_from, int(changes or 0))
        return self._moment

    async def _catch_up(self, known: dict[int, int]) -> dict[int, int]:
        """Write the idle ones of this worker's partitions as far as the furthest one is known to be."""
        assigned, now = self._stream.assigned(OUTCOMES), self._monotonic()
        late = behind(known, assigned)
        for partition in assigned - late:
            self._idleness.busy(partition, now)
        drained = await self._upstream.drained(late) if late else set()
        idle = self._idleness.idle(assigned, lambda p: p in drained and self._stream.at_end(OUTCOMES, p), now)
        reached = dict.fromkeys(idle, max(known.values(), default=0))
        if reached:
            scores = {str(partition): at for partition, at in reached.items()}
            await self._link.run(lambda pipe: pipe.zadd(self._keys.watermark, scores, gt=True))
        return reached
