"""Rules on closed buckets: the periodic task that finds what to evaluate, evaluates it and publishes.

A bucket is evaluated when it has closed and its version is not the one that was evaluated last. A change of a bucket that was
evaluated before (a report that came late, a deletion) re-opens it and the later ones whose windows reach back to it; the closing
of a signal re-opens those that the person who closed it did not see. They are unmarked first, so that a crash does not lose
them. Every step repeats without effect: another worker can take over anywhere.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping

from services.alerting.clock import EventClock, Moment
from services.alerting.history import History
from services.alerting.link import RedisLink
from services.alerting.outbox import LostPartitionError, Partition, Stream
from services.alerting.rows import RowStore
from services.alerting.signals import SignalPublisher
from shared import metrics, traces
from shared.errors import AdrwatchError
from shared.logs import logger
from shared.redis_keys import Keys
from shared.signals.findings import Finding, evaluate
from shared.signals.rules import HOUR_MS, Rules
from shared.topics import MENTIONS, partition_of

log = logger("evaluate")
# Buckets evaluated between two notes of progress.
CHUNK = 50


def stale(versions: Mapping[int, int], evaluated: Mapping[int, int], reach: int) -> list[int]:
    """The buckets to evaluate, in order: those whose version was not evaluated, and those less than `reach` buckets later.

    `versions` are the closed buckets in order. The windows of a bucket hold the `reach` buckets up to itself.
    """
    result, changed = [], None
    for bucket, version in versions.items():
        if evaluated.get(bucket) != version:
            changed = bucket
        if changed is not None and bucket - changed < reach:
            result.append(bucket)
    return result


class Evaluator:
    """Evaluates the drugs of the partitions of adr.mentions that this worker owns."""

    def __init__(self, link: RedisLink, store: RowStore, rules: Rules, stream: Stream, clock: EventClock) -> None:
        self._link = link
        self._store = store
        self._keys: Keys = store.keys
        self._rules = rules
        self._stream = stream
        self._clock = clock
        self._history = History(store, rules)
        self._publisher = SignalPublisher(link, store, rules)
        self._held: dict[int, Partition] = {}
        self._done: tuple[Moment, frozenset[int]] | None = None
        self._checked = False

    async def tick(self) -> None:
        """Evaluate all that has become due since the last time. Raises DependencyAway; the next time goes on from there."""
        if not self._checked:
            await self._store.check()
            self._checked = True
        elif await self._store.lost():
            # Counts of what came since would be far too small; a worker that starts makes the windows anew.
            raise AdrwatchError(
                "Redis has lost the windows, or partitions were raised",
                fix="start the worker again, or run `adrwatch windows rebuild`",
            )
        try:
            await self._tick()
        except LostPartitionError:
            log.info("another worker has taken a partition")
            self._held, self._done = {}, None
        except BaseException:
            # Redis may hold more than the partitions know: they are taken anew.
            self._held, self._done = {}, None
            raise

    async def _tick(self) -> None:
        moment = await self._clock.look()
        owned = self._stream.assigned(MENTIONS)
        self._held = {number: partition for number, partition in self._held.items() if number in owned}
        for number in sorted(owned - self._held.keys()):
            partition = Partition(number, self._link, self._keys, self._stream)
            await partition.take()
            await partition.flush()
            self._held[number] = partition
        if moment.closed is None or (moment, owned) == self._done:
            return
        with metrics.EVALUATION_SECONDS.time(), traces.root("evaluate"):
            await self._evaluate(moment, moment.closed)
        self._done = (moment, owned)

    async def _evaluate(self, moment: Moment, closed: int) -> None:
        bucket_ms = self._rules.time.bucket_ms
        first, end = (moment.kept_from or 0) // bucket_ms, closed // bucket_ms
        reach = max(self._rules.time.windows_hours.value) * HOUR_MS // bucket_ms
        # Before the rows: what is asked for has left the rows that are read then.
        to_amend = {number: await partition.to_amend() for number, partition in self._held.items()}
        versions = await self._history.refresh(first, end)
        reposts, near_duplicates = self._history.ledger.linked()
        metrics.LINKED.labels("repost").set(reposts)
        metrics.LINKED.labels("near_duplicate").set(near_duplicates)
        due: dict[int, set[int]] = {}
        for partition in self._held.values():
            await partition.reopen(bucket_ms)
            asked = to_amend[partition.number]
            await self._publisher.amend(partition, asked, self._history.ledger, moment.kept_from)
            buckets = due[partition.number] = set(stale(versions, partition.evaluated, reach))
            metrics.REOPENED.inc(len(buckets & partition.evaluated.keys()))
            await partition.unmark({bucket for bucket in partition.evaluated if bucket in buckets or bucket < first})
        # Windows of buckets before this one reach back to rows that are gone.
        whole = first + reach - 1 if moment.kept_from is not None else first
        ordered = sorted(set().union(*due.values()))
        for start in range(0, len(ordered), CHUNK):
            part = ordered[start : start + CHUNK]
            found = await asyncio.to_thread(self._findings, [bucket for bucket in part if bucket >= whole], due)
            for partition in self._held.values():
                for findings in found:
                    mine = [finding for finding in findings if _partition(finding.drug) == partition.number]
                    await self._publisher.record(partition, mine)
                await partition.mark({bucket: versions[bucket] for bucket in part if bucket in due[partition.number]})
        await self._finish(moment, closed)

    def _findings(self, buckets: list[int], due: Mapping[int, set[int]]) -> list[list[Finding]]:
        """The findings of each bucket, for the drugs of the partitions in which it is due."""
        ledger, bucket_ms = self._history.ledger, self._rules.time.bucket_ms
        result = []
        for bucket in buckets:
            wanted = {number for number, found in due.items() if bucket in found}
            mine = functools.partial(_belongs, wanted)
            result.append(evaluate(ledger, (bucket + 1) * bucket_ms, self._rules, mine))
        return result

    async def _finish(self, moment: Moment, closed: int) -> None:
        """Say how far all signals are published, and let go of the buckets that no window needs any more."""
        if self._held:
            until = {str(number): str(closed) for number in self._held}
            await self._link.run(lambda pipe: pipe.hset(self._keys.evaluated_until, mapping=until))
        if moment.kept_from is not None:
            await self._store.drop(moment.kept_from // self._rules.time.bucket_ms)


def _partition(drug: str) -> int:
    return partition_of(drug, MENTIONS.partitions)


def _belongs(partitions: set[int], drug: str) -> bool:
    return _partition(drug) in partitions
