"""Delivery of posts and rejects to Kafka with an account of every record.

read = delivered + rejected + failed + unacknowledged, and a record counts as delivered (or its reject as rejected) only
when the broker has acknowledged it.
"""

from __future__ import annotations

import functools
import hashlib
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from services.ingest.delivery import Delivery, Message
from services.ingest.recipe import RECIPE_HEADER
from services.ingest.source import RawPost, Reject, SourceBroken
from services.ingest.stopping import StopSignal
from shared import metrics, traces
from shared.events import DeadLetter, Post, derived_id, encode, now
from shared.topics import DEAD_LETTERS, POSTS, partition_of

STAGE = "ingest"
_FLUSH_ON_STOP = 10.0


@dataclass
class Account:
    """What became of the records of a source. `failed` counts by the broker's error."""

    read: int = 0
    delivered: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    unacknowledged: int = 0
    interrupted: bool = False
    seconds: float = 0.0

    @property
    def balanced(self) -> bool:
        """Whether every record that was read is accounted for."""
        known = self.delivered + self.rejected.total() + self.failed.total() + self.unacknowledged
        return self.read == known

    @property
    def complete(self) -> bool:
        """Whether every record that was read is with the broker, as a post or as a dead letter."""
        return self.balanced and not self.failed and not self.unacknowledged

    def as_dict(self) -> dict[str, Any]:
        """The account for machines."""
        return {
            "read": self.read,
            "delivered": self.delivered,
            "rejected": dict(self.rejected),
            "failed": dict(self.failed),
            "unacknowledged": self.unacknowledged,
            "balanced": self.balanced,
            "interrupted": self.interrupted,
            "seconds": round(self.seconds, 3),
        }


def publish(
    items: Iterable[RawPost | Reject],
    accept: Callable[[RawPost], Post | Reject],
    delivery: Delivery,
    account: Account,
    stop: StopSignal,
    *,
    prefix: str,
    on_reject: Callable[[Reject], None],
) -> SourceBroken | None:
    """Publish the items until they end, the broker is away, or `stop` is asked for; fills `account` as it goes.

    Returns the error of a source that ended in the middle, after what came before it was delivered.
    """
    started = time.monotonic()
    trouble: SourceBroken | None = None
    iterator = iter(items)

    def delivered() -> None:
        account.delivered += 1
        metrics.RECORDS_OUT.labels(STAGE, POSTS.suffix).inc()

    def rejected(reason: str) -> None:
        account.rejected[reason] += 1
        metrics.DEAD_LETTERS.labels(STAGE, reason).inc()

    try:
        while not stop.asked and not delivery.hopeless:
            with stop.interruptible():
                delivery.wait_for_room()
                item = next(iterator, None)
            if item is None:
                break
            account.read += 1
            ready = accept(item) if isinstance(item, RawPost) else item
            if isinstance(ready, Post):
                delivery.send(post_message(ready, prefix), delivered)
            else:
                on_reject(ready)
                delivery.send(reject_message(ready, prefix), functools.partial(rejected, ready.reason))
    except SourceBroken as error:
        trouble = error
    except KeyboardInterrupt:
        account.interrupted = True
    account.interrupted = account.interrupted or stop.asked
    try:
        delivery.finish(_FLUSH_ON_STOP if account.interrupted else None)
    except KeyboardInterrupt:
        account.interrupted = True
    account.failed = delivery.failed
    account.unacknowledged = delivery.in_flight
    account.seconds = time.monotonic() - started
    return trouble


def post_message(post: Post, prefix: str) -> Message:
    """The record of a post: keyed by its id, in the partition of its id."""
    headers = [] if post.aggregates_only else list(traces.created(POSTS))
    place = partition_of(post.id, POSTS.partitions)
    return Message(POSTS.name(prefix), post.id.encode(), encode(post), place, headers)


def reject_message(reject: Reject, prefix: str) -> Message:
    """The record of a reject's dead letter, with how its file was read."""
    letter = letter_of(reject)
    return Message(
        DEAD_LETTERS.name(prefix),
        letter.id.encode(),
        encode(letter),
        partition_of(letter.id, DEAD_LETTERS.partitions),
        [(RECIPE_HEADER, reject.origin.recipe)],
    )


def letter_of(reject: Reject) -> DeadLetter:
    """The dead letter of a reject. Its id comes from file, line and content: a second replay writes the same one.

    What the terms of its source withhold is not in it, nor in its id, by which whoever has the text could tell that it was here.
    """
    origin = reject.origin
    if not reject.withheld:
        content = hashlib.blake2b(reject.payload, digest_size=8).hexdigest()
    else:
        # What a network sends has no line, and must not be one letter with everything else that was withheld.
        content = reject.post_id or ("" if origin.line else secrets.token_hex(8))
    return DeadLetter(
        id=derived_id(STAGE, origin.file, str(origin.line), reject.reason, content),
        reason=reject.reason,
        detail=reject.detail,
        stage=STAGE,
        topic=origin.file,
        partition=-1,
        offset=origin.line,
        occurred_at=now(),
        payload=b"" if reject.withheld else reject.payload,
        key=reject.post_id.encode() if reject.post_id is not None else None,
    )
