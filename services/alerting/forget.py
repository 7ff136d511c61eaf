"""Deletions: takes a post back from rows, single reports and published signals. The agent on adr.deletions.

Order of steps, each repeatable: the post is marked deleted, so that from then on counter and single reports leave it out; then what
is known of it is read and what must be amended is kept with the mark; then its row goes; then its items of the single-report
queue are taken back by tombstones; only then are the owners of its pairs asked to amend their signals, and its index and evidence
entries go. A crash in between repeats the deletion, which finds the rest of its work in the mark.

A later repost opens an item under the same id. So the words of an item are held while its tombstone is on its way, and freed when
it is acknowledged; an item whose words are another post's by now is that post's, and stays.

What is done is told to the audit trail: of rows and items here, of signals by whoever amends the last of them (`signals.py`). A
rebuild, which handles all deletions once more, tells nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.alerting.link import RedisLink
from services.alerting.rows import RowStore
from services.alerting.singles import HOLD, RELEASE, Send
from shared import metrics
from shared.errors import BadMessage
from shared.events import Deletion, decode, derived_id, encode
from shared.forgetting import told
from shared.redis_keys import DELETION, OPEN, Keys, join, split
from shared.stream import BatchResult, Output, Record
from shared.topics import ALERTS, DAY_MS, MENTIONS, partition_of


@dataclass
class _Known:
    """What Redis knows of a deleted post: its bucket, its pairs to amend, its items with the keys of their words."""

    bucket: int | None
    pairs: set[tuple[str, str]]
    items: dict[str, str] = field(default_factory=dict)


class Forgetter:
    """Handles micro-batches of deletions."""

    def __init__(self, link: RedisLink, store: RowStore, send: Send, *, tells: bool = True) -> None:
        self._link = link
        self._store = store
        self._keys: Keys = store.keys
        self._send = send
        self._tells = tells

    async def handle(self, records: list[Record]) -> BatchResult:
        """Forget the posts. Raises DependencyAway."""
        result = BatchResult()
        deletions: dict[str, Deletion] = {}
        for record in records:
            try:
                deletion = decode(record.value, Deletion)
                deletions[deletion.id] = deletion
            except BadMessage as error:
                result.bad.append((record, error))
        if not deletions:
            return result
        known = await self._mark(list(deletions))
        await self._note_pairs(known)
        await self._store.remove(
            [(post, found.bucket) for post, found in known.items() if found.bucket is not None],
            dict.fromkeys(known),
        )
        await self._take_back(known)
        await self._amend(known, deletions)
        metrics.FORGOTTEN.inc(len(known))
        if self._tells:
            result.outputs = [told(deletion, "windows") for deletion in deletions.values()]
            result.outputs += [told(deletions[post], "signals") for post, found in known.items() if not found.pairs]
        return result

    async def _mark(self, posts: list[str]) -> dict[str, _Known]:
        keys = self._keys

        def mark_and_read(pipe: Any) -> None:
            for post in posts:
                pipe.sadd(keys.deleted(post), "")
                pipe.pexpire(keys.deleted(post), self._store.expiry_ms)
                pipe.smembers(keys.deleted(post))
                pipe.get(keys.post(post))
                pipe.smembers(keys.singles(post))
                pipe.smembers(keys.evidence(post))

        [replies] = await self._link.run(mark_and_read)
        known = {}
        for i, post in enumerate(posts):
            _, _, noted, bucket, singles, evidence = replies[6 * i : 6 * i + 6]
            pairs = {(drug, reaction) for drug, reaction in (split(member) for member in noted | evidence if member)}
            found = _Known(None if bucket is None else int(bucket), pairs)
            found.items = {alert_id: first for alert_id, first, _ in map(split, singles)}
            known[post] = found
        rows = await self._store.find({p: found.bucket for p, found in known.items() if found.bucket is not None})
        for post, row in rows.items():
            known[post].pairs |= set(row.pairs)
        return known

    async def _note_pairs(self, known: dict[str, _Known]) -> None:
        def note(pipe: Any) -> None:
            for post, found in known.items():
                if found.pairs:
                    pipe.sadd(self._keys.deleted(post), *(join(*pair) for pair in found.pairs))

        await self._link.run(note)

    async def _take_back(self, known: dict[str, _Known]) -> None:
        items = [(post, *item) for post, found in known.items() for item in sorted(found.items.items())]
        if not items:
            return

        def hold(pipe: Any) -> None:
            for post, _, first in items:
                pipe.eval(HOLD, 1, first, derived_id(post), DAY_MS)

        [held] = await self._link.run(hold)
        mine = [alert_id for (_, alert_id, _), is_mine in zip(items, held, strict=True) if is_mine]
        await self._send([Output(ALERTS, alert_id, None) for alert_id in mine])

    async def _amend(self, known: dict[str, _Known], deletions: Mapping[str, Deletion]) -> None:
        keys = self._keys

        def note(pipe: Any) -> None:
            for post, found in known.items():
                if found.pairs and self._tells:
                    to_amend = {join(*pair): OPEN for pair in found.pairs}
                    pipe.hset(keys.unamended(post), mapping={DELETION: encode(deletions[post]), **to_amend})
                    pipe.pexpire(keys.unamended(post), self._store.expiry_ms)

        def ask(pipe: Any) -> None:
            for post, found in known.items():
                for drug, reaction in found.pairs:
                    pipe.sadd(keys.retract(partition_of(drug, MENTIONS.partitions)), join(drug, reaction, post))
                for first in found.items.values():
                    pipe.eval(RELEASE, 1, first, derived_id(post))
            pipe.incr(keys.changes)

        def let_go(pipe: Any) -> None:
            for post in known:
                pipe.delete(keys.evidence(post))
                # Kept for a day: a repeated deletion must write the tombstones again.
                pipe.pexpire(keys.singles(post), DAY_MS)

        await self._link.run(note, ask, let_go)
