"""A small world for tests of alerting: posts that we made up, real Redis, and a stream whose topic is a list."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from services.alerting.clock import EventClock
from services.alerting.close import Closer
from services.alerting.count import Counter
from services.alerting.evaluate import Evaluator
from services.alerting.forget import Forgetter
from services.alerting.link import RedisLink, Stage
from services.alerting.rows import RowStore
from services.alerting.singles import SingleReports
from services.alerting.watermark import Idleness
from shared.errors import DependencyAway
from shared.events import Alert, Closure, Concept, Deletion, Forgotten, Mention, Outcome, Pair, Span, decode, encode
from shared.redis_keys import Keys
from shared.signals.reports import row_of
from shared.signals.rules import Rules
from shared.signals.timeline import Timeline
from shared.signals.windows import Row, from_ms, to_ms
from shared.stream import BatchResult, Output, Record
from shared.topics import (
    ALERTS,
    CLOSURES,
    DELETIONS,
    FORGOTTEN,
    MENTIONS,
    OUTCOMES,
    VERSION_HEADER,
    Topic,
    partition_of,
)
from tests.unit.signals.signal_rows import HOUR, ledger_of, rules_with, sketch_with

# The first hour of a day long ago, so that nothing lies in the future.
START = to_ms(datetime(2025, 6, 1, tzinfo=UTC))
LABELS = {"d1": "Drug one", "d2": "Drug two", "d3": "Drug three", "r1": "Rash", "r2": "Nausea", "r3": "Insomnia"}
SMALL = {
    "time__windows_hours": [6, 48],
    "time__kept_lateness_hours": 24,
    "policy__cool_down_hours": 12,
    "near__hours": 24,
}


def small_rules(**changes: Any) -> Rules:
    """The shipped rules with windows of hours, for streams of days."""
    return rules_with(**{**SMALL, **changes})


def concept(name: str) -> Concept:
    return Concept(name, LABELS.get(name, name))


def outcome(
    post: str,
    at: int,
    *pairs: tuple[str, str],
    author: str | None = None,
    fingerprint: str | None = None,
    sketch: bytes | None = None,
) -> Outcome:
    """The outcome of a post; `at` in ms after START. Without pairs it is negative."""
    return Outcome(
        post_id=post,
        status=f"mentions:{len(pairs)}" if pairs else "negative",
        created_at=from_ms(START + at),
        model_version="test",
        author=author,
        fingerprint=fingerprint,
        sketch=sketch,
        pairs=tuple(Pair(concept(drug), concept(reaction)) for drug, reaction in pairs),
    )


def mention(post: str, at: int, drug: str = "d1", reaction: str = "r1", span: int = 20, **fields: Any) -> Mention:
    return Mention(
        id=f"{post}-{drug}-{reaction}-{span}", post_id=post, created_at=from_ms(START + at), drug=concept(drug),
        reaction=concept(reaction), drug_span=Span(0, 4), reaction_span=Span(span, span + 4), score=0.9,
        model_version="test", **fields,
    )  # fmt: skip


def deletion(post: str) -> Deletion:
    return Deletion(id=post, deleted_at=from_ms(START))


def closing(at: int) -> list[Outcome]:
    """A negative post in each partition, which moves the watermark to `at`."""
    found: dict[int, Outcome] = {}
    number = 0
    while len(found) < OUTCOMES.partitions:
        post = f"closing-{at}-{number}"
        found.setdefault(partition_of(post, OUTCOMES.partitions), outcome(post, at))
        number += 1
    return list(found.values())


def records(topic: Topic, events: Sequence[Any], written: int = 0, version: int | None = None) -> list[Record]:
    """Events as they lie in a topic: when they were written there, and the version of their post as they say it, in ms."""
    headers = () if version is None else ((VERSION_HEADER, str(version).encode()),)
    keys = {
        OUTCOMES: lambda e: e.post_id,
        MENTIONS: lambda e: e.drug.id,
        DELETIONS: lambda e: e.id,
        CLOSURES: lambda e: e.id,
    }
    return [
        Record(
            topic.suffix, partition_of(keys[topic](event), topic.partitions), 0, None, encode(event), headers, written
        )
        for event in events
    ]


# Hours of the stream in which a pair comes up more than it should.
BURSTS = [(10, 14, ("d1", "r1")), (20, 28, ("d3", "r3")), (44, 60, ("d1", "r1")), (80, 84, ("d2", "r1"))]


def several_days(seed: int = 1, days: int = 4, posts: int = 700) -> list[Outcome]:
    """Posts of some days with bursts of pairs, reposts, copies, busy authors and posts without pairs or authors."""
    rng = random.Random(seed)
    found = []
    for i in range(posts):
        at = rng.randrange(days * 24 * HOUR) // 1000 * 1000
        bursts = [pair for start, end, pair in BURSTS if start * HOUR <= at < end * HOUR]
        pairs = {rng.choice(bursts)} if bursts and rng.random() < 0.6 else _any_pair(rng)
        if rng.random() < 0.2:
            pairs |= _any_pair(rng)
        if rng.random() < 0.1:
            pairs = set()
        author = None if rng.random() < 0.2 else f"a{rng.randint(1, 300)}"
        fingerprint = f"f{rng.randint(1, 60)}" if rng.random() < 0.2 else f"g{i}"
        # Two in ten are copies of one of five texts.
        sketch = sketch_with(i % 4 * 15, of=i % 5) if i % 10 < 2 else sketch_with(0, of=10 + i)
        found.append(outcome(f"t:{i}", at, *sorted(pairs), author=author, fingerprint=fingerprint, sketch=sketch))
    # As a topic holds them: in the order of event time, but for some minutes.
    return sorted(found, key=lambda o: to_ms(o.created_at) + rng.randrange(20 * 60_000))


def _any_pair(rng: random.Random) -> set[tuple[str, str]]:
    return {(f"d{rng.randint(1, 8)}", f"r{rng.randint(1, 8)}")}


def expected_alerts(outcomes: Sequence[Outcome], end: int, rules: Rules) -> list[Alert]:
    """What must be published, by the pure functions alone, over all buckets before `end` (ms after START)."""
    ledger = ledger_of([row for row in map(row_of, outcomes) if row is not None], rules=rules)
    timeline = Timeline(rules, LABELS)
    return [alert for close in range(START + HOUR, START + end + 1, HOUR) for alert in timeline.close(ledger, close)]


class ListStream:
    """Stands in for the worker's side of Kafka: what is sent is kept, in order."""

    def __init__(self, mentions: Sequence[int] = range(MENTIONS.partitions)) -> None:
        self.owned = {MENTIONS: frozenset(mentions), OUTCOMES: frozenset(range(OUTCOMES.partitions))}
        self.sent: list[Output] = []
        self.unread: set[int] = set()

    def assigned(self, topic: Topic) -> frozenset[int]:
        return self.owned[topic]

    def at_end(self, topic: Topic, partition: int) -> bool:
        return partition not in self.unread

    async def send(self, outputs: Sequence[Output]) -> None:
        self.sent.extend(outputs)

    @property
    def alerts(self) -> list[Alert | str]:
        """The alerts in the order of their sending; a tombstone is its id."""
        return [decode(o.value, Alert) if o.value is not None else o.key for o in self.sent if o.topic is ALERTS]

    @property
    def forgotten(self) -> list[tuple[str, str]]:
        """Post's hash and store of what was told to be forgotten, in the order of its sending."""
        events = [decode(o.value, Forgotten) for o in self.sent if o.topic is FORGOTTEN]
        return [(event.post, event.store) for event in events]

    @property
    def latest(self) -> dict[str, Alert]:
        """The state of each alert that was not taken back."""
        state: dict[str, Alert] = {}
        for output in self.sent:
            if output.topic is not ALERTS:
                continue
            state.pop(output.key, None)
            if output.value is not None:
                state[output.key] = decode(output.value, Alert)
        return state


