"""Working off dead letters: sending them back to their topics, or giving them up."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.ingest import inbox
from services.ingest.delivery import Delivery, Message
from services.ingest.inbox import Held, Line, of_a_file
from services.ingest.producer import delivery
from shared.broker import require_topics
from shared.errors import AdrwatchError
from shared.settings import Settings
from shared.topics import ATTEMPT_HEADER, DEAD_LETTERS, MENTIONS, TOPICS, Topic, partition_of, places_of

# On the tombstone of a dead letter that was given up: why, in somebody's words.
DISCARDED_HEADER = "adrwatch-discarded"
# Why letters are not sent back, in words for people.
SKIPPED = {
    "export": "lines of files are not replayed: `adrwatch dead-letters export FOLDER` writes them for mending",
    "unknown-topic": "some came from a topic that is none of this ADRWATCH_TOPIC_PREFIX",
    "cut": "some were too large to be kept whole: read them from their topic at the offset that the list names",
    "not-kept": "some come from sources of which only aggregates may be kept, so there is nothing to send back",
}


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


Batches = Callable[[Iterable[list[Held]]], Iterable[list[Held]]]


def send_back(
    settings: Settings,
    lines: Collection[Line],
    give_up: float,
    *,
    patience: float | None = None,
    follow: Batches = lambda batches: batches,
) -> ReplayAccount:
    """Replay these, batch by batch; what goes through `follow` is seen by whoever waits.

    Raises DependencyAway, AdrwatchError where there are none of them.
    """
    if not lines:
        raise AdrwatchError("none of these dead letters is there any more", fix="look at the list again")
    require_topics(settings, TOPICS)
    prefix, account = settings.topic_prefix, ReplayAccount(chosen=len(lines))
    with delivery(settings, give_up) as outgoing:
        for batch in follow(inbox.batches(settings, lines, patience)):
            account.take_in(replay(batch, outgoing, prefix, DEAD_LETTERS.name(prefix)))
            if outgoing.hopeless:
                break
    return account


def replay(chosen: Sequence[Held], delivery: Delivery, prefix: str, topic: str) -> ReplayAccount:
    """Send the original bytes of one batch back to their topics, then mark the dead letters in `topic` done.

    Originals are sent and acknowledged, and only for those the tombstone is sent.
    Skipped: `export` (a line of a file has no topic), `unknown-topic` (not one of this prefix), `cut` (a part of a message
    is not the message) and `not-kept` (the terms of the source let nothing be kept of it).
    """
    account = ReplayAccount(chosen=len(chosen))
    topics = {declared.name(prefix): declared for declared in TOPICS}
    acknowledged: list[Held] = []
    for held in chosen:
        letter = held.letter
        if of_a_file(letter):
            account.skipped["export"] += 1
        elif letter.topic not in topics:
            account.skipped["unknown-topic"] += 1
        elif held.cut:
            account.skipped["cut"] += 1
        elif not letter.payload:
            account.skipped["not-kept"] += 1
        else:
            delivery.send(_original(held, topics[letter.topic]), functools.partial(acknowledged.append, held))
    delivery.finish()
    account.replayed = len(acknowledged)
    account.done = mark_done(acknowledged, delivery, topic)
    account.failed = delivery.failed
    return account


def discard(settings: Settings, lines: Collection[Line], why: str, give_up: float) -> int:
    """Give these up: tombstones that say why. Returns how many the broker acknowledged. Raises DependencyAway."""
    topic = DEAD_LETTERS.name(settings.topic_prefix)
    done: list[Line] = []
    with delivery(settings, give_up) as outgoing:
        for line in lines:
            tombstone = Message(topic, line.id.encode(), None, 0, [(DISCARDED_HEADER, why.encode())])
            outgoing.send(tombstone, functools.partial(done.append, line))
        outgoing.finish()
    return len(done)


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
