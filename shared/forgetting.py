"""That a store has forgotten a post: measured where it happens, and told to the audit trail by a topic."""

from __future__ import annotations

from shared import metrics
from shared.events import Deletion, Forgotten, Store, derived_id, encode, now
from shared.stream import Output
from shared.topics import FORGOTTEN

# What docs/sources.md promises, from the request on.
PROMISED_SECONDS = 60.0


def honoured(deletion: Deletion, store: Store) -> Forgotten:
    """Note that a store has just forgotten the post of a deletion: the metrics tell after which time."""
    at, asked = now(), deletion.requested_at or deletion.deleted_at
    seconds = max(0.0, (at - asked).total_seconds())
    metrics.FORGET_SECONDS.labels(store).observe(seconds)
    metrics.FORGET_LATE.labels(store).inc(seconds > PROMISED_SECONDS)
    return Forgotten(
        post=derived_id(deletion.id), store=store, requested_at=asked, forgotten_at=at, asked_by=deletion.asked_by
    )


def told(deletion: Deletion, store: Store) -> Output:
    """As `honoured`, as a message."""
    forgotten = honoured(deletion, store)
    return Output(FORGOTTEN, forgotten.post, encode(forgotten))
