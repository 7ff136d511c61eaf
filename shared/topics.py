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
# On a mention and an outcome: when the version of the post that it is of was written to adr.posts, in ms since 1970.
VERSION_HEADER = "adrwatch-post-written"

# As ADRWATCH_TOPIC_PREFIX is, unless it is set.
PREFIX = "adr"

# Partitions of the topics that workers share, until they are raised.
DECLARED = 4
# The dashboard keeps a partition in eight bits.
MOST_PARTITIONS = 256

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
# What the broker takes for no end.
FOREVER_MS = -1


@dataclass
class _InForce:
    partitions: int = DECLARED


# One process serves one instance.
_in_force = _InForce()


@dataclass(frozen=True)
class Topic:
    """A topic: `suffix` follows the prefix of the settings (`adr.posts`). `key` is what a record's key holds, in words.

    `declared`: partitions that it is made with; where it is `spread`, `adrwatch topics raise` may have given it more.
    `carries_text` and `latest_only` (what stands is the last record of a key) decide how the broker forgets.
    """

    suffix: str
    event: type[Event]
    declared: int
    retention_ms: int
    carries_text: bool
    summary: str
    key: str
    latest_only: bool = False
    spread: bool = False

    @property
    def partitions(self) -> int:
        """How many partitions it has in this process's instance: see `spread_over`."""
        return _in_force.partitions if self.spread else self.declared

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

POSTS = Topic("posts", Post, DECLARED, 7 * DAY_MS, True, "public posts, masked", "post id", spread=True)
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
    "outcomes", Outcome, DECLARED, 200 * DAY_MS, False,
    "one record a post: what became of it", "post id, in the post's partition", spread=True,
)  # fmt: skip
MENTIONS = Topic(
    "mentions", Mention, DECLARED, 90 * DAY_MS, False,
    "asserted drug-reaction pairs, partitioned by drug", "mention id; the drug's id decides the partition", spread=True,
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


def spread_over(partitions: int) -> None:
    """From now on this process takes the topics that workers share to have so many partitions, a multiple of DECLARED.

    Of a multiple each key either stays where it was or goes to a partition that is new. So a key's records are in the order of
    their partitions' numbers, however often partitions were raised: `TopicReader` reads them like that.
    """
    _in_force.partitions = partitions


def places_of(key: str, topic: Topic) -> list[int]:
    """The partitions in which a key's records can be: the present one first, then those of before partitions were raised."""
    numbers = (number for number in range(topic.partitions, 0, -topic.declared) if topic.partitions % number == 0)
    return list(dict.fromkeys(partition_of(key, number) for number in numbers))
