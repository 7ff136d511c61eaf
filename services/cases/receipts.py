"""Receipts of deletions: rows of the audit trail, one for each store that has forgotten a post.

The subject is a keyed hash of the post's id, so that who knows the id and has the trail's key finds the receipt, and nobody else
learns from the trail which post it was. The reason is a `Note` as JSON.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import get_args

import msgspec
import numpy as np
import sqlalchemy as sa

from services.cases.audit import Entry, Trail
from services.cases.book import MACHINE
from services.cases.database import Database
from services.cases.tables import AUDIT
from shared.errors import BadMessage
from shared.events import AskedBy, Forgotten, Store, decode, derived_id
from shared.forgetting import PROMISED_SECONDS
from shared.stream import BatchResult, Record

ACTION = "forgotten"
STORES: tuple[Store, ...] = get_args(Store)
_PURPOSE = "receipts of deletions"
_SUBJECT = "post:"


class Note(msgspec.Struct, frozen=True):
    """What a row says: which store, how and when it was asked, when the store had forgotten, and after how many seconds."""

    store: Store
    asked_by: AskedBy | None
    requested_at: datetime
    forgotten_at: datetime
    seconds: float


class Receipt(msgspec.Struct, frozen=True):
    """One request to forget one post. `id` is the keyed hash; `stores` when each had forgotten, `seconds` after how long.

    `missing`: stores of which nothing was heard yet. `slowest`: the seconds of the last store so far.
    """

    id: str
    asked_by: AskedBy | None
    requested_at: datetime
    stores: dict[Store, datetime]
    seconds: dict[Store, float]
    missing: tuple[Store, ...]
    slowest: float


class Times(msgspec.Struct, frozen=True):
    """Seconds from the request until a store had forgotten, over many posts. `late` took longer than is promised."""

    posts: int
    p50: float
    p99: float
    most: float
    late: int


class Receipts:
    """The receipts of one trail."""

    def __init__(self, database: Database, trail: Trail) -> None:
        self._database = database
        self._trail = trail
        self._key = trail.derived_key(_PURPOSE)

    async def handle(self, records: list[Record]) -> BatchResult:
        """What other services tell, by a topic. Raises DependencyAway."""
        result = BatchResult()
        found = []
        for record in records:
            try:
                found.append(decode(record.value, Forgotten))
            except BadMessage as error:
                result.bad.append((record, error))
        await asyncio.to_thread(self.note, found)
        return result

    def note(self, found: Sequence[Forgotten]) -> None:
        """Add a row for each, in one transaction. One that comes twice has two rows, of which the earlier one counts."""
        if not found:
            return
        with self._trail.recording(self._database) as recording:
            for one in found:
                seconds = max(0.0, (one.forgotten_at - one.requested_at).total_seconds())
                note = Note(one.store, one.asked_by, one.requested_at, one.forgotten_at, round(seconds, 3))
                recording.add(MACHINE, ACTION, self._subject(one.post), msgspec.json.encode(note).decode())

    def id_of(self, post: str) -> str:
        """The id of the receipts of a post."""
        return self._subject(derived_id(post)).removeprefix(_SUBJECT)

    def read(self, ids: Collection[str] | None = None, since: datetime | None = None) -> list[Receipt]:
        """All receipts, or those with these ids, the latest request first; with `since`, by what stores told from then on."""
        query = sa.select(AUDIT).where(AUDIT.c.action == ACTION).order_by(AUDIT.c.seq)
        if ids is not None:
            query = query.where(AUDIT.c.subject.in_([f"{_SUBJECT}{one}" for one in ids]))
        if since is not None:
            query = query.where(AUDIT.c.at >= since.isoformat(timespec="milliseconds"))
        with self._database.reading() as connection:
            rows = [Entry(**row._mapping) for row in connection.execute(query)]
        return sorted(_receipts(rows), key=lambda one: (one.requested_at, one.id), reverse=True)

    def _subject(self, post: str) -> str:
        return f"{_SUBJECT}{hmac.new(self._key, post.encode(), hashlib.sha256).hexdigest()[:20]}"


def _receipts(rows: Iterable[Entry]) -> Iterator[Receipt]:
    found: dict[tuple[str, datetime], dict[Store, Note]] = {}
    for row in rows:
        note = msgspec.json.decode(row.reason, type=Note)
        found.setdefault((row.subject, note.requested_at), {}).setdefault(note.store, note)
    for (subject, at), notes in found.items():
        ordered = [notes[store] for store in STORES if store in notes]
        yield Receipt(
            subject.removeprefix(_SUBJECT),
            next((note.asked_by for note in ordered if note.asked_by is not None), None),
            at,
            {note.store: note.forgotten_at for note in ordered},
            {note.store: note.seconds for note in ordered},
            tuple(store for store in STORES if store not in notes),
            max(note.seconds for note in ordered),
        )


def times(receipts: Sequence[Receipt]) -> dict[str, Times]:
    """By store, and for `all` of them by the slowest one of each post that every store has forgotten."""
    every: dict[str, list[float]] = {
        store: [one.seconds[store] for one in receipts if store in one.seconds] for store in STORES
    }
    every["all"] = [one.slowest for one in receipts if not one.missing]
    return {name: _times(values) for name, values in every.items() if values}


def _times(values: Sequence[float]) -> Times:
    p50, p99 = (round(float(value), 3) for value in np.percentile(values, [50, 99]))
    return Times(len(values), p50, p99, max(values), sum(value > PROMISED_SECONDS for value in values))
