"""Taking posts back: a deletion for every consumer, tombstones wherever Kafka holds their text."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from msgspec.structs import replace

from services.ingest.letters import Letters
from shared.broker import require_topics
from shared.errors import AdrwatchError
from shared.events import Deletion, encode, now
from shared.forgetting import told
from shared.settings import Settings
from shared.stream import Output
from shared.topics import DELETION_HEADER, DELETIONS, FORGOTTEN, POSTS, PUBLISHED, partition_of, places_of
from shared.writer import Writer

Write = Callable[[Iterable[Output]], None]


@dataclass(frozen=True)
class TakenBack:
    """What was written and acknowledged: deletions, tombstones of posts and of dead letters that hold them."""

    deletions: int
    post_tombstones: int
    dead_letter_tombstones: int

    def as_dict(self) -> dict[str, Any]:
        """The account for machines."""
        return asdict(self)


def by_hand(settings: Settings, ids: Sequence[str], give_up: float) -> TakenBack:
    """Delete posts because a person asks for it, with connections of their own.

    Raises AdrwatchError where a topic is missing, DependencyAway where the broker has not acknowledged a record after `give_up`
    seconds; then it is repeated.
    """
    asked = now()
    require_topics(settings, [POSTS, DELETIONS, PUBLISHED, FORGOTTEN])
    with Letters(settings) as letters, Writer(settings, give_up) as writer:
        letters.catch_up()
        deletions = [Deletion(id=one, deleted_at=asked, requested_at=asked, asked_by="hand") for one in ids]
        return take_back(deletions, letters, writer.write)


def check_ids(ids: Sequence[str]) -> list[str]:
    """The distinct ids, in order. Raises AdrwatchError for one that is not `source:native id`."""
    for post_id in ids:
        source, colon, native = post_id.partition(":")
        if not (source and colon and native):
            raise AdrwatchError(f"{post_id!r} is not a post's id", fix="write it as source:id, such as bluesky:3kabc")
    return list(dict.fromkeys(ids))


def take_back(
    deletions: Sequence[Deletion], letters: Letters, write: Write, aliases: Collection[str] = ()
) -> TakenBack:
    """Delete posts, and those of the dead letters that hold them; `aliases` are other names under which they were published.

    `write` returns when everything is acknowledged, and raises DependencyAway. Order: deletions are acknowledged before the first
    tombstone is sent, so that a crash in between leaves consumers informed, and a repeat does the rest. The note that a live
    source published the post, by which a repeat finds it, goes last; then it is told that all of it is done.
    """
    at = now()
    asked = [replace(one, deleted_at=at, requested_at=one.requested_at or one.deleted_at) for one in deletions]
    written = [(one, encode(one)) for one in asked]
    write([Output(DELETIONS, one.id, value, partition_of(one.id, DELETIONS.partitions)) for one, value in written])
    posts = [one for deletion, value in written for one in tombstones(deletion.id, ((DELETION_HEADER, value),))]
    dead = letters.tombstones(one.id for one in deletions)
    write([*posts, *dead])
    notes = [one.id for one in deletions] + list(aliases)
    write([Output(PUBLISHED, note, None, partition_of(note, PUBLISHED.partitions)) for note in notes])
    write([told(one, "topics") for one in asked])
    return TakenBack(len(written), len(written), len(dead))


def tombstones(post: str, headers: tuple[tuple[str, bytes], ...] = ()) -> list[Output]:
    """What makes adr.posts forget the text of a post, wherever it lies: partitions may have been raised since it was written.

    The headers go with the one in the present partition, where whoever reads it has read all that came of the post last.
    """
    present, *before = places_of(post, POSTS)
    return [*(Output(POSTS, post, None, place) for place in before), Output(POSTS, post, None, present, headers)]
