"""Fills an instance with what a dashboard shows after two busy months: made up, the same for a seed. No worker needs to run.

`python -m tests.benchmarks.dashboard_data` fills the instance of the settings (`adrwatch up`, and no rows in Redis yet). Rows go
through alerting's own store, alerts through its rules, cases and reviews through their books.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import numpy as np
import typer

from services.alerting.link import RedisLink
from services.alerting.rows import Batch, RowStore
from services.cases.audit import Trail
from services.cases.casebook import Casebook
from services.cases.database import Database
from services.cases.reviews import Reviews
from shared.errors import AdrwatchError
from shared.events import Alert, Concept, Mention, Post, Span, encode, mention_id, now
from shared.redis_keys import Keys
from shared.settings import Settings, current
from shared.signals.near import NearLinks
from shared.signals.rules import Rules, load_rules
from shared.signals.singles import queue
from shared.signals.timeline import Timeline
from shared.signals.windows import Block, Ledger, Row, Vocabulary, to_ms
from shared.stream import Output
from shared.topics import ALERTS, MENTIONS, POSTS, partition_of
from shared.writer import Writer

_SOURCES = {"bluesky": 0.55, "mastodon": 0.2, "reddit": 0.2, "feeds": 0.05}
_TEMPLATES = (
    "Two weeks on {drug} and now {reaction}, is that normal?",
    "{drug} gave me {reaction}. Told my doctor today.",
    "anyone else get {reaction} after starting {drug}",
    "Stopped {drug} because of {reaction}, much better since",
)
_DRUGS, _REACTIONS = 200, 120
# Of the last days, and so many times as frequent as before: what has risen.
_BURST_DAYS, _BURST = 5, 8
_CHUNK = 5_000
# A source that hears some posts a second writes few at once; whoever reads one of a batch decodes those before it, too.
_AT_ONCE = 20
_PATIENCE = 60.0


@dataclass(frozen=True)
class Sizes:
    """How much there is."""

    mentions: int = 100_000
    pairs: int = 5_000
    days: int = 60
    dossiers: int = 500
    seed: int = 7


@dataclass(frozen=True)
class Reported:
    """A post with what the pipeline makes of it."""

    post: Post
    mentions: tuple[Mention, ...]
    row: Row


def reports(sizes: Sizes, until: datetime) -> Iterator[Reported]:
    """Posts in the order of time, until they have as many mentions as are wanted; few pairs are frequent, most are rare."""
    rng, choice = random.Random(sizes.seed), np.random.default_rng(sizes.seed)
    pairs = [
        (number // _REACTIONS, number % _REACTIONS) for number in rng.sample(range(_DRUGS * _REACTIONS), sizes.pairs)
    ]
    weights = 1.0 / np.arange(1, sizes.pairs + 1) ** 0.9
    late = weights.copy()
    late[sizes.pairs // 10 :: sizes.pairs // 25] *= _BURST
    # Every pair once, then by weight.
    numbers = np.concatenate(
        [choice.permutation(sizes.pairs), choice.choice(sizes.pairs, sizes.mentions, p=weights / weights.sum())]
    )[: sizes.mentions]
    bursting = choice.choice(sizes.pairs, sizes.mentions, p=late / late.sum())
    choice.shuffle(numbers)
    begin = until - timedelta(days=sizes.days)
    times = np.sort(choice.random(sizes.mentions)) * sizes.days
    at = 0
    for post in itertools.count():
        size = 2 if rng.random() < 0.25 else 1
        places = range(at, min(at + size, sizes.mentions))
        if not places:
            return
        at = places.stop
        moment = begin + timedelta(days=float(times[places[0]]))
        of_days = bursting if times[places[0]] > sizes.days - _BURST_DAYS else numbers
        chosen = dict.fromkeys(pairs[int(of_days[place])] for place in places)
        yield _reported(post, moment.replace(microsecond=0), list(chosen), rng)


def _reported(number: int, moment: datetime, pairs: Sequence[tuple[int, int]], rng: random.Random) -> Reported:
    [source] = rng.choices(list(_SOURCES), list(_SOURCES.values()))
    name, author = f"{source}:{number:06d}", f"author-{int(rng.betavariate(0.5, 1.5) * 40_000)}"
    parts, mentions, length = [], [], 0
    for drug, reaction in pairs:
        concepts = (
            Concept(f"DB9{drug:04d}", f"Medicine {drug:03d}"),
            Concept(f"HP:9{reaction:05d}", f"Reaction {reaction:03d}"),
        )
        template = rng.choice(_TEMPLATES)
        text = template.format(drug=concepts[0].label, reaction=concepts[1].label)
        spans = [
            Span(length + text.index(one.label), length + text.index(one.label) + len(one.label)) for one in concepts
        ]
        serious = ("hospitalisation",) if rng.random() < 0.005 else ()
        mentions.append(
            Mention(
                id=mention_id(name, *spans), post_id=name, created_at=moment, drug=concepts[0], reaction=concepts[1],
                drug_span=spans[0], reaction_span=spans[1], score=round(rng.uniform(0.5, 1.0), 3), model_version="made-up",
                author=author, serious=serious, situations=("lack_of_effect",) if rng.random() < 0.005 else (),
                person=rng.choice(("writer", "other", None)), language=rng.choice(("en", "en", "en", None)),
            )
        )  # fmt: skip
        parts.append(text)
        length += len(text) + 1
    post = Post(id=name, source=source, text="\n".join(parts), created_at=moment, ingested_at=moment, author=author)
    distinct = tuple(sorted({(one.drug.id, one.reaction.id) for one in mentions}))
    return Reported(post, tuple(mentions), Row(name, to_ms(moment), author, f"words-{number}", distinct))


def alerts(found: Sequence[Reported], rules: Rules) -> list[Alert]:
    """The single reports, and the signals of the last closed bucket of each day."""
    length = rules.time.bucket_ms
    vocabulary = Vocabulary()
    blocks = [
        Block.of([one.row for one in of_bucket], vocabulary)
        for _, of_bucket in itertools.groupby(found, key=lambda one: one.row.at_ms // length)
    ]
    ledger = Ledger(blocks, vocabulary, NearLinks(rules.near))
    labels = {c.id: c.label for one in found for mention in one.mentions for c in (mention.drug, mention.reaction)}
    timeline, latest = Timeline(rules, labels), dict[str, Alert]()
    first, last = found[0].row.at_ms // length, found[-1].row.at_ms // length
    for bucket in range(first + 24, last + 1, 24):
        latest |= {alert.id: alert for alert in timeline.close(ledger, bucket * length)}
    return [*queue((mention for one in found for mention in one.mentions), rules), *latest.values()]


def fill(settings: Settings, rules: Rules, sizes: Sizes) -> dict[str, int]:
    """Write all of it; how much of each there is. Raises AdrwatchError where Redis has rows already, DependencyAway."""
    until = now()
    found = list(reports(sizes, until))
    kept_from = until - timedelta(milliseconds=POSTS.retention_ms)
    told = alerts(found, rules)
    asyncio.run(_rows(settings, rules, found))
    with Writer(settings, _PATIENCE) as writer:
        for outputs in _chunks((_post(one) for one in found if one.post.created_at > kept_from), _AT_ONCE):
            writer.write(outputs)
        for outputs in _chunks(
            itertools.chain(
                (_mention(mention) for one in found for mention in one.mentions),
                (Output(ALERTS, alert.id, encode(alert)) for alert in told),
            )
        ):
            writer.write(outputs)
    dossiers = _dossiers(settings, told[: sizes.dossiers // 2] + told[::-1][: sizes.dossiers - sizes.dossiers // 2])
    return {"posts": len(found), "alerts": len(told), "dossiers": dossiers}


async def _rows(settings: Settings, rules: Rules, found: Sequence[Reported]) -> None:
    link, keys = RedisLink(settings.require("redis_url")), Keys(settings.redis_prefix)
    store = RowStore(link, keys, rules)
    try:
        if not await store.lost():
            raise AdrwatchError("Redis has rows already", fix="set ADRWATCH_REDIS_PREFIX to a new one")
        await store.check()
        for part in _chunks(found):
            labels = {
                c.id: c.label for one in part for mention in one.mentions for c in (mention.drug, mention.reaction)
            }
            await store.write(Batch({one.row.post_id: one.row for one in part}, set(), labels, {}))
        length = rules.time.bucket_ms
        closed = found[-1].row.at_ms // length * length
        await link.run(lambda pipe: pipe.zadd(keys.watermark, {"closed": closed}))
    finally:
        await link.close()


def _dossiers(settings: Settings, told: Sequence[Alert]) -> int:
    trail = Trail.of(settings)
    database = Database.opened(settings)
    try:
        cases, reviews = Casebook(database, trail, "made-up"), Reviews(database, trail, "made-up")
        for alert in {alert.id: alert for alert in told}.values():
            if alert.kind == "single_report":
                cases.open(alert, alert.rules, (), "made up")
            else:
                reviews.take_up(alert)
        return len({alert.id for alert in told})
    finally:
        database.close()


def _post(one: Reported) -> Output:
    return Output(POSTS, one.post.id, encode(one.post), partition_of(one.post.id, POSTS.partitions))


def _mention(mention: Mention) -> Output:
    return Output(MENTIONS, mention.id, encode(mention), partition_of(mention.drug.id, MENTIONS.partitions))


def _chunks(items: Any, size: int = _CHUNK) -> Iterator[list[Any]]:
    iterator = iter(items)
    while part := list(itertools.islice(iterator, size)):
        yield part


def main(
    mentions: Annotated[int, typer.Option(help="How many mentions.")] = Sizes.mentions,
    pairs: Annotated[int, typer.Option(help="Of how many pairs.")] = Sizes.pairs,
    days: Annotated[int, typer.Option(help="Over how many days.")] = Sizes.days,
    dossiers: Annotated[int, typer.Option(help="How many cases and signals under review.")] = Sizes.dossiers,
) -> None:
    """Fill the instance of the settings."""
    settings, began = current(), time.monotonic()
    written = fill(settings, load_rules(settings.rules_file), Sizes(mentions, pairs, days, dossiers))
    words = ", ".join(f"{number:,} {name}" for name, number in written.items())
    typer.echo(f"{words} in {time.monotonic() - began:.0f} s, until {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")


if __name__ == "__main__":
    typer.run(main)
