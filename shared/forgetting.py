"""What a deletion takes, and that a store has forgotten it: measured where it happens, and told to the audit trail by a topic."""

from __future__ import annotations

from collections.abc import Iterable

from shared import metrics
from shared.events import Deletion, Forgotten, Store, derived_id, encode, now
from shared.stream import Output
from shared.topics import FORGOTTEN, VERSION_HEADER

# What docs/sources.md promises, from the request on.
PROMISED_SECONDS = 60.0
# Of a time in ms that fits wherever times are kept.
_DIGITS = 18


def version_of(headers: Iterable[tuple[str, bytes]], written_ms: int) -> int:
    """When the version of a post was written that a mention or an outcome is of, in ms since 1970.

    A deletion that is as late or later takes it.
    `written_ms` is when the message itself was written, for one that does not say it.
    """
    said = dict(headers).get(VERSION_HEADER, b"")
    return int(said) if said.isdigit() and len(said) <= _DIGITS else written_ms


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
