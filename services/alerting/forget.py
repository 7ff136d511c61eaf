"""Deletions: takes a post back from rows, single reports and published signals. The agent on adr.deletions.

Order of steps, each repeatable: the post is marked deleted, so that from then on counter and single reports leave it out; then what
is known of it is read and what must be amended is kept with the mark; then its row goes; then its items of the single-report
queue are taken back by tombstones; only then are the owners of its pairs asked to amend their signals, and its index and evidence
entries go. A crash in between repeats the deletion, which finds the rest of its work in the mark.

A later repost opens an item under the same id. So the words of an item are held while its tombstone is on its way, and freed when
it is acknowledged; an item whose words are another post's by now is that post's, and stays.

Of a post that was edited only what is of a version up to the edit goes (`versions.py`): instead of the mark for good there is the
time up to which versions go, and a later version is counted and opens items, in whatever order the topics are read. It may open
an item under the same id. So an item is noted as being taken back in the step that finds out that it must be, and a later version
waits until that note goes.

What is done is told to the audit trail: of rows and items here, of signals by whoever amends the last of them (`signals.py`). A
rebuild, which handles all deletions once more, tells nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.alerting.link import RedisLink
from services.alerting.rows import ANY, RowStore
from services.alerting.singles import HOLD, RELEASE, Send
from shared import metrics
from shared.errors import BadMessage
from shared.events import Deletion, decode, derived_id, encode
from shared.forgetting import told
from shared.redis_keys import DELETION, EDIT, OPEN, UNTIL, Keys, join, split
from shared.stream import BatchResult, Output, Record
from shared.topics import ALERTS, DAY_MS, MENTIONS, partition_of

# KEYS: edited, singles, opened, taking. ARGV: a time in ms, the expiry of `taking` in ms. Marks the post: what is of a
# version up to then goes. Gives the members of items of which nothing stands, and notes that those items are being taken back.
TAKE = r"""
local limit = math.max(tonumber(ARGV[1]), tonumber(redis.call('HGET', KEYS[1], 'until') or '0'))
redis.call('HSET', KEYS[1], 'until', string.format('%.0f', limit))
local stands, old, gone = {}, {}, {}
for _, member in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  if math.abs(tonumber(redis.call('HGET', KEYS[3], member) or '0')) <= limit then
    old[#old + 1] = member
  else
    stands[string.match(member, '^[^\31]*')] = true
  end
end
for _, member in ipairs(old) do
  local item = string.match(member, '^[^\31]*')
  if stands[item] then
    redis.call('SREM', KEYS[2], member)
    redis.call('HDEL', KEYS[3], member)
  else
    gone[#gone + 1] = member
    redis.call('HSET', KEYS[4], item, '')
  end
end
if #gone > 0 then redis.call('PEXPIRE', KEYS[4], ARGV[2]) end
return gone
"""
# KEYS: singles, opened, taking. ARGV: a time in ms, members. Their items are taken back: what is of a version up to then goes.
DROP = """
for i = 2, #ARGV do
  if math.abs(tonumber(redis.call('HGET', KEYS[2], ARGV[i]) or '0')) <= tonumber(ARGV[1]) then
    redis.call('SREM', KEYS[1], ARGV[i])
    redis.call('HDEL', KEYS[2], ARGV[i])
  end
end
return redis.call('DEL', KEYS[3])
"""
# A tombstone is acknowledged or tried again long before.
_TAKING_MS = 60_000


@dataclass
class _Known:
    """What Redis knows of a post that was taken back: its bucket, its pairs to amend, its items with the keys of their words.

    `until`: up to when versions of an edited post go, in ms; None: all of it goes for good. `members` are those of its items.
    """

    until: int | None
    bucket: int | None
    pairs: set[tuple[str, str]]
    members: list[bytes] = field(default_factory=list)

    @property
    def items(self) -> dict[str, str]:
        """The ids of items with the keys of their words."""
        return {alert_id: first for alert_id, first, _ in map(split, self.members)}


@dataclass
class _Asked:
    """The deletions of a batch, in their order, and of each post until when it goes; see _Known."""

    deletions: list[Deletion] = field(default_factory=list)
    until: dict[str, int | None] = field(default_factory=dict)

    def add(self, deletion: Deletion, written_ms: int) -> None:
        """Take in one."""
        self.deletions.append(deletion)
        before = self.until.get(deletion.id, 0)
        self.until[deletion.id] = max(before, written_ms) if deletion.edited and before is not None else None


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
        asked = _Asked()
        for record in records:
            try:
                asked.add(decode(record.value, Deletion), record.written_ms)
            except BadMessage as error:
                result.bad.append((record, error))
        if not asked.deletions:
            return result
        known = await self._mark(asked.until)
        await self._note_pairs(known)
        await self._store.remove(
            {
                (post, found.bucket): ANY if found.until is None else str(found.until).encode()
                for post, found in known.items()
                if found.bucket is not None
            },
            # Of an edited post a later version may have been written meanwhile: what says where it lies stays.
            {post: None for post, found in known.items() if found.until is None},
        )
        await self._take_back(known)
        await self._amend(known, asked)
        metrics.FORGOTTEN.inc(len(known))
        if self._tells:
            result.outputs = [told(deletion, "windows") for deletion in asked.deletions]
            result.outputs += [told(one, "signals") for one in asked.deletions if not known[one.id].pairs]
        return result

    async def _mark(self, until: Mapping[str, int | None]) -> dict[str, _Known]:
        keys = self._keys

        def mark_and_read(pipe: Any) -> None:
            for post, at in until.items():
                # The mark is set before what is known is read.
                if at is None:
                    pipe.sadd(keys.deleted(post), "")
                    pipe.pexpire(keys.deleted(post), self._store.expiry_ms)
                    pipe.smembers(keys.deleted(post))
                else:
                    names = [keys.edited(post), keys.singles(post), keys.opened(post), keys.taking(post)]
                    pipe.eval(TAKE, len(names), *names, at, _TAKING_MS)
                    pipe.pexpire(keys.edited(post), self._store.expiry_ms)
                    pipe.hgetall(keys.edited(post))
                pipe.smembers(keys.singles(post))
                pipe.get(keys.post(post))
                pipe.smembers(keys.evidence(post))

        [replies] = await self._link.run(mark_and_read)
        known = {}
        for i, (post, at) in enumerate(until.items()):
            taken, _, noted, singles, bucket, evidence = replies[6 * i : 6 * i + 6]
            named = {*noted, *evidence} - {b"", UNTIL.encode()}
            pairs = {(drug, reaction) for drug, reaction in map(split, named)}
            known[post] = _Known(
                at, None if bucket is None else int(bucket), pairs, list(singles if at is None else taken)
            )
        rows = await self._store.find({p: found.bucket for p, found in known.items() if found.bucket is not None})
        for post, row in rows.items():
            known[post].pairs |= set(row.pairs)
        return known

    async def _note_pairs(self, known: dict[str, _Known]) -> None:
        def note(pipe: Any) -> None:
            for post, found in known.items():
                members = [join(*pair) for pair in found.pairs]
                if members and found.until is None:
                    pipe.sadd(self._keys.deleted(post), *members)
                elif members:
                    pipe.hset(self._keys.edited(post), mapping=dict.fromkeys(members, ""))

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

    async def _amend(self, known: dict[str, _Known], asked: _Asked) -> None:
        keys = self._keys

        def note(pipe: Any) -> None:
            for deletion in asked.deletions:
                if known[deletion.id].pairs and self._tells:
                    to_amend = {join(*pair): OPEN for pair in known[deletion.id].pairs}
                    which = EDIT if deletion.edited else DELETION
                    pipe.hset(keys.unamended(deletion.id), mapping={which: encode(deletion), **to_amend})
                    pipe.pexpire(keys.unamended(deletion.id), self._store.expiry_ms)

        def ask(pipe: Any) -> None:
            for post, found in known.items():
                for drug, reaction in found.pairs:
                    pipe.sadd(keys.retract(partition_of(drug, MENTIONS.partitions)), join(drug, reaction, post))
                for first in found.items.values():
                    pipe.eval(RELEASE, 1, first, derived_id(post))
            pipe.incr(keys.changes)

        def let_go(pipe: Any) -> None:
            for post, found in known.items():
                if found.until is None:
                    pipe.delete(keys.evidence(post))
                    # Kept for a day: a repeated deletion must write the tombstones again.
                    pipe.pexpire(keys.singles(post), DAY_MS)
                    pipe.pexpire(keys.opened(post), DAY_MS)
                else:
                    names = [keys.singles(post), keys.opened(post), keys.taking(post)]
                    pipe.eval(DROP, len(names), *names, found.until, *found.members)

        await self._link.run(note, ask, let_go)
