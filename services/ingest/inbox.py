"""What lies in the topic of dead letters: of each a line without its payload, for the topic may hold more than memory does.

Payloads are read again of those that are worked off, batch by batch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as changed
from datetime import datetime

import msgspec

from services.ingest.delivery import Message
from services.ingest.publish import STAGE
from services.ingest.recipe import RECIPE_HEADER, Recipe, decode_recipe
from shared.broker import Stored, TopicReader
from shared.errors import AdrwatchError, BadMessage
from shared.events import DeadLetter, decode
from shared.settings import Settings
from shared.topics import ATTEMPT_HEADER, CUT_HEADER, DEAD_LETTERS

# So many payloads are in memory together, at most.
_AT_ONCE, _BYTES_AT_ONCE = 1_000, 16_000_000


@dataclass(frozen=True)
class Held:
    """A dead letter as it lies in its topic."""

    letter: DeadLetter
    stored: Stored

    @property
    def attempts(self) -> int:
        """How often the message was replayed before it came here again."""
        value = dict(self.stored.headers).get(ATTEMPT_HEADER, b"0")
        return int(value) if value.isdigit() else 0

    @property
    def cut(self) -> bool:
        """Whether the message was too large to be kept whole."""
        return any(name == CUT_HEADER for name, _ in self.stored.headers)

    @property
    def recipe(self) -> Recipe | None:
        """How the file was read, for a line that ingest refused."""
        try:
            return decode_recipe(dict(self.stored.headers)[RECIPE_HEADER])
        except (KeyError, msgspec.DecodeError):
            return None

    def tombstone(self, topic: str, headers: Sequence[tuple[str, bytes]] = ()) -> Message:
        """The record that makes the dead letter done: the broker forgets it at its next compaction."""
        return Message(topic, self.stored.key or b"", None, self.stored.partition, list(headers))


@dataclass(frozen=True)
class Line:
    """A dead letter without its payload. `bytes` is the payload's size, `place` the letter's offset in its own topic, `source` that
    of its post, empty where the message was none of a post.
    """

    id: str
    occurred_at: datetime
    stage: str
    reason: str
    detail: str
    topic: str
    partition: int
    offset: int
    bytes: int
    attempts: int
    written_ms: int
    place: int
    source: str = ""
    key: str | None = None

    @property
    def of_a_file(self) -> bool:
        """Whether it is a line of a file."""
        return of_a_file(self)


@dataclass(frozen=True)
class Wanted:
    """Which dead letters: all that have every one of these that is given. `since` and `until` are when they became dead letters."""

    ids: Collection[str] = ()
    stage: str | None = None
    reason: str | None = None
    topic: str | None = None
    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def everything(self) -> bool:
        """Whether nothing is given."""
        return self == Wanted()

    def among(self, lines: Iterable[Line]) -> list[Line]:
        """Those of the lines that are wanted."""
        return [
            line
            for line in lines
            if (not self.ids or line.id in self.ids)
            and self.stage in (None, line.stage)
            and self.reason in (None, line.reason)
            and (self.topic is None or line.topic == self.topic or line.topic.endswith(f".{self.topic}"))
            and self.source in (None, line.source)
            and (self.since is None or line.occurred_at >= self.since)
            and (self.until is None or line.occurred_at < self.until)
        ]


@dataclass
class Inbox:
    """The dead letters that are not done, by id in the order they came; `unreadable` counts records that are none."""

    lines: dict[str, Line] = field(default_factory=dict)
    unreadable: int = 0

    def take(self, record: Stored) -> None:
        """The next record of the topic: the last of a key counts, a tombstone means done."""
        name = (record.key or b"").decode(errors="replace")
        self.lines.pop(name, None)
        if record.value is None:
            return
        try:
            self.lines[name] = line_of(held(record))
        except BadMessage:
            self.unreadable += 1


def held(record: Stored) -> Held:
    """The dead letter of a record. Raises BadMessage where it is none."""
    # Without its value: the letter holds the payload already.
    return Held(decode(record.value, DeadLetter), changed(record, value=None))


def look(settings: Settings) -> Inbox:
    """What is there now. Raises what TopicReader raises."""
    inbox = Inbox()
    with TopicReader(settings, DEAD_LETTERS) as reader:
        for record in reader.to_end():
            inbox.take(record)
    return inbox


def one(settings: Settings, letter_id: str, patience: float | None = None) -> Held:
    """One with its payload. Raises AdrwatchError where it is not there any more, DependencyAway."""
    found: Held | None = None
    with TopicReader(settings, DEAD_LETTERS, patience=patience) as reader:
        for record in reader.to_end():
            if (record.key or b"").decode(errors="replace") == letter_id:
                found = held(record) if record.value is not None else None
    if found is None:
        raise AdrwatchError(
            f"no dead letter {letter_id}: it is done already, or was never there", fix="look at the list again"
        )
    return found


def batches(settings: Settings, lines: Collection[Line], patience: float | None = None) -> Iterator[list[Held]]:
    """These with their payloads, so many at once as memory bears. Raises what TopicReader raises."""
    # A key may have several records, and only the last of them stands.
    standing = {line.place for line in lines}
    batch: list[Held] = []
    size = 0
    with TopicReader(settings, DEAD_LETTERS, patience=patience) as reader:
        for record in reader.to_end():
            if record.offset not in standing:
                continue
            batch.append(held(record))
            size += len(record.value or b"")
            if len(batch) == _AT_ONCE or size >= _BYTES_AT_ONCE:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


def of_a_file(letter: DeadLetter | Line) -> bool:
    """Whether ingest refused it: it came from a line of a file, and from no topic, and is not replayed. Pure."""
    return letter.stage == STAGE or letter.partition < 0


def line_of(one: Held) -> Line:
    """What is kept of a dead letter where its payload is not."""
    letter = one.letter
    key = letter.key.decode(errors="replace") if letter.key is not None else None
    source, colon, _ = (key or "").partition(":")
    return Line(
        letter.id, letter.occurred_at, letter.stage, letter.reason, letter.detail, letter.topic, letter.partition,
        letter.offset, len(letter.payload), one.attempts, one.stored.written_ms, one.stored.offset,
        source if colon else "", key,
    )  # fmt: skip
