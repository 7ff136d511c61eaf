"""The frames of Jetstream's second protocol, `network.bsky.jetstream.subscribeEvents`, as events of the first: pure functions.

Sources: lexicons/network/bsky/jetstream/subscribeEvents.json and section 5.2 of docs/README.md of bluesky-social/jetstream. An
event's time is `witnessedAt` here, with which every server compares a cursor in microseconds; its `seq` is that of one server.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from services.ingest.networks.bluesky.jetstream import Account, Commit, Frame, checked, decoded

PATH = "/xrpc/network.bsky.jetstream.subscribeEvents"
SUBPROTOCOL = "xrpc.v1.json"
# Of the four; changes of handles are nothing to adrwatch, and a repository that is read anew comes as its records.
KINDS = ("commit", "account")

_EVENTS = frozenset({"commit", "account", "identity", "sync"})
_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Notice(msgspec.Struct, frozen=True):
    """What a server says about the stream. After one that is `final` the server ends it."""

    name: str
    final: bool


class _Payload(msgspec.Struct, frozen=True, rename="camel"):
    kind: str = msgspec.field(name="$type")
    did: str = ""
    time: datetime | None = None
    witnessed_at: datetime | None = None
    operation: str = ""
    collection: str = ""
    rkey: str = ""
    record: Any = None
    account: Account | None = None
    name: str = ""


class _Envelope(msgspec.Struct, frozen=True):
    kind: str = msgspec.field(name="$type")
    payload: _Payload | None = None
    error: str = ""


_decoder = msgspec.json.Decoder(_Envelope)


def read_frame(data: str | bytes, now_us: int, future_us: int) -> Frame | Notice:
    """The event or the notice of a frame. Raises ValueError, without quoting it, if it is neither."""
    envelope = decoded(_decoder, data)
    if envelope.kind == "error":
        return Notice(envelope.error or "no reason", final=True)
    payload = envelope.payload
    if payload is None:
        raise ValueError("no event of Jetstream: a frame without a payload")
    kind = payload.kind.rpartition("#")[2]
    if kind not in _EVENTS:
        # Of a later version, which may add to the lexicon.
        return Notice(payload.name or kind, final=False)
    seen = payload.witnessed_at or payload.time
    if seen is None or seen.tzinfo is None:
        raise ValueError("an event without its time")
    commit = None
    if kind == "commit":
        if not payload.collection or not payload.rkey:
            raise ValueError("a change without its record's name")
        commit = Commit(payload.operation, payload.collection, payload.rkey, payload.record)
    frame = Frame(payload.did, (seen - _BEGIN) // _MICROSECOND, kind, commit, payload.account)
    return checked(frame, now_us, future_us)
