"""Taking posts back: a deletion for every consumer, tombstones wherever Kafka holds their text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.ingest.dead_letters import Held, open_inbox
from services.ingest.delivery import Delivery, Message
from services.ingest.producer import delivery as connected
from shared.broker import TopicReader, require_topics
from shared.errors import AdrwatchError
from shared.events import Deletion, encode, now
from shared.settings import Settings
from shared.topics import DEAD_LETTERS, DELETIONS, POSTS, PUBLISHED, partition_of


@dataclass
class DeletionAccount:
    """What was written and acknowledged: deletions, tombstones of posts and of dead letters that hold them."""

    asked: int = 0
    deletions: int = 0
    post_tombstones: int = 0
    dead_letter_tombstones: int = 0
    failed: Counter[str] = field(default_factory=Counter)

    @property
    def complete(self) -> bool:
        """Whether the broker has all of it."""
        return not self.failed and self.asked == self.deletions == self.post_tombstones

    def as_dict(self) -> dict[str, Any]:
        """The account for machines."""
        return {
            "asked": self.asked,
            "deletions": self.deletions,
            "post_tombstones": self.post_tombstones,
            "dead_letter_tombstones": self.dead_letter_tombstones,
            "failed": dict(self.failed),
        }


def take_back(settings: Settings, ids: Sequence[str], give_up: float) -> DeletionAccount:
    """Delete posts and the dead letters that hold them. Raises AdrwatchError where a topic is missing or the broker is away.

    A record that is not acknowledged after `give_up` seconds has failed.
    """
    require_topics(settings, [POSTS, DELETIONS, PUBLISHED])
    with TopicReader(settings, DEAD_LETTERS) as reader:
        dead = open_inbox(reader.to_end()).letters.values()
    with connected(settings, give_up) as delivery:
        return delete(ids, dead, delivery, settings.topic_prefix)


def check_ids(ids: Sequence[str]) -> list[str]:
    """The distinct ids, in order. Raises AdrwatchError for one that is not `source:native id`."""
    for post_id in ids:
        source, colon, native = post_id.partition(":")
        if not (source and colon and native):
            raise AdrwatchError(f"{post_id!r} is not a post's id", fix="write it as source:id, such as bluesky:3kabc")
    return list(dict.fromkeys(ids))


def delete(ids: Sequence[str], dead: Iterable[Held], delivery: Delivery, prefix: str) -> DeletionAccount:
    """Delete posts, and those of the dead letters `dead` that are theirs.

    Order: deletions are acknowledged before the first tombstone is sent, so that a crash in between leaves consumers
    informed, and a repeat of the command does the rest. The note that a live source published the post, by which a repeat finds
    it, goes last.
    """
    account = DeletionAccount(asked=len(ids))

    def deleted() -> None:
        account.deletions += 1

    def post_gone() -> None:
        account.post_tombstones += 1

    def letter_gone() -> None:
        account.dead_letter_tombstones += 1

    for post_id in ids:
        value = encode(Deletion(id=post_id, deleted_at=now()))
        place = partition_of(post_id, DELETIONS.partitions)
        delivery.send(Message(DELETIONS.name(prefix), post_id.encode(), value, place), deleted)
    delivery.finish()
    if account.deletions == len(ids):
        keys = {post_id.encode() for post_id in ids}
        for key in keys:
            place = partition_of(key.decode(), POSTS.partitions)
            delivery.send(Message(POSTS.name(prefix), key, None, place), post_gone)
        for held in dead:
            if held.letter.key in keys:
                delivery.send(held.tombstone(DEAD_LETTERS.name(prefix)), letter_gone)
        delivery.finish()
        if not delivery.failed:
            for key in keys:
                place = partition_of(key.decode(), PUBLISHED.partitions)
                delivery.send(Message(PUBLISHED.name(prefix), key, None, place), lambda: None)
            delivery.finish()
    account.failed = delivery.failed
    return account
