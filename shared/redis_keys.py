"""The names of adrwatch's keys in Redis, and which of them share a slot of a cluster. Alerting writes them.

Keys that one script touches carry one hash tag: a bucket (`{b:...}`), a post (`{p:...}`), a repost (`{f:...}`) or a partition
of adr.mentions (`{m:...}`). Posts appear in key names as hashes only.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.events import derived_id


@dataclass(frozen=True)
class Keys:
    """Key names under the settings' prefix."""

    prefix: str

    @property
    def buckets(self) -> str:
        """Sorted set: the buckets that exist."""
        return f"{self.prefix}:buckets"

    @property
    def changes(self) -> str:
        """Counter: rises when any bucket may have changed."""
        return f"{self.prefix}:changes"

    @property
    def concepts(self) -> str:
        """Hash: concept id → label. As large as the vocabularies in use."""
        return f"{self.prefix}:concepts"

    @property
    def watermark(self) -> str:
        """Sorted set: partition of adr.outcomes → event time in ms it has reached; `closed` → end of the last closed bucket."""
        return f"{self.prefix}:watermark"

    @property
    def evaluated_until(self) -> str:
        """Hash: partition of adr.mentions → end of the last bucket whose signals are all published, in ms."""
        return f"{self.prefix}:evaluated-until"

    @property
    def bucket_length(self) -> str:
        """The bucket length with which the rows were written, in ms. Missing: Redis has lost them, or never had any."""
        return f"{self.prefix}:bucket-length"

    @property
    def partitions(self) -> str:
        """The number of partitions of adr.mentions by which signals are kept. Missing, where rows are: as many as are declared."""
        return f"{self.prefix}:partitions"

    @property
    def rebuilding(self) -> str:
        """Token of the process that makes all of this anew from the topics."""
        return f"{self.prefix}:rebuilding"

    def rows(self, bucket: int) -> str:
        """Hash: post id → row, of one bucket (event time in ms // bucket length)."""
        return self._tagged("rows", "b", bucket)

    def version(self, bucket: int) -> str:
        """Counter: rises with every change of the bucket's rows."""
        return self._tagged("version", "b", bucket)

    def post(self, post_id: str) -> str:
        """The bucket that holds the post's row."""
        return self._tagged("post", "p", derived_id(post_id))

    def deleted(self, post_id: str) -> str:
        """Set when the post was deleted; members of `retract` that the deletion leads to."""
        return self._tagged("deleted", "p", derived_id(post_id))

    def edited(self, post_id: str) -> str:
        """Hash: UNTIL → when the last deletion of a post that was edited was written, in ms: what is of a version up to then goes;
        and the members of `retract` that it leads to.
        """
        return self._tagged("edited", "p", derived_id(post_id))

    def unamended(self, post_id: str) -> str:
        """Hash: pairs of a deleted post → whether signals must still take the deletion in (OPEN, DONE), and the deletion itself."""
        return self._tagged("unamended", "p", derived_id(post_id))

    def singles(self, post_id: str) -> str:
        """Set: what the post's single reports are made of."""
        return self._tagged("singles", "p", derived_id(post_id))

    def opened(self, post_id: str) -> str:
        """Hash: member of `singles` → the version of the post that it is of, see `services.alerting.versions`."""
        return self._tagged("opened", "p", derived_id(post_id))

    def taking(self, post_id: str) -> str:
        """Hash: items of an edited post whose tombstones are on their way → nothing. No later version opens them meanwhile."""
        return self._tagged("taking", "p", derived_id(post_id))

    def evidence(self, post_id: str) -> str:
        """Set: the pairs whose published signals name the post as an example."""
        return self._tagged("evidence", "p", derived_id(post_id))

    def first(self, fingerprint: str, drug: str, reaction: str) -> str:
        """Hash of the post that opened the single report of these words and this pair."""
        return self._tagged("first", "f", derived_id(fingerprint, drug, reaction))

    def owner(self, partition: int) -> str:
        """Token of the worker that may write the partition's state."""
        return self._tagged("owner", "m", partition)

    def evaluated(self, partition: int) -> str:
        """Hash: bucket → its version when its signals were published."""
        return self._tagged("evaluated", "m", partition)

    def episodes(self, partition: int) -> str:
        """Hash: pair → its episodes."""
        return self._tagged("episodes", "m", partition)

    def settled(self, partition: int) -> str:
        """Sorted set: pair → end in ms of the last bucket that a person saw who closed its signal."""
        return self._tagged("settled", "m", partition)

    def reopened(self, partition: int) -> str:
        """Set: times in ms (those of `settled`) from which buckets must be evaluated again, for a signal was closed."""
        return self._tagged("reopened", "m", partition)

    def pending(self, partition: int) -> str:
        """Hash: alert id → alert that is decided but not yet acknowledged by the broker; empty for a tombstone."""
        return self._tagged("pending", "m", partition)

    def retract(self, partition: int) -> str:
        """Set: pair and post of deletions that published signals must still take in."""
        return self._tagged("retract", "m", partition)

    def _tagged(self, name: str, kind: str, number: int | str) -> str:
        return f"{self.prefix}:{name}:{{{kind}:{number}}}"


SEPARATOR = "\x1f"
# In `Keys.edited`. No pair, for it has no separator.
UNTIL = "until"
# In `Keys.unamended`. The fields of deletions are no pairs, for they have no separator.
DELETION, EDIT, OPEN, DONE = "deletion", "edit", "1", "0"


def join(*parts: str) -> str:
    """A member or field of several ids."""
    return SEPARATOR.join(parts)


def split(member: bytes) -> list[str]:
    """The ids of a member or field."""
    return member.decode().split(SEPARATOR)
