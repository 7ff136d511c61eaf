"""Signals that a person closed: what was reported up to there is settled. The agent on adr.closures.

Order of steps, each repeatable: what is settled is noted, with the time from which the owner of the pair must evaluate again, for a
report that came after the person looked may have joined the episode; only then is the owner asked to look.
"""

from __future__ import annotations

from typing import Any

from services.alerting.link import RedisLink
from shared.errors import BadMessage
from shared.events import Closure, decode
from shared.redis_keys import Keys, join
from shared.signals.windows import to_ms
from shared.stream import BatchResult, Record
from shared.topics import MENTIONS, partition_of


class Closer:
    """Handles micro-batches of closures. Without `again` nothing is evaluated again: while all windows are made anew."""

    def __init__(self, link: RedisLink, keys: Keys, *, again: bool = True) -> None:
        self._link = link
        self._keys = keys
        self._again = again

    async def handle(self, records: list[Record]) -> BatchResult:
        """Note the closures. One that is older than what is known changes nothing. Raises DependencyAway."""
        result = BatchResult()
        closures: list[Closure] = []
        for record in records:
            try:
                closures.append(decode(record.value, Closure))
            except BadMessage as error:
                result.bad.append((record, error))

        def note(pipe: Any) -> None:
            for closure in closures:
                partition, until = partition_of(closure.drug.id, MENTIONS.partitions), to_ms(closure.evidence_until)
                pair = join(closure.drug.id, closure.reaction.id)
                pipe.zadd(self._keys.settled(partition), {pair: until}, gt=True)
                if self._again:
                    pipe.sadd(self._keys.reopened(partition), until)

        if closures:
            await self._link.run(note, lambda pipe: pipe.incr(self._keys.changes))
        return result
