"""Single reports: one mention of a designated event, a serious criterion or a special situation opens an item at once.

An item is one post, drug and reaction. A repost of the same words opens none, unless the post that did was deleted.
Order for a mention: the words' first post is settled; in one script the post's deletion is looked up and the item's criteria
are added to what earlier mentions of the post gave; the item is published and acknowledged; a deletion that came in between,
whose tombstone may have been overtaken, is answered by one more tombstone. Every step can be repeated.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from services.alerting.link import RedisLink
from shared import metrics
from shared.errors import BadMessage
from shared.events import Alert, Mention, decode, derived_id, encode
from shared.redis_keys import Keys, join, split
from shared.signals.rules import Rules
from shared.stream import BatchResult, Output, Record
from shared.topics import ALERTS

# KEYS: deleted, singles. Adds members to the post's items and gives all of them; nothing for a deleted post.
CLAIM = """
if redis.call('EXISTS', KEYS[1]) == 1 then return false end
for i = 2, #ARGV do redis.call('SADD', KEYS[2], ARGV[i]) end
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return redis.call('SMEMBERS', KEYS[2])
"""

Send = Callable[[Sequence[Output]], Awaitable[None]]


def criteria_of(mention: Mention, rules: Rules) -> tuple[str, ...]:
    """The criteria of the rules that a mention meets, in the rules' order. A designated event is also known by its concept."""
    met = {*mention.serious, *mention.situations}
    if mention.reaction.id in rules.designated_ids:
        met.add("designated_event")
    single = rules.single_report
    return tuple(name for name in single.serious.criteria + single.situations.criteria if name in met)


def item_id(mention: Mention) -> str:
    """The id of a mention's item, from post, drug and reaction."""
    return derived_id("single", mention.post_id, mention.drug.id, mention.reaction.id)


def item(mention: Mention, criteria: Iterable[str], rules: Rules) -> Alert:
    """The alert of a single report, in the urgent lane if any criterion is serious."""
    met, single = set(criteria), rules.single_report
    lane = single.serious.lane if met & set(single.serious.criteria) else single.situations.lane
    ordered = tuple(name for name in single.serious.criteria + single.situations.criteria if name in met)
    return Alert(
        id=item_id(mention),
        kind="single_report",
        drug=mention.drug,
        reaction=mention.reaction,
        episode=mention.created_at,
        evaluated_at=mention.created_at,
        rules=ordered,
        rule_version=rules.stamp,
        examples=(mention.post_id,),
        lane=lane,
    )


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
        for record in records:
            try:
                mention = decode(record.value, Mention)
            except BadMessage as error:
                result.bad.append((record, error))
                continue
            if criteria_of(mention, self._rules):
                mentions.append(mention)
        if mentions:
            alerts = await self._open(await self._originals(mentions))
            await self._send([Output(ALERTS, alert.id, encode(alert)) for alert in alerts])
            for alert in alerts:
                metrics.ALERTS.labels(alert.kind, alert.lane).inc()
            result.outputs = [Output(ALERTS, alert.id, None) for alert in await self._deleted(alerts)]
        return result

    async def _deleted(self, alerts: list[Alert]) -> list[Alert]:
        def look(pipe: Any) -> None:
            for alert in alerts:
                pipe.exists(self._keys.deleted(alert.examples[0]))

        [replies] = await self._link.run(look)
        return [alert for alert, deleted in zip(alerts, replies, strict=True) if deleted]

    def _first(self, mention: Mention) -> str:
        return self._keys.first(mention.fingerprint or mention.post_id, mention.drug.id, mention.reaction.id)

    async def _originals(self, mentions: list[Mention]) -> list[Mention]:
        """Those whose post is the first with its words and pair."""

        def settle(pipe: Any) -> None:
            for mention in mentions:
                owner = derived_id(mention.post_id)
                pipe.set(self._first(mention), owner, nx=True, px=self._rules.time.kept_ms)
                pipe.get(self._first(mention))

        [replies] = await self._link.run(settle)
        owners = [(reply or b"").decode() for reply in replies[1::2]]
        return [m for m, owner in zip(mentions, owners, strict=True) if owner == derived_id(m.post_id)]

    async def _open(self, mentions: list[Mention]) -> list[Alert]:
        def claim(pipe: Any) -> None:
            for mention in mentions:
                members = [
                    join(item_id(mention), self._first(mention), name) for name in criteria_of(mention, self._rules)
                ]
                post = mention.post_id
                keys = (self._keys.deleted(post), self._keys.singles(post))
                pipe.eval(CLAIM, 2, *keys, ALERTS.retention_ms, *members)

        [replies] = await self._link.run(claim)
        alerts: dict[str, Alert] = {}
        for mention, members in zip(mentions, replies, strict=True):
            if members is not None:
                parts = [split(member) for member in members]
                criteria = {name for alert_id, _, name in parts if alert_id == item_id(mention)}
                alerts[item_id(mention)] = item(mention, criteria, self._rules)
        return list(alerts.values())
