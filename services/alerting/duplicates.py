"""Which posts of an alert's evidence tell the same in nearly the same words: `adrwatch alerts duplicates`.

Nothing is kept for it: the rows in Redis are counted once more as the windows count them, so what was deleted is not there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType

import msgspec

from services.alerting.link import RedisLink
from services.alerting.rows import RowStore
from shared.broker import TopicReader
from shared.cases.model import case_id
from shared.errors import AdrwatchError, BadMessage
from shared.events import Alert, Concept, Post, decode
from shared.latest_alerts import Filter, LatestAlerts
from shared.redis_keys import Keys
from shared.settings import Settings
from shared.signals.clusters import Cluster, clusters
from shared.signals.near import NearLinks
from shared.signals.rules import HOUR_MS, Rules
from shared.signals.windows import NONE, Block, Ledger, Row, Told, Vocabulary, Why, from_ms, to_ms
from shared.topics import POSTS

Pair = tuple[str, str]
_EVER = 1 << 62


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """One post of a cluster.

    `like` is the earlier one that it repeats, `item` its item of the single-report queue, `text` masked. `post` and `like` are None
    where only aggregates may be kept of the post.
    """

    post: str | None
    at: str
    why: Why
    like: str | None = None
    item: str | None = None
    text: str | None = None


class Group(msgspec.Struct, frozen=True):
    """A cluster: so many reports, of which `counted` count. `taken_out`: the others, by why."""

    counted: int
    taken_out: dict[Why, int]
    reports: list[Report]


class Duplicates(msgspec.Struct, frozen=True):
    """The reports of one pair in one window (of an item: in all kept rows), and the clusters among them.

    `alert` is None where the items of the queue are shown that have the pair.
    """

    alert: str | None
    drug: Concept
    reaction: Concept
    reports: int
    counted: int
    taken_out: dict[Why, int]
    clusters: list[Group]


def of_alert(settings: Settings, rules: Rules, latest: LatestAlerts, wanted: str) -> Duplicates:
    """What a signal's window took for one report; of an item, the cluster that its post is in. `wanted`: an alert, or its case.

    Raises AdrwatchError where there is none, DependencyAway.
    """
    alert = next((one for one in latest.matching(Filter()) if wanted in (one.id, case_id(one.id))), None)
    if alert is None:
        raise AdrwatchError(
            f"there is no alert {wanted}, and no case of one, or it was taken back", fix="see `adrwatch alerts list`"
        )
    pair = (alert.drug.id, alert.reaction.id)
    end = _EVER if alert.window_hours is None else to_ms(alert.evaluated_at)
    start = 0 if alert.window_hours is None else end - alert.window_hours * HOUR_MS
    ledger = asyncio.run(_ledger(settings, rules, {pair}, start, end))
    return _duplicates(ledger, alert, start, end, latest, alert.id)


def of_queue(settings: Settings, rules: Rules, latest: LatestAlerts) -> Iterator[Duplicates]:
    """Items of the single-report queue whose posts tell nearly the same as others, pair by pair. Raises DependencyAway."""
    items = {(one.drug.id, one.reaction.id): one for one in latest.matching(Filter("single_report"))}
    ledger = asyncio.run(_ledger(settings, rules, items.keys(), 0, _EVER))
    for item in items.values():
        found = _duplicates(ledger, item, 0, _EVER, latest, None)
        linked = [group for group in found.clusters if any(one.item for one in group.reports)]
        if linked:
            yield msgspec.structs.replace(found, clusters=linked)


def with_texts(settings: Settings, found: Iterable[Duplicates], most: int) -> list[Duplicates]:
    """The same, with the texts of the first `most` posts of each cluster, as far as adr.posts still has them.

    Not of posts that may not leave adrwatch by their terms or by ADRWATCH_NO_CASE_EXPORT. Raises DependencyAway.
    """
    found = list(found)
    wanted = {
        report.post
        for one in found
        for group in one.clusters
        for report in group.reports[:most]
        if report.post is not None
    }
    texts = _texts(settings, wanted) if wanted else {}
    return [
        msgspec.structs.replace(one, clusters=[_with_texts(group, texts) for group in one.clusters]) for one in found
    ]


def _with_texts(group: Group, texts: Mapping[str, str]) -> Group:
    reports = [msgspec.structs.replace(one, text=texts.get(one.post or "")) for one in group.reports]
    return msgspec.structs.replace(group, reports=reports)


def _texts(settings: Settings, posts: Collection[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    closed = set(filter(None, settings.no_case_export.split(",")))
    with TopicReader(settings, POSTS) as reader:
        for record in reader.to_end():
            key = (record.key or b"").decode(errors="replace")
            if key not in posts:
                continue
            # The last record of a key stands; a tombstone is no text.
            found.pop(key, None)
            try:
                post = decode(record.value, Post)
            except BadMessage:
                continue
            if _may_be_shown(post, closed):
                found[key] = post.text
    return found


def _may_be_shown(post: Post, closed: Collection[str]) -> bool:
    """Whether a post's words may leave adrwatch: neither its terms nor the settings' `closed` sources forbid it."""
    terms = post.terms
    return post.source not in closed and (terms is None or (terms.case_export and not terms.aggregates_only))


def _duplicates(
    ledger: Ledger, alert: Alert, start: int, end: int, latest: LatestAlerts, named: str | None
) -> Duplicates:
    pair = (alert.drug.id, alert.reaction.id)
    items = {
        one.examples[0]: one.id
        for one in latest.matching(Filter("single_report"))
        if one.examples and (one.drug.id, one.reaction.id) == pair
    }
    of_item = named is not None and alert.kind != "disproportionality"
    return of_pair(ledger, alert.drug, alert.reaction, start, end, named, items, alert.examples if of_item else None)


def of_pair(
    ledger: Ledger, drug: Concept, reaction: Concept, start: int, end: int, named: str | None = None,
    items: Mapping[str, str] = MappingProxyType({}), posts: Collection[str] | None = None,
) -> Duplicates:  # fmt: skip
    """The reports of a pair with start <= event time < end (ms since 1970), and the clusters among them.

    `named` is the alert that they are shown for, `items` the items of the single-report queue by post. With `posts`, only the
    clusters that any of these is in.
    """
    code = ledger.find_pair(drug.id, reaction.id)
    told = ledger.told(code, start, end) if code != NONE else []
    whole, groups = Cluster(tuple(told)), clusters(told)
    if posts is not None:
        groups = [group for group in groups if any(one.post_id in posts for one in group.reports)]
    return Duplicates(
        named,
        drug,
        reaction,
        len(told),
        whole.counted,
        dict(whole.taken_out),
        [
            Group(group.counted, dict(group.taken_out), [_report(ledger, one, items) for one in group.reports])
            for group in groups
        ],
    )


def _report(ledger: Ledger, told: Told, items: Mapping[str, str]) -> Report:
    like = ledger.named(told.like_row) if told.like_row is not None else None
    return Report(ledger.named(told.row), from_ms(told.at_ms).isoformat(), told.why, like, items.get(told.post_id))


async def _ledger(settings: Settings, rules: Rules, pairs: Collection[Pair], start: int, end: int) -> Ledger:
    """The rows in Redis that have any of the pairs, and those with the same words; enough to count the pairs as the windows do."""
    link = RedisLink.of(settings)
    store = RowStore(link, Keys(settings.redis_prefix), rules)
    length = rules.time.bucket_ms
    try:
        await store.check()
        buckets = await store.read(await store.versions(start // length, -(-end // length)))
    finally:
        await link.close()
    words = {
        row.fingerprint
        for rows in buckets.values()
        for row in rows
        if row.fingerprint is not None and any(pair in pairs for pair in row.pairs)
    }
    vocabulary = Vocabulary()
    blocks = [
        Block.of([row for row in buckets[bucket] if _wanted(row, pairs, words)], vocabulary)
        for bucket in sorted(buckets)
    ]
    return Ledger(blocks, vocabulary, NearLinks(rules.near))


def _wanted(row: Row, pairs: Collection[Pair], words: Collection[str]) -> bool:
    return any(pair in pairs for pair in row.pairs) or row.fingerprint in words
