"""What Redis holds, made anew from the topics: after Redis lost it, or where `adrwatch windows verify` finds a difference.

The order of steps, each repeatable: one process takes the lock; all keys of the instance go; outcomes become rows again, by the
code that counts them live; episodes and single reports come back from the alerts that were published (`restore.py`), and what
people have settled by closing signals from their closures; deletions are handled once more, tombstones included, for one that
came while Redis was empty found nothing to take back; buckets whose windows reach back to before the topic begins are marked as
evaluated, for their counts would be too small; last comes the mark that tells workers that the windows are whole. A crash in
between leaves that mark out, and the next start begins anew.

Workers evaluate the other buckets again. That publishes nothing twice: an episode that was published is found, not opened.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from services.alerting.close import Closer
from services.alerting.count import Counter
from services.alerting.forget import Forgetter
from services.alerting.group import committed
from services.alerting.link import HeldLock, RedisLink
from services.alerting.outbox import MOST
from services.alerting.restore import Restorer
from services.alerting.rows import RowStore
from services.alerting.watermark import Idleness
from shared.broker import Stored, TopicReader
from shared.errors import BadMessage, DependencyAway
from shared.events import Outcome, decode
from shared.groups import Say
from shared.latest_alerts import LatestAlerts
from shared.redis_keys import Keys
from shared.settings import Settings
from shared.signals.rules import HOUR_MS, Rules
from shared.signals.windows import to_ms
from shared.stream import Output, Record
from shared.topics import ALERTS, CLOSURES, DELETIONS, MENTIONS, OUTCOMES, Topic
from shared.writer import Writer

_BATCH = 500
# The lock outlives the longest wait for a server; it is renewed with every batch.
_LOCK_SECONDS = 60.0
# Of each partition that has lost its beginning: so many posts tell when it begins now, whichever of them comes late.
_FIRST_POSTS = 9


class Rebuilt(msgspec.Struct, frozen=True):
    """What was read of each topic, and how many signals and buckets Redis holds now."""

    outcomes: int
    mentions: int
    alerts: int
    deletions: int
    signals: int
    buckets: int


@dataclass
class _Parts:
    settings: Settings
    link: RedisLink
    store: RowStore
    keys: Keys
    rules: Rules
    lock: HeldLock
    say: Say


def rebuild(settings: Settings, rules: Rules, say: Say) -> Rebuilt:
    """Make everything in Redis anew. Workers that are running must be stopped, or have found out that Redis was lost.

    Raises DependencyAway, also where another process took the lock meanwhile, and AdrwatchError.
    """

    async def run() -> Rebuilt:
        async with _alone(settings, rules, say) as parts:
            return await _steps(parts)

    return asyncio.run(run())


def recover(settings: Settings, rules: Rules, say: Say) -> Rebuilt | None:
    """As `rebuild`, if Redis has lost the windows of an instance that has read outcomes before; None if it has not.

    Of several workers that start at the same time the first one does it, for all.
    """

    async def run() -> Rebuilt | None:
        async with _alone(settings, rules, say) as parts:
            return await _steps(parts) if await parts.store.lost() else None

    return asyncio.run(run()) if _lost(settings, rules) and any(committed(settings, OUTCOMES).values()) else None


def _lost(settings: Settings, rules: Rules) -> bool:
    async def look() -> bool:
        link = RedisLink.of(settings)
        try:
            return await RowStore(link, Keys(settings.redis_prefix), rules).lost()
        finally:
            await link.close()

    return asyncio.run(look())


@asynccontextmanager
async def _alone(settings: Settings, rules: Rules, say: Say) -> AsyncIterator[_Parts]:
    """What the steps need, while no other process does them."""
    link, keys = RedisLink.of(settings), Keys(settings.redis_prefix)
    try:
        lock = await link.lock(keys.rebuilding, _LOCK_SECONDS)
        if not await lock.take(wait=False):
            say("another process makes the windows anew; waiting")
            await lock.take(wait=True)
        try:
            yield _Parts(settings, link, RowStore(link, keys, rules), keys, rules, lock, say)
        finally:
            # A lock on a server that is away goes by itself.
            with suppress(DependencyAway):
                await lock.release()
    finally:
        await link.close()


async def _steps(parts: _Parts) -> Rebuilt:
    parts.say("letting go of what Redis holds")
    await _forget_all(parts)
    idleness, beginning = Idleness(parts.rules.time.idle_seconds.value), _Beginning(parts.rules)
    counter = Counter(parts.store, idleness, lambda: None, parts.settings.future_limit)

    async def count(records: list[Record]) -> None:
        beginning.see(records)
        await counter.handle(records)

    outcomes = await _feed(parts, OUTCOMES, count)
    whole_from = beginning.whole_from(_shortened(parts))
    latest, alerts = await _alerts(parts)
    restorer = Restorer(parts.link, parts.keys, parts.rules)
    signals = await restorer.episodes(latest, whole_from)
    mentions = await _feed(parts, MENTIONS, restorer.items(latest))
    await restorer.items_without_mention(latest)
    await _feed(parts, CLOSURES, Closer(parts.link, parts.keys, again=False).handle)
    with Writer(parts.settings, _LOCK_SECONDS) as writer:

        async def send(outputs: Sequence[Output]) -> None:
            await asyncio.to_thread(writer.write, outputs)

        deletions = await _feed(parts, DELETIONS, Forgetter(parts.link, parts.store, send, tells=False).handle)
    buckets = await _mark_partial(parts, whole_from)
    await parts.lock.renew()
    await parts.store.check()
    return Rebuilt(outcomes, mentions, alerts, deletions, signals, buckets)


async def _forget_all(parts: _Parts) -> None:
    names = [
        name async for name in parts.link.names(f"{parts.keys.prefix}:*") if name.decode() != parts.keys.rebuilding
    ]
    for start in range(0, len(names), MOST):
        some = names[start : start + MOST]

        def unlink(pipe: Any, some: Sequence[bytes] = some) -> None:
            for name in some:
                pipe.execute_command("UNLINK", name)

        await parts.link.run(unlink)
        await parts.lock.renew()


async def _feed(parts: _Parts, topic: Topic, handle: Callable[[list[Record]], Awaitable[Any]]) -> int:
    """Hand all records of a topic to its handler; those that cannot be read lie in the dead letters since they were read first."""
    read = 0
    with TopicReader(parts.settings, topic) as reader:
        # What comes while the first pass is on its way is read in a second one, which is short.
        for _ in range(2):
            for batch in _batches(reader.to_end()):
                await handle([_record(parts.settings, topic, stored) for stored in batch])
                await parts.lock.renew()
                read += len(batch)
    parts.say(f"{read:,} records of {topic.name(parts.settings.topic_prefix)}")
    return read


async def _alerts(parts: _Parts) -> tuple[LatestAlerts, int]:
    """The alerts as they were last published, and how many records that took."""
    latest, read = LatestAlerts(), 0
    with TopicReader(parts.settings, ALERTS) as reader:
        for batch in _batches(reader.to_end()):
            for stored in batch:
                latest.apply(stored)
            await parts.lock.renew()
            read += len(batch)
    parts.say(f"{read:,} records of {ALERTS.name(parts.settings.topic_prefix)}")
    return latest, read


class _Beginning:
    """Where the topic of outcomes begins, in event time."""

    def __init__(self, rules: Rules) -> None:
        self._bucket_ms = rules.time.bucket_ms
        self._reach = max(rules.time.windows_hours.value) * HOUR_MS // rules.time.bucket_ms
        self._firsts: dict[int, list[int]] = {}

    def see(self, records: Sequence[Record]) -> None:
        """Look at records, in their order."""
        for record in records:
            firsts = self._firsts.setdefault(record.partition, [])
            if len(firsts) < _FIRST_POSTS:
                with suppress(BadMessage):
                    firsts.append(to_ms(decode(record.value, Outcome).created_at))

    def whole_from(self, shortened: Collection[int]) -> int | None:
        """The first bucket whose windows hold no time before the beginning; None where no partition has lost anything."""
        begins = [
            statistics.median_low(firsts)
            for partition, firsts in self._firsts.items()
            if partition in shortened and firsts
        ]
        return max(begins) // self._bucket_ms + self._reach if begins else None


def _shortened(parts: _Parts) -> set[int]:
    with TopicReader(parts.settings, OUTCOMES) as reader:
        return reader.shortened()


async def _mark_partial(parts: _Parts, whole_from: int | None) -> int:
    """Mark the buckets before `whole_from` as evaluated; the number of all buckets."""
    versions = await parts.store.versions(0, 1 << 40)
    partial = {str(bucket): version for bucket, version in versions.items() if bucket < (whole_from or 0)}

    def mark(pipe: Any) -> None:
        for partition in range(MENTIONS.partitions):
            pipe.hset(parts.keys.evaluated(partition), mapping=partial)

    if partial:
        await parts.link.run(mark)
    return len(versions)


def _record(settings: Settings, topic: Topic, stored: Stored) -> Record:
    name = topic.name(settings.topic_prefix)
    return Record(
        name, stored.partition, stored.offset, stored.key, stored.value or b"", stored.headers, stored.written_ms
    )


def _batches(records: Iterable[Stored]) -> Iterator[list[Stored]]:
    batch: list[Stored] = []
    for record in records:
        batch.append(record)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
