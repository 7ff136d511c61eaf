"""The instance's event time, kept in Redis: what each worker knows of its partitions, put together."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.alerting.link import RedisLink
from services.alerting.outbox import Stream
from services.alerting.watermark import Idleness, watermark
from shared import metrics
from shared.redis_keys import Keys
from shared.signals.rules import Rules
from shared.topics import MENTIONS, OUTCOMES

# How long an idle partition is vouched for, in ms: some looks longer than the task's period, so that one slow look does not
# hold the watermark back; a dead worker's word is soon worth nothing.
VOUCHED_MS = 10_000


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
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._link = link
        self._keys = keys
        self._rules = rules
        self._stream = stream
        self._idleness = idleness
        self._monotonic = monotonic
        self._moment = Moment(None, None, 0)

    def kept_from(self) -> int | None:
        """The start of the first bucket that is kept, as of the last look."""
        return self._moment.kept_from

    async def look(self) -> Moment:
        """Vouch for this worker's idle partitions, and put together what all workers know."""
        keys, partitions = self._keys, range(OUTCOMES.partitions)
        idle = self._idleness.idle(
            self._stream.assigned(OUTCOMES), lambda p: self._stream.at_end(OUTCOMES, p), self._monotonic()
        )

        def vouch(pipe: Any) -> None:
            for partition in idle:
                pipe.set(keys.idle(partition), 1, px=VOUCHED_MS)

        def read(pipe: Any) -> None:
            pipe.zrange(keys.watermark, 0, -1, withscores=True)
            pipe.hgetall(keys.evaluated_until)
            pipe.get(keys.changes)
            for partition in partitions:
                pipe.exists(keys.idle(partition))

        _, [scores, until, changes, *vouched] = await self._link.run(vouch, read)
        latest = {name.decode(): int(score) for name, score in scores}
        stood = latest.pop("closed", None)
        known = {int(name): at for name, at in latest.items()}
        mark = watermark(known, {p for p, is_idle in zip(partitions, vouched, strict=True) if is_idle}, len(partitions))
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
