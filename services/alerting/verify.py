"""Whether Redis holds the rows that the topics say it should: `adrwatch windows verify`."""

from __future__ import annotations

import asyncio
from collections import Counter as Tally
from dataclasses import dataclass, field

import msgspec

from services.alerting.group import committed
from services.alerting.link import RedisLink
from services.alerting.rows import RowStore
from services.alerting.versions import is_older, is_taken
from shared.broker import Stored, TopicReader
from shared.errors import BadMessage
from shared.events import Deletion, Outcome, decode, derived_id
from shared.forgetting import version_of
from shared.redis_keys import Keys
from shared.settings import Settings
from shared.signals.reports import row_of
from shared.signals.rules import Rules
from shared.signals.windows import Row, to_ms
from shared.topics import DELETIONS, OUTCOMES, Topic

_SHOWN = 10


class Compared(msgspec.Struct, frozen=True):
    """Rows by the topics and by Redis. `kinds`: differences by kind; `examples`: hashes of some posts that differ."""

    expected: int
    held: int
    unread: int
    kinds: dict[str, int]
    examples: list[str]

    @property
    def alike(self) -> bool:
        """Whether there is no difference."""
        return not self.kinds


@dataclass
class _Topics:
    rows: dict[str, Row] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)


def compare(settings: Settings, rules: Rules) -> Compared:
    """Compare Redis with the topics, on a system at work. Posts that may still be on their way to Redis are left out, and counted.

    What alerting has committed is asked for first, then Redis, and the topics are read last: Redis then holds all that was
    committed, and nothing that the topics do not have. Raises DependencyAway, AdrwatchError.
    """
    read = {topic: committed(settings, topic) for topic in (OUTCOMES, DELETIONS)}
    held, kept_from = asyncio.run(_of_redis(settings, rules))
    wanted = _of_topics(settings, read)
    expected = {post: row for post, row in wanted.rows.items() if kept_from is None or row.at_ms >= kept_from}
    kinds: Tally[str] = Tally()
    examples: list[str] = []
    for post in sorted((expected.keys() | held.keys()) - wanted.unread):
        ours, theirs = held.get(post), expected.get(post)
        if ours == theirs or (theirs is None and ours is not None and kept_from is not None and ours.at_ms < kept_from):
            continue
        kinds["missing in Redis" if ours is None else "not in the topics" if theirs is None else "different"] += 1
        if len(examples) < _SHOWN:
            examples.append(derived_id(post))
    return Compared(len(expected), len(held), len(wanted.unread), dict(kinds), examples)


def _of_topics(settings: Settings, read: dict[Topic, dict[int, int]]) -> _Topics:
    """The last outcome of each post's latest version as far as alerting had read, but for what was taken back."""
    found = _Topics()
    with TopicReader(settings, OUTCOMES) as reader:
        for stored in reader.to_end():
            try:
                outcome = decode(stored.value or b"", Outcome)
            except BadMessage:
                continue
            # Alerting refuses a post from the future, and takes one whose time has come by when it is read.
            if stored.offset >= read[OUTCOMES].get(stored.partition, 0) or _from_the_future(outcome, stored, settings):
                found.unread.add(outcome.post_id)
                continue
            of = version_of(stored.headers, -stored.written_ms)
            if is_older(of, found.versions.get(outcome.post_id, 0)):
                continue
            found.versions[outcome.post_id] = of
            found.rows.pop(outcome.post_id, None)
            if (row := row_of(outcome)) is not None:
                found.rows[outcome.post_id] = row
    with TopicReader(settings, DELETIONS) as reader:
        for stored in reader.to_end():
            try:
                deletion = decode(stored.value or b"", Deletion)
            except BadMessage:
                continue
            if stored.offset >= read[DELETIONS].get(stored.partition, 0):
                found.unread.add(deletion.id)
            elif not deletion.edited or is_taken(found.versions.get(deletion.id, 0), stored.written_ms):
                found.rows.pop(deletion.id, None)
    return found


def _from_the_future(outcome: Outcome, stored: Stored, settings: Settings) -> bool:
    return to_ms(outcome.created_at) > stored.written_ms + settings.future_limit * 1000


async def _of_redis(settings: Settings, rules: Rules) -> tuple[dict[str, Row], int | None]:
    """All rows by post, and the start of the first bucket that is kept (None: nothing was let go yet)."""
    link, keys = RedisLink.of(settings), Keys(settings.redis_prefix)
    try:
        store = RowStore(link, keys, rules)
        rows = await store.read(await store.versions(0, 1 << 40))
        [[until]] = await link.run(lambda pipe: pipe.hvals(keys.evaluated_until))
    finally:
        await link.close()
    kept_from = rules.time.kept_from(min(map(int, until))) if until else None
    return {row.post_id: row for found in rows.values() for row in found}, kept_from
