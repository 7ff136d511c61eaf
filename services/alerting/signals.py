"""Publishing signals of one partition: findings join episodes, deletions amend what was published."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.alerting.link import RedisLink
from services.alerting.outbox import MOST, Partition
from services.alerting.rows import RowStore
from shared.events import Alert
from shared.redis_keys import Keys, join
from shared.signals.episodes import Episode, Episodes, amend, record, without_example
from shared.signals.findings import Finding, look_at
from shared.signals.rules import HOUR_MS, Rules
from shared.signals.windows import Ledger, to_ms
from shared.topics import ALERTS

Pair = tuple[str, str]


class SignalPublisher:
    """Records findings and amends signals in a partition that this worker holds."""

    def __init__(self, link: RedisLink, store: RowStore, rules: Rules) -> None:
        self._link = link
        self._store = store
        self._keys: Keys = store.keys
        self._rules = rules

    async def record(self, partition: Partition, findings: Sequence[Finding]) -> None:
        """Join the findings of one bucket to their pairs' episodes, and publish what is new or has escalated."""
        for start in range(0, len(findings), MOST):
            part = findings[start : start + MOST]
            labels = await self._store.labels(name for finding in part for name in (finding.drug, finding.reaction))
            episodes = await partition.episodes((finding.drug, finding.reaction) for finding in part)
            settled = await partition.settled(episodes)
            # The measures of an alert that is published take a tenth of a second or more.
            alerts = await asyncio.to_thread(self._recorded, part, episodes, settled, labels)
            await self._publish(partition, episodes, alerts)

    def _recorded(
        self,
        findings: Sequence[Finding],
        episodes: dict[Pair, Episodes],
        settled: Mapping[Pair, int],
        labels: Mapping[str, str],
    ) -> dict[Pair, list[Alert]]:
        """Put the findings into the episodes; gives the alerts to publish."""
        alerts: dict[Pair, list[Alert]] = {}
        for finding in findings:
            pair = (finding.drug, finding.reaction)
            episodes[pair], alert = record(episodes[pair], finding, labels, self._rules, settled.get(pair))
            if alert:
                alerts[pair] = [alert]
        return alerts

    async def amend(
        self, partition: Partition, asked: Sequence[tuple[str, str, str]], ledger: Ledger, kept_from: int | None
    ) -> None:
        """Count the signals anew from which a post was taken back; publish those that change, take back the empty.

        `asked`: drug, reaction and post, from before the rows of the ledger were read.
        """
        for start in range(0, len(asked), MOST):
            members = asked[start : start + MOST]
            posts: dict[Pair, set[str]] = {}
            for drug, reaction, post in members:
                posts.setdefault((drug, reaction), set()).add(post)
            episodes = await partition.episodes(posts)
            alerts: dict[Pair, list[Alert]] = {}
            gone: list[str] = []
            for pair, before in episodes.items():
                after = [
                    await asyncio.to_thread(self._amended, episode, ledger, posts[pair], kept_from)
                    for episode in before
                ]
                gone += [old.alert.id for old, new in zip(before, after, strict=True) if new is None]
                episodes[pair] = tuple(new for new in after if new is not None)
                alerts[pair] = [
                    new.alert
                    for old, new in zip(before, after, strict=True)
                    if new is not None and new.alert != old.alert
                ]
            await self._publish(partition, episodes, alerts, gone)
            await partition.amended(members)

    def _amended(self, episode: Episode, ledger: Ledger, posts: Iterable[str], kept_from: int | None) -> Episode | None:
        alert = episode.alert
        end, hours = to_ms(alert.evaluated_at), alert.window_hours or 0
        if kept_from is not None and end - hours * HOUR_MS < kept_from:
            for post in posts:
                episode = without_example(episode, post)
            return episode
        finding = look_at(ledger, alert.drug.id, alert.reaction.id, end, hours, self._rules)
        return amend(episode, finding, self._rules)

    async def _publish(
        self,
        partition: Partition,
        episodes: dict[Pair, Episodes],
        alerts: dict[Pair, list[Alert]],
        gone: Sequence[str] = (),
    ) -> None:
        """Note which posts the alerts name, leave out those that were deleted meanwhile, then publish.

        The note comes before the look at the deletion mark, and a deletion marks before it reads the notes: one of the two
        sees the other.
        """
        named = [(pair, post) for pair, found in alerts.items() for alert in found for post in alert.examples]

        def note(pipe: Any) -> None:
            for pair, post in named:
                pipe.sadd(self._keys.evidence(post), join(*pair))
                pipe.pexpire(self._keys.evidence(post), ALERTS.retention_ms)
                pipe.exists(self._keys.deleted(post))

        [replies] = await self._link.run(note)
        for (pair, post), deleted in zip(named, replies[2::3], strict=True):
            if deleted:
                ids = [alert.id for alert in alerts[pair]]
                episodes[pair] = tuple(without_example(episode, post) for episode in episodes[pair])
                alerts[pair] = [episode.alert for episode in episodes[pair] if episode.alert.id in ids]
        if episodes:
            await partition.publish(episodes, [alert for found in alerts.values() for alert in found], gone)