class ListUpstream:
    """Stands in for the pipeline: `on_the_way` are the partitions with posts that it has not answered."""

    def __init__(self) -> None:
        self.on_the_way: set[int] = set()

    async def drained(self, partitions: Collection[int]) -> set[int]:
        return set(partitions) - self.on_the_way


class FailingLink(RedisLink):
    """Redis goes away before the n-th round trip from now on, or right after it; once."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.fail_in: int | None = None
        self.after = False

    async def run(self, *stages: Stage) -> list[list[Any]]:
        if self.fail_in is not None:
            self.fail_in -= 1
            if self.fail_in < 0:
                self.fail_in = None
                if self.after:
                    await super().run(*stages)
                raise DependencyAway("Redis was taken away by the test")
        return await super().run(*stages)


class Alerting:
    """One worker's parts, wired as the real one wires them."""

    def __init__(self, url: str, prefix: str, rules: Rules, stream: ListStream | None = None) -> None:
        self.link = FailingLink(url)
        self.stream = stream or ListStream()
        self.keys = Keys(prefix)
        self.store = RowStore(self.link, self.keys, rules)
        self.moment = 0.0
        idleness = Idleness(rules.time.idle_seconds.value)
        self.upstream = ListUpstream()
        self.clock = EventClock(self.link, self.keys, rules, self.stream, idleness, self.upstream, lambda: self.moment)
        self.counter = Counter(self.store, idleness, self.clock.kept_from, future_limit=600.0)
        self.singles = SingleReports(self.link, self.keys, rules, self.stream.send)
        self.forgetter = Forgetter(self.link, self.store, self.stream.send)
        self.closer = Closer(self.link, self.keys)
        self.evaluator = Evaluator(self.link, self.store, rules, self.stream, self.clock)

    async def count(self, outcomes: Sequence[Outcome], batch: int = 64, **at: int | None) -> BatchResult:
        """Hand outcomes to the counter in batches; the last batch's result. `at`: see `records`."""
        result = BatchResult()
        for start in range(0, len(outcomes), batch):
            result = await self.counter.handle(records(OUTCOMES, outcomes[start : start + batch], **at))
        return result

    async def mentions(self, *found: Mention, **at: int | None) -> None:
        """Hand mentions over as one batch, and send what comes of it. `at`: see `records`."""
        await self.stream.send((await self.singles.handle(records(MENTIONS, found, **at))).outputs)

    async def delete(self, *posts: str) -> None:
        """Delete posts, and send what comes of it."""
        done = await self.forgetter.handle(records(DELETIONS, [deletion(post) for post in posts]))
        await self.stream.send(done.outputs)

    async def edit(self, post: str, written: int) -> None:
        """Take back what there was of a post when it was edited, and send what comes of it."""
        edited = Deletion(id=post, deleted_at=from_ms(START), edited=True)
        done = await self.forgetter.handle(records(DELETIONS, [edited], written))
        await self.stream.send(done.outputs)

    async def close(self, *alerts: Alert) -> None:
        """Close signals, as a person who sees these alerts does."""
        closures = [
            Closure(id=a.id, drug=a.drug, reaction=a.reaction, evidence_until=a.evaluated_at, closed_at=a.evaluated_at)
            for a in alerts
        ]
        await self.closer.handle(records(CLOSURES, closures))

    async def tick(self) -> None:
        await self.evaluator.tick()

    async def rows(self) -> dict[str, Row]:
        """All rows in Redis, by post."""
        found = await self.store.read(await self.store.versions(0, 1 << 40))
        return {row.post_id: row for rows in found.values() for row in rows}
