"""Every topic of adrwatch, declared once: kind of message, partitions, retention, compaction."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from shared.events import (
    Alert,
    ChannelState,
    Closure,
    DeadLetter,
    Deletion,
    Event,
    Forgotten,
    Hold,
    Mention,
    Notified,
    Outcome,
    OwnName,
    Position,
    Post,
    Published,
)

# Of one message. Kafka takes a mebibyte, envelope and headers included, where nothing else is configured.
MOST_BYTES = 1_000_000
# On a message that was sent back from the dead letters; its value says how often.
ATTEMPT_HEADER = "adrwatch-attempt"
# On a dead letter that had no room for the whole message; its value is the message's size in bytes.
CUT_HEADER = "adrwatch-cut"
# On the tombstone of a post that was taken back; its value is the deletion.
DELETION_HEADER = "adrwatch-deletion"
# On a mention: when the version of the post that it is of was written to adr.posts, in ms since 1970.
VERSION_HEADER = "adrwatch-post-written"

# As ADRWATCH_TOPIC_PREFIX is, unless it is set.
PREFIX = "adr"

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
# What the broker takes for no end.
FOREVER_MS = -1


@dataclass(frozen=True)
class Topic:
    """A topic: `suffix` follows the prefix of the settings (`adr.posts`). `key` is what a record's key holds, in words.

    `carries_text` and `latest_only` (what stands is the last record of a key) decide how the broker forgets.
    """

    suffix: str
    event: type[Event]
    partitions: int
    retention_ms: int
    carries_text: bool
    summary: str
    key: str
    latest_only: bool = False

    def name(self, prefix: str) -> str:
        """The topic's name under a prefix such as `adr`."""
        return f"{prefix}.{self.suffix}"

    def config(self) -> dict[str, str]:
        """Broker settings. Text is compacted within an hour, so that a tombstone forgets a post, and has bounded retention."""
        config = {"retention.ms": str(self.retention_ms), "cleanup.policy": "delete"}
        if self.carries_text or self.latest_only:
            config["cleanup.policy"] = "compact,delete"
            config["max.compaction.lag.ms"] = str(HOUR_MS)
        return config


# Longer than anything that names a post, so that nothing that was deleted is ever counted again.
_DELETIONS_MS = 400 * DAY_MS

POSTS = Topic("posts", Post, 4, 7 * DAY_MS, True, "public posts, masked", "post id")
DELETIONS = Topic("deletions", Deletion, 1, _DELETIONS_MS, False, "posts taken back at their source", "post id")
# As long as the deletions that it answers; what the audit trail of cases has of it stays.
FORGOTTEN = Topic(
    "forgotten", Forgotten, 1, _DELETIONS_MS, False,
    "deletions that a store has honoured", "hash of the post id",
)  # fmt: skip
# As many partitions as POSTS: an outcome goes to its post's partition number, which keeps event time in order there.
# As long as a bucket is kept and its longest window reaches back (97 and 90 days by the shipped rules): what Redis loses is made
# anew from here.
OUTCOMES = Topic(
    "outcomes", Outcome, 4, 200 * DAY_MS, False,
    "one record a post: what became of it", "post id, in the post's partition",
)  # fmt: skip
MENTIONS = Topic(
    "mentions", Mention, 4, 90 * DAY_MS, False,
    "asserted drug-reaction pairs, partitioned by drug", "mention id; the drug's id decides the partition",
)  # fmt: skip
ALERTS = Topic("alerts", Alert, 1, 365 * DAY_MS, False, "signals and single reports", "alert id")
# Longer than any window: a closure is of use while evidence from before it is still counted.
CLOSURES = Topic("closures", Closure, 1, 400 * DAY_MS, False, "signals that a person closed", "alert id")
DEAD_LETTERS = Topic(
    "dead-letters", DeadLetter, 1, 14 * DAY_MS, True,
    "messages that could not be processed", "place of origin; at ingest hashed with the line",
)  # fmt: skip
HOLDS = Topic(
    "holds", Hold, 1, FOREVER_MS, False,
    "stages that stand still for their dead letters", "stage and partition", latest_only=True,
)  # fmt: skip
# Longer than ALERTS, so that an alert that is still there is never told a second time.
NOTIFIED = Topic(
    "notified", Notified, 1, 400 * DAY_MS, False,
    "what each channel was told of each alert", "channel and alert id", latest_only=True,
)  # fmt: skip
CHANNELS = Topic(
    "channels", ChannelState, 1, 400 * DAY_MS, False,
    "how far each notification channel has come", "channel", latest_only=True,
)  # fmt: skip
POSITIONS = Topic(
    "positions", Position, 1, 400 * DAY_MS, False,
    "how far each live source has come", "source", latest_only=True,
)  # fmt: skip
# As long as a deletion is kept: what names a post that old is forgotten anyway, but for cases.
PUBLISHED = Topic(
    "published", Published, 1, _DELETIONS_MS, False,
    "posts of live sources, for deletions to find", "post id", latest_only=True,
)  # fmt: skip
DRUG_NAMES = Topic(
    "drug-names", OwnName, 1, FOREVER_MS, False,
    "names of the team's own drug list", "name", latest_only=True,
)  # fmt: skip

TOPICS = (
    POSTS, DELETIONS, OUTCOMES, MENTIONS, ALERTS, CLOSURES, DEAD_LETTERS, NOTIFIED, CHANNELS, POSITIONS, PUBLISHED,
    DRUG_NAMES, FORGOTTEN, HOLDS,
)  # fmt: skip


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key (a drug's id for mentions, a post's id for posts): the same on every platform and run."""
    return zlib.crc32(key.encode()) % partitions
