"""Working off dead letters: what is there, and sending it back to its topic."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as changed
from typing import Any

import msgspec

from services.ingest.delivery import Delivery, Message
from services.ingest.publish import STAGE
from services.ingest.recipe import RECIPE_HEADER, Recipe, decode_recipe
from shared.broker import Stored
from shared.errors import BadMessage
from shared.events import DeadLetter, decode
from shared.topics import CUT_HEADER, MENTIONS, TOPICS, Topic, partition_of, places_of

ATTEMPT_HEADER = "adrwatch-attempt"
_AT_ONCE = 1_000
# Why letters are not sent back, in words for people.
SKIPPED = {
    "export": "lines of files are not replayed: `adrwatch dead-letters export FOLDER` writes them for mending",
    "unknown-topic": "some came from a topic that is none of this ADRWATCH_TOPIC_PREFIX",
    "cut": "some were too large to be kept whole: read them from their topic at the offset that the list names",
    "not-kept": "some come from sources of which only aggregates may be kept, so there is nothing to send back",
}


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

    def tombstone(self, topic: str) -> Message:
        """The record that makes the dead letter done: the broker forgets it at its next compaction."""
        return Message(topic, self.stored.key or b"", None, self.stored.partition)


@dataclass(frozen=True)
class Inbox:
    """The dead letters that are not done, by id in the order they came; `unreadable` counts records that are none."""

    letters: dict[str, Held]
    unreadable: int

    def chosen(
        self, ids: Sequence[str] = (), *, stage: str | None = None, reason: str | None = None
    ) -> tuple[list[Held], list[str]]:
        """The letters with these ids (all, if none are named) of this stage and reason, and the ids that are not there."""
        found = [self.letters[name] for name in ids if name in self.letters] if ids else list(self.letters.values())
        kept = [held for held in found if stage in (None, held.letter.stage) and reason in (None, held.letter.reason)]
        return kept, [name for name in ids if name not in self.letters]


def open_inbox(records: Iterable[Stored]) -> Inbox:
    """Read the topic's records: the last of a key counts, a tombstone means done."""
    letters: dict[str, Held] = {}
    unreadable = 0
    for record in records:
        key = (record.key or b"").decode(errors="replace")
        letters.pop(key, None)
        if record.value is None:
            continue
        try:
            # Without its value: the letter holds the payload already.
            letters[key] = Held(decode(record.value, DeadLetter), changed(record, value=None))
        except BadMessage:
            unreadable += 1
    return Inbox(letters, unreadable)


@dataclass
class ReplayAccount:
    """chosen = replayed + skipped + failed. `done` counts acknowledged tombstones; one that is missing is replayed twice,
    which consumers bear.
    """

    chosen: int = 0
    replayed: int = 0
    done: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    @property
    def complete(self) -> bool:
        """Whether every chosen letter was replayed and is done, or is of a kind that cannot be replayed."""
        return not self.failed and self.chosen == self.replayed + self.skipped.total() and self.replayed == self.done

    def take_in(self, part: ReplayAccount) -> None:
        """Add what became of a part of the chosen letters, which went out by the same delivery as the parts before it."""
        self.replayed += part.replayed
        self.done += part.done
        self.skipped += part.skipped
        # A delivery counts all that it failed to send.
        self.failed = part.failed

    @property
    def words(self) -> list[str]:
        """The account for people: the figures, then why some were left out."""
        figures = (
            f"{self.chosen} chosen: {self.replayed} replayed, {self.done} marked done, {self.skipped.total()} skipped,"
            f" {self.failed.total()} failed"
        )
        return [figures, *(words for reason, words in SKIPPED.items() if self.skipped[reason])]

    def as_dict(self) -> dict[str, Any]:
        """The account for machines."""
        return {
            "chosen": self.chosen,
            "replayed": self.replayed,
            "done": self.done,
            "skipped": dict(self.skipped),
            "failed": dict(self.failed),
        }


def replay(chosen: Sequence[Held], delivery: Delivery, prefix: str, topic: str) -> ReplayAccount:
    """Send the original bytes back to their topics, then mark the dead letters in `topic` done.

    Order, for every thousand: originals are sent and acknowledged, and only for those the tombstone is sent.
    Skipped: `export` (a line of a file has no topic), `unknown-topic` (not one of this prefix), `cut` (a part of a message
    is not the message) and `not-kept` (the terms of the source let nothing be kept of it).
    """
    account = ReplayAccount(chosen=len(chosen))
    topics = {one.name(prefix): one for one in TOPICS}
    ready: list[tuple[Held, Message]] = []
    for held in chosen:
        letter = held.letter
        if letter.stage == STAGE or letter.partition < 0:
            account.skipped["export"] += 1
        elif letter.topic not in topics:
            account.skipped["unknown-topic"] += 1
        elif held.cut:
            account.skipped["cut"] += 1
        elif not letter.payload:
            account.skipped["not-kept"] += 1
        else:
            ready.append((held, _original(held, topics[letter.topic])))
    for start in range(0, len(ready), _AT_ONCE):
        acknowledged: list[Held] = []
        for held, message in ready[start : start + _AT_ONCE]:
            delivery.send(message, functools.partial(acknowledged.append, held))
        delivery.finish()
        account.replayed += len(acknowledged)
        account.done += mark_done(acknowledged, delivery, topic)
        if delivery.hopeless:
            break
    account.failed = delivery.failed
    return account


def mark_done(letters: Iterable[Held], delivery: Delivery, topic: str) -> int:
    """Write tombstones; returns how many were acknowledged."""
    done: list[Held] = []
    for held in letters:
        delivery.send(held.tombstone(topic), functools.partial(done.append, held))
    delivery.finish()
    return len(done)


def _original(held: Held, topic: Topic) -> Message:
    letter = held.letter
    headers = [(name, value) for name, value in held.stored.headers if name != ATTEMPT_HEADER]
    headers.append((ATTEMPT_HEADER, str(held.attempts + 1).encode()))
    place, key = letter.partition, (letter.key or b"").decode(errors="replace")
    # Partitions may have been raised since, and what came later of a post be in another. Of a mention its drug decides.
    if place >= topic.partitions or (topic is not MENTIONS and place in places_of(key, topic)):
        place = partition_of(key, topic.partitions)
    return Message(
        letter.topic, letter.key if letter.key is not None else letter.id.encode(), letter.payload, place, headers
    )
