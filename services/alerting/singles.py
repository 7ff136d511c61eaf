"""Single reports: one mention of a designated event, a serious criterion or a special situation opens an item at once.

An item is made of words, drug and reaction. The first post with the words opens it; a repost opens none, unless the post that
did was deleted: then the item comes back under its id.
Order for a mention: the words' first post is settled; in one script the post's deletion is looked up and the item's criteria
are added to what earlier mentions of the post gave; a deleted post gives the words back; the item is published and acknowledged;
a deletion that came in between, whose tombstone may have been overtaken, is answered by one more tombstone. Every step can be
repeated. Reposts about one drug come in one partition, so none opens the item anew before that tombstone is acknowledged.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from services.alerting.link import RedisLink
from shared import metrics, traces
from shared.errors import BadMessage
from shared.events import Alert, Mention, decode, derived_id, encode
from shared.redis_keys import Keys, join, split
from shared.signals.rules import Rules
from shared.signals.singles import criteria_of, item, item_id, words_of
from shared.stream import BatchResult, Output, Record
from shared.topics import ALERTS

# KEYS: deleted, singles. Adds members to the post's items and gives all of them; nothing for a deleted post.
CLAIM = """
if redis.call('EXISTS', KEYS[1]) == 1 then return false end
for i = 2, #ARGV do redis.call('SADD', KEYS[2], ARGV[i]) end
redis.call('PEXPIRE', KEYS[2], ARGV[1])
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
        mentions: list[Mention] = []
        came: dict[str, traces.Headers] = {}
        for record in records:
            try:
                mention = decode(record.value, Mention)
            except BadMessage as error:
                result.bad.append((record, error))
                continue
            if criteria_of(mention, self._rules):
                mentions.append(mention)
                came[mention.post_id] = traces.onward(record)
        if mentions:
            alerts = await self._open(await self._originals(mentions))
            await self._send(
                [Output(ALERTS, alert.id, encode(alert), headers=came.get(alert.examples[0], ())) for alert in alerts]
            )
            for alert in alerts:
                metrics.ALERTS.labels(alert.kind, alert.lane).inc()
                metrics.passed(metrics.ALERT_SECONDS, alert.evaluated_at, alert.kind)
            result.outputs = [Output(ALERTS, alert.id, None) for alert in await self._deleted(alerts)]
        return result

    async def _deleted(self, alerts: list[Alert]) -> list[Alert]:
        def look(pipe: Any) -> None:
            for alert in alerts:
                pipe.exists(self._keys.deleted(alert.examples[0]))

        [replies] = await self._link.run(look)
        return [alert for alert, deleted in zip(alerts, replies, strict=True) if deleted]

    def _first(self, mention: Mention) -> str:
        return self._keys.first(words_of(mention), mention.drug.id, mention.reaction.id)

    async def _originals(self, mentions: list[Mention]) -> list[tuple[Mention, bool]]:
        """Those whose post is the first with its words and pair, and whether the post has the words only from now on."""

        def settle(pipe: Any) -> None:
            for mention in mentions:
                owner = derived_id(mention.post_id)
                pipe.set(self._first(mention), owner, nx=True, px=ALERTS.retention_ms)
                pipe.get(self._first(mention))

        [replies] = await self._link.run(settle)
        owners = [(reply or b"").decode() for reply in replies[1::2]]
        settled = zip(mentions, replies[::2], owners, strict=True)
        return [(mention, bool(new)) for mention, new, owner in settled if owner == derived_id(mention.post_id)]

    async def _open(self, settled: list[tuple[Mention, bool]]) -> list[Alert]:
        def claim(pipe: Any) -> None:
            for mention, _ in settled:
                members = [
                    join(item_id(mention), self._first(mention), name) for name in criteria_of(mention, self._rules)
                ]
                post = mention.post_id
                keys = (self._keys.deleted(post), self._keys.singles(post))
                pipe.eval(CLAIM, 2, *keys, ALERTS.retention_ms, *members)

        [replies] = await self._link.run(claim)
        alerts: dict[str, Alert] = {}
        returned: list[Mention] = []
        for (mention, new), members in zip(settled, replies, strict=True):
            if members is not None:
                parts = [split(member) for member in members]
                criteria = {name for alert_id, _, name in parts if alert_id == item_id(mention)}
                alerts[item_id(mention)] = item(mention, criteria, self._rules)
            elif new:
                returned.append(mention)
        await self._give_back(returned)
        return list(alerts.values())

    async def _give_back(self, mentions: list[Mention]) -> None:
        """Free the words of posts that came again after their deletion. Words they had before, the deletion frees."""

        def release(pipe: Any) -> None:
            for mention in mentions:
                pipe.eval(RELEASE, 1, self._first(mention), derived_id(mention.post_id))

        if mentions:
            await self._link.run(release)
