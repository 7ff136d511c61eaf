"""Single reports: one mention of a designated event, a serious criterion or a special situation opens an item at once.

An item is made of words, drug and reaction. The first post with the words opens it; a repost opens none, unless the post that
did was deleted: then the item comes back under its id.
Order for a mention: the words' first post is settled; in one script the post's deletion is looked up and the item's criteria
are added to what earlier mentions of the post gave; a deleted post gives the words back; the item is published and acknowledged;
a deletion that came in between, whose tombstone may have been overtaken, is answered by one more tombstone. Every step can be
repeated. Reposts about one drug come in one partition, so none opens the item anew before that tombstone is acknowledged.

Of a post that was edited the latest version counts. A later version that has the same words opens the same item: it waits until the
tombstone of the one before is acknowledged (`forget.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from services.alerting.link import RedisLink
from services.alerting.versions import is_taken, version
from shared import metrics, traces
from shared.errors import BadMessage
from shared.events import Alert, Mention, decode, derived_id, encode
from shared.redis_keys import UNTIL, Keys, join, split
from shared.signals.rules import Rules
from shared.signals.singles import criteria_of, item, item_id, words_of
from shared.stream import BatchResult, Output, Record
from shared.topics import ALERTS

# KEYS: deleted, singles, edited, opened, taking. ARGV: ms, version, item, members. Adds members to the post's items and gives all
# of them; those of the item that are known to be of an earlier version go. Nothing for a deleted post, for a version that an edit
# took, and for one that is known to be earlier than what opened the item; 0 while the item's tombstone is on its way.
CLAIM = r"""
local version = tonumber(ARGV[2])
if redis.call('EXISTS', KEYS[1]) == 1 then return false end
if math.abs(version) <= tonumber(redis.call('HGET', KEYS[3], 'until') or '-1') then return false end
if redis.call('HGET', KEYS[5], ARGV[3]) then return 0 end
if version > 0 then
  for _, member in ipairs(redis.call('SMEMBERS', KEYS[2])) do
    local before = tonumber(redis.call('HGET', KEYS[4], member) or '0')
    if string.match(member, '^[^\31]*') == ARGV[3] and before > 0 then
      if before > version then return false end
      if before < version then
        redis.call('SREM', KEYS[2], member)
        redis.call('HDEL', KEYS[4], member)
      end
    end
  end
end
for i = 4, #ARGV do
  redis.call('SADD', KEYS[2], ARGV[i])
  redis.call('HSET', KEYS[4], ARGV[i], ARGV[2])
end
redis.call('PEXPIRE', KEYS[2], ARGV[1])
redis.call('PEXPIRE', KEYS[4], ARGV[1])
return redis.call('SMEMBERS', KEYS[2])
"""
# KEYS: first. ARGV: hash of a post, ms. Keeps the words with a post that has them, or had them last; false for another's.
HOLD = """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return false end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
# KEYS: first. ARGV: hash of a post. Frees the words of a deleted post, so that a later repost can open the item.
RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"

# A tombstone is waited for so often.
_MOMENT = 0.05

Send = Callable[[Sequence[Output]], Awaitable[None]]


