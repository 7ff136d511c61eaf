"""What Redis holds, made anew from the topics: after Redis lost it, or where `adrwatch windows verify` finds a difference.

The order of steps, each repeatable: one process takes the lock; all keys of the instance go; outcomes become rows again and
mentions the index of single reports, by the code that handles them live, but nothing is published; episodes of signals and older
single reports come back from the alerts that were published; deletions are handled once more, tombstones included, for one that
came while Redis was empty found nothing to take back; buckets whose windows reach back to before the topic begins are marked as
evaluated, for their counts would be too small; last comes the mark that tells workers that the windows are whole. A crash in
between leaves that mark out, and the next start begins anew.

Workers evaluate the other buckets again. That publishes nothing twice: an episode that was published is found, not opened.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from kafka import KafkaProducer
from kafka.errors import KafkaError

from services.alerting.count import Counter
from services.alerting.forget import Forgetter
from services.alerting.group import Say, committed
from services.alerting.link import RedisLink
from services.alerting.outbox import MOST, encode_episodes
from services.alerting.rows import RowStore
from services.alerting.singles import SingleReports
from services.alerting.watermark import Idleness
from shared.broker import Stored, TopicReader, connect
from shared.errors import BadMessage, DependencyAway
from shared.events import Alert, decode
from shared.redis_keys import Keys, join, split
from shared.settings import Settings
from shared.signals.episodes import Episode
from shared.signals.rules import HOUR_MS, Rules
from shared.signals.windows import to_ms
from shared.stream import Output, Record
from shared.topics import ALERTS, DELETIONS, MENTIONS, OUTCOMES, Topic, partition_of

_BATCH = 500
# The lock outlives the longest wait for a server; it is renewed with every batch.
_LOCK_MS = 60_000
_WAIT_SECONDS = 1.0


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
    link: RedisLink
    store: RowStore
    keys: Keys
    rules: Rules
    token: str


def needed(settings: Settings, rules: Rules) -> bool:
    """Whether Redis has lost the windows of an instance that has read outcomes before. Raises DependencyAway, AdrwatchError."""

    async def look() -> bool:
        link = RedisLink(settings.require("redis_url"))
        try:
            return await RowStore(link, Keys(settings.redis_prefix), rules).lost()
        finally:
            await link.close()

    return asyncio.run(look()) and any(committed(settings, OUTCOMES).values())


def rebuild(settings: Settings, rules: Rules, say: Say) -> Rebuilt | None:
    """Make everything in Redis anew; None where another process has just done it. Raises DependencyAway, AdrwatchError.

    Workers that are running must be stopped, or have found for themselves that Redis was lost.
    """
    return asyncio.run(_rebuild(settings, rules, say))


async def _rebuild(settings: Settings, rules: Rules, say: Say) -> Rebuilt | None:
    link, keys = RedisLink(settings.require("redis_url")), Keys(settings.redis_prefix)
    parts = _Parts(link, RowStore(link, keys, rules), keys, rules, uuid.uuid4().hex)
    try:
        if not await _locked(parts, say):
            return None
        try:
            return await _steps(settings, parts, say)
        finally:
            await link.run(lambda pipe: pipe.delete(keys.rebuilding))
    finally:
        await link.close()


async def _locked(parts: _Parts, say: Say) -> bool:
    """Take the lock; False where another process had it and has finished meanwhile."""
    waited = False
    while True:
        [[taken]] = await parts.link.run(
            lambda pipe: pipe.set(parts.keys.rebuilding, parts.token, nx=True, px=_LOCK_MS)
        )
        if taken:
            return not waited or await parts.store.lost()
        if not waited:
            say("another process makes the windows anew; waiting")
            waited = True
        await asyncio.sleep(_WAIT_SECONDS)


async def _steps(settings: Settings, parts: _Parts, say: Say) -> Rebuilt:
    say("letting go of what Redis holds")
    await _forget_all(parts)
    counter = Counter(parts.store, Idleness(parts.rules.time.idle_seconds.value), lambda: None, settings.future_limit)
    outcomes = await _feed(settings, parts, OUTCOMES, counter.handle, say)
    singles = SingleReports(parts.link, parts.keys, parts.rules, _send_nothing)
    mentions = await _feed(settings, parts, MENTIONS, singles.handle, say)
    alerts, signals = await _signals(settings, parts, say)
    with _Producer(settings) as send:
        deletions = await _feed(settings, parts, DELETIONS, Forgetter(parts.link, parts.store, send).handle, say)
    buckets = await _mark_partial(settings, parts)
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


async def _feed(settings: Settings, parts: _Parts, topic: Topic, handle: Any, say: Say) -> int:
    """Hand all records of a topic to its handler; those that cannot be read lie in the dead letters since they were read first."""
    read = 0
    with TopicReader(settings, topic) as reader:
        # What comes while the first pass is on its way is read in a second one, which is short.
        for _ in range(2):
            for batch in _batches(reader.to_end()):
                await handle([_record(settings, topic, stored) for stored in batch if stored.value is not None])
                await parts.link.run(lambda pipe: pipe.pexpire(parts.keys.rebuilding, _LOCK_MS))
                read += len(batch)
    say(f"{read:,} records of {topic.name(settings.topic_prefix)}")
    return read


async def _signals(settings: Settings, parts: _Parts, say: Say) -> tuple[int, int]:
    """Episodes as they were last published, and which posts they name."""
    latest: dict[str, Alert] = {}
    read = 0
    with TopicReader(settings, ALERTS) as reader:
        for stored in reader.to_end():
            read += 1
            key = (stored.key or b"").decode(errors="replace")
            latest.pop(key, None)
            try:
                if stored.value is not None:
                    latest[key] = decode(stored.value, Alert)
            except BadMessage:
                continue
    await _older_items(parts, [alert for alert in latest.values() if alert.kind == "single_report"])
    episodes: dict[tuple[str, str], list[Episode]] = {}
    for alert in latest.values():
        if alert.kind == "disproportionality":
            last = to_ms(alert.evaluated_at) - parts.rules.time.bucket_ms
            episodes.setdefault((alert.drug.id, alert.reaction.id), []).append(
                Episode(to_ms(alert.episode), last, alert)
            )

    def keep(pipe: Any) -> None:
        for (drug, reaction), found in episodes.items():
            ordered = tuple(sorted(found, key=lambda episode: episode.first_ms))
            partition = partition_of(drug, MENTIONS.partitions)
            pipe.hset(parts.keys.episodes(partition), join(drug, reaction), encode_episodes(ordered))
            for post in {post for episode in ordered for post in episode.alert.examples}:
                pipe.sadd(parts.keys.evidence(post), join(drug, reaction))
                pipe.pexpire(parts.keys.evidence(post), ALERTS.retention_ms)

    await parts.link.run(keep)
    say(f"{len(episodes):,} pairs with signals of {read:,} records of {ALERTS.name(settings.topic_prefix)}")
    return read, sum(map(len, episodes.values()))


async def _older_items(parts: _Parts, items: Sequence[Alert]) -> None:
    """Index the items that no mention is left of, so that a deletion still finds them. Their words are not known any more."""

    def look(pipe: Any) -> None:
        for item in items:
            pipe.smembers(parts.keys.singles(item.examples[0]))

    [known] = await parts.link.run(look)

    def index(pipe: Any) -> None:
        for item, members in zip(items, known, strict=True):
            if item.id not in {split(member)[0] for member in members}:
                singles = parts.keys.singles(item.examples[0])
                words = parts.keys.first(item.id, item.drug.id, item.reaction.id)
                pipe.sadd(singles, *(join(item.id, words, rule) for rule in item.rules))
                pipe.pexpire(singles, ALERTS.retention_ms)

    await parts.link.run(index)


async def _mark_partial(settings: Settings, parts: _Parts) -> int:
    """Mark the buckets whose windows reach back to before what the topic holds; the number of all buckets."""
    versions = await parts.store.versions(0, 1 << 40)
    with TopicReader(settings, OUTCOMES) as reader:
        whole = reader.is_whole()
    if whole or not versions:
        return len(versions)
    reach = max(parts.rules.time.windows_hours.value) * HOUR_MS // parts.rules.time.bucket_ms
    partial = {str(bucket): version for bucket, version in versions.items() if bucket < min(versions) + reach}

    def mark(pipe: Any) -> None:
        for partition in range(MENTIONS.partitions):
            pipe.hset(parts.keys.evaluated(partition), mapping=partial)

    await parts.link.run(mark)
    return len(versions)


def _record(settings: Settings, topic: Topic, stored: Stored) -> Record:
    name = topic.name(settings.topic_prefix)
    return Record(name, stored.partition, stored.offset, stored.key, stored.value or b"", stored.headers)


def _batches(records: Iterable[Stored]) -> Iterator[list[Stored]]:
    batch: list[Stored] = []
    for record in records:
        batch.append(record)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


async def _send_nothing(outputs: Sequence[Output]) -> None:
    """What was published once is not published again."""


class _Producer:
    """Sends and waits for the broker's acknowledgements."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer = connect(settings, KafkaProducer, acks="all", enable_idempotence=True)

    def __enter__(self) -> Callable[[Sequence[Output]], Any]:
        return self._send

    def __exit__(self, *exception: object) -> None:
        self._producer.close()

    async def _send(self, outputs: Sequence[Output]) -> None:
        try:
            sent = [
                self._producer.send(
                    output.topic.name(self._settings.topic_prefix),
                    output.value,
                    output.key.encode(),
                    partition=output.partition,
                )
                for output in outputs
            ]
            for one in sent:
                await asyncio.to_thread(one.get, _LOCK_MS / 1000)
        except KafkaError as error:
            raise DependencyAway(f"the broker did not acknowledge: {type(error).__name__}") from error
