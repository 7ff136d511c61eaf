"""Texts that a source may keep for fewer days than the topics do: forgotten in `adr.posts` and in the dead letters.

What was counted of the posts stays: this is no deletion.
"""

from __future__ import annotations

from datetime import UTC, datetime

from services.ingest.dead_letters import open_inbox
from services.ingest.networks.known import Known
from shared.broker import TopicReader
from shared.settings import Settings
from shared.stream import Output
from shared.topics import DEAD_LETTERS, POSTS, partition_of


def outdated(settings: Settings, source: str, known: Known, before_ms: int) -> tuple[list[Output], list[str]]:
    """Tombstones for texts of the source that were written before a time, in ms since 1970, and the ids of the posts among them.

    A dead letter counts from when it was written; one that was never given its text stays. Raises what TopicReader raises.
    """
    limit = datetime.fromtimestamp(before_ms / 1000, UTC)
    posts = known.with_text_from_before(before_ms)
    outputs = [Output(POSTS, post, None, partition_of(post, POSTS.partitions)) for post in posts]
    with TopicReader(settings, DEAD_LETTERS) as reader:
        letters = open_inbox(reader.to_end()).letters.values()
    for held in letters:
        letter = held.letter
        ours = letter.topic == source or (letter.key or b"").startswith(f"{source}:".encode())
        if ours and letter.payload and letter.occurred_at < limit and held.stored.key is not None:
            outputs.append(Output(DEAD_LETTERS, held.stored.key.decode(errors="replace"), None, held.stored.partition))
    return outputs, posts
