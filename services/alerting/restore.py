"""What was published, brought back into Redis from adr.alerts: the episodes of signals, and the items of single reports.

The topic is the truth of what a safety team has seen: an item belongs to the post that its alert names, and an alert that was
taken back has none. Mentions only tell with which words the post came, so that a repost opens no second item.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from services.alerting.link import RedisLink
from services.alerting.outbox import encode_episodes
from services.alerting.versions import version
from shared.errors import BadMessage
from shared.events import Alert, Mention, decode, derived_id, now
from shared.latest_alerts import Filter, LatestAlerts
from shared.redis_keys import Keys, join
from shared.signals.episodes import Episode
from shared.signals.rules import Rules
from shared.signals.singles import item_id, words_of
from shared.signals.windows import to_ms
from shared.stream import Record
from shared.topics import ALERTS, MENTIONS, partition_of


class Restorer:
    """Writes to Redis what alerting knew of its alerts."""

    def __init__(self, link: RedisLink, keys: Keys, rules: Rules) -> None:
        self._link = link
        self._keys = keys
        self._rules = rules
        # By the id of an item that was restored: the version of the post that it is of.
        self._restored: dict[str, int] = {}

    async def episodes(self, latest: LatestAlerts, whole_from: int | None) -> int:
        """The episodes of signals, and which posts they name; their number. `whole_from`: the first bucket with whole windows."""
        by_pair: dict[tuple[str, str], list[Episode]] = {}
        for alert in latest.matching(Filter(kind="disproportionality")):
            last = to_ms(alert.evaluated_at) - self._rules.time.bucket_ms
            episode = Episode(to_ms(alert.episode), last, alert)
            by_pair.setdefault((alert.drug.id, alert.reaction.id), []).append(episode)

        def keep(pipe: Any) -> None:
            for (drug, reaction), found in by_pair.items():
                ordered = self._continued(sorted(found, key=lambda episode: episode.first_ms), whole_from)
                partition = partition_of(drug, MENTIONS.partitions)
                pipe.hset(self._keys.episodes(partition), join(drug, reaction), encode_episodes(ordered))
                for post in {post for episode in ordered for post in episode.alert.examples}:
                    pipe.sadd(self._keys.evidence(post), join(drug, reaction))
                    pipe.pexpire(self._keys.evidence(post), ALERTS.retention_ms)

        if by_pair:
            await self._link.run(keep)
        return sum(map(len, by_pair.values()))

    def _continued(self, episodes: Sequence[Episode], whole_from: int | None) -> tuple[Episode, ...]:
        """A pair's last episode, drawn out over the buckets that are not evaluated again.

        An episode goes on in silence while its pair fires, so the last publication does not tell its end. Had another one begun
        in those buckets, it would have been published.
        """
        if whole_from is None:
            return tuple(episodes)
        *before, last = episodes
        end = max(last.last_ms, (whole_from - 1) * self._rules.time.bucket_ms)
        return (*before, msgspec.structs.replace(last, last_ms=end))

    def items(self, latest: LatestAlerts) -> Callable[[Sequence[Record]], Awaitable[None]]:
        """A handler of adr.mentions: from the mention that an item was made of, its words come back."""
        items = _items(latest)

        async def handle(records: Sequence[Record]) -> None:
            found: list[tuple[Alert, str, int]] = []
            for record in records:
                try:
                    mention = decode(record.value, Mention)
                except BadMessage:
                    continue
                alert = items.get(item_id(mention))
                if alert is not None and alert.examples == (mention.post_id,):
                    words = self._keys.first(words_of(mention), mention.drug.id, mention.reaction.id)
                    of = max(version(record), self._restored.get(alert.id, 0), key=abs)
                    self._restored[alert.id] = of
                    found.append((alert, words, of))
            await self._index(found, hold=True)

        return handle

    async def items_without_mention(self, latest: LatestAlerts) -> None:
        """After all mentions: the items whose mention is gone from its topic. A deletion still finds them, without their words.

        Edits of so long ago have taken back what they had to; a later one takes what is there now.
        """
        present = to_ms(now())
        left = [alert for key, alert in _items(latest).items() if key not in self._restored and alert.examples]
        await self._index(
            [(alert, self._keys.first(alert.id, alert.drug.id, alert.reaction.id), present) for alert in left],
            hold=False,
        )

    async def _index(self, found: Sequence[tuple[Alert, str, int]], hold: bool) -> None:
        def write(pipe: Any) -> None:
            for alert, words, of in found:
                post = alert.examples[0]
                singles, opened = self._keys.singles(post), self._keys.opened(post)
                members = [join(alert.id, words, rule) for rule in alert.rules]
                pipe.sadd(singles, *members)
                pipe.pexpire(singles, ALERTS.retention_ms)
                pipe.hset(opened, mapping=dict.fromkeys(members, of))
                pipe.pexpire(opened, ALERTS.retention_ms)
                if hold:
                    pipe.set(words, derived_id(post), px=ALERTS.retention_ms)

        if found:
            await self._link.run(write)


def _items(latest: LatestAlerts) -> dict[str, Alert]:
    return {alert.id: alert for alert in latest.matching(Filter(kind="single_report"))}