class SingleReports:
    """The agent on adr.mentions."""

    def __init__(self, link: RedisLink, keys: Keys, rules: Rules, send: Send) -> None:
        self._send = send
        self._link = link
        self._keys = keys
        self._rules = rules

    async def handle(self, records: list[Record]) -> BatchResult:
        """Open items; an item that a further mention adds criteria to is published again under its id."""
        result = BatchResult()
        mentions: list[tuple[Mention, int]] = []
        came: dict[str, traces.Headers] = {}
        for record in records:
            try:
                mention = decode(record.value, Mention)
            except BadMessage as error:
                result.bad.append((record, error))
                continue
            if criteria_of(mention, self._rules):
                mentions.append((mention, version(record)))
                came[mention.post_id] = traces.onward(record)
        if mentions:
            versions = await self._open(mentions)
            alerts = [alert for alert, _ in versions]
            await self._send(
                [Output(ALERTS, alert.id, encode(alert), headers=came.get(alert.examples[0], ())) for alert in alerts]
            )
            for alert in alerts:
                metrics.ALERTS.labels(alert.kind, alert.lane).inc()
                metrics.passed(metrics.ALERT_SECONDS, alert.evaluated_at, alert.kind)
            result.outputs = [Output(ALERTS, alert.id, None) for alert in await self._taken_back(versions)]
        return result

    async def _taken_back(self, opened: list[tuple[Alert, int]]) -> list[Alert]:
        def look(pipe: Any) -> None:
            for alert, _ in opened:
                pipe.exists(self._keys.deleted(alert.examples[0]))
                pipe.hget(self._keys.edited(alert.examples[0]), UNTIL)

        [replies] = await self._link.run(look)
        return [
            alert
            for (alert, of), deleted, until in zip(opened, replies[::2], replies[1::2], strict=True)
            if deleted or is_taken(of, None if until is None else int(until))
        ]

    def _first(self, mention: Mention) -> str:
        return self._keys.first(words_of(mention), mention.drug.id, mention.reaction.id)

    async def _open(self, mentions: list[tuple[Mention, int]]) -> list[tuple[Alert, int]]:
        """The items of mentions, each with the version that opened it; waits for those whose tombstones are on their way."""
        opened: dict[str, tuple[Alert, int]] = {}
        while mentions:
            found, mentions = await self._claim(await self._originals(mentions))
            opened |= found
            if mentions:
                await asyncio.sleep(_MOMENT)
        return list(opened.values())

    async def _originals(self, mentions: list[tuple[Mention, int]]) -> list[tuple[Mention, int, bool]]:
        """Those whose post is the first with its words and pair, and whether the post has the words only from now on."""

        def settle(pipe: Any) -> None:
            for mention, _ in mentions:
                owner = derived_id(mention.post_id)
                pipe.set(self._first(mention), owner, nx=True, px=ALERTS.retention_ms)
                pipe.get(self._first(mention))

        [replies] = await self._link.run(settle)
        owners = [(reply or b"").decode() for reply in replies[1::2]]
        settled = zip(mentions, replies[::2], owners, strict=True)
        return [
            (mention, of, bool(new)) for (mention, of), new, owner in settled if owner == derived_id(mention.post_id)
        ]

    async def _claim(
        self, settled: list[tuple[Mention, int, bool]]
    ) -> tuple[dict[str, tuple[Alert, int]], list[tuple[Mention, int]]]:
        """Items by their ids, and the mentions that must wait."""

        def claim(pipe: Any) -> None:
            for mention, of, _ in settled:
                members = [
                    join(item_id(mention), self._first(mention), name) for name in criteria_of(mention, self._rules)
                ]
                names = (
                    self._keys.deleted,
                    self._keys.singles,
                    self._keys.edited,
                    self._keys.opened,
                    self._keys.taking,
                )
                keys = [name(mention.post_id) for name in names]
                pipe.eval(CLAIM, len(keys), *keys, ALERTS.retention_ms, of, item_id(mention), *members)

        if not settled:
            return {}, []
        [replies] = await self._link.run(claim)
        opened: dict[str, tuple[Alert, int]] = {}
        returned: list[Mention] = []
        waiting: list[tuple[Mention, int]] = []
        for (mention, of, new), members in zip(settled, replies, strict=True):
            if members == 0:
                waiting.append((mention, of))
            elif members is not None:
                parts = [split(member) for member in members]
                criteria = {name for alert_id, _, name in parts if alert_id == item_id(mention)}
                opened[item_id(mention)] = item(mention, criteria, self._rules), of
            elif new:
                returned.append(mention)
        await self._give_back(returned)
        return opened, waiting

    async def _give_back(self, mentions: list[Mention]) -> None:
        """Free the words of posts that came again after their deletion. Words they had before, the deletion frees."""

        def release(pipe: Any) -> None:
            for mention in mentions:
                pipe.eval(RELEASE, 1, self._first(mention), derived_id(mention.post_id))

        if mentions:
            await self._link.run(release)
