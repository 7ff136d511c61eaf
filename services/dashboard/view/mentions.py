"""Mentions of the kept time in an SQLite file, and where their posts lie in adr.posts. No text, no author.

The file is a copy of topics, made anew from them whenever it does not fit them: `follow.py` writes it, pages read it. What was
read and how far reading has come are one transaction, so a crash repeats nothing and loses nothing. Posts are known by bits of a
hash until a mention names them.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from services.dashboard.view import delays
from services.dashboard.view.delays import Delay
from services.dashboard.view.file import File
from shared.events import Alert, Concept, Mention
from shared.signals.windows import to_ms
from shared.topics import MENTIONS, POSTS

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Mention).decode

By = Literal["source", "language", "day", "drug", "reaction"]
_EPOCH = date(1970, 1, 1).toordinal()
# So many low bits of a place are the partition, the others the offset.
_PARTITION_BITS = 8
_PARTITIONS = (1 << _PARTITION_BITS) - 1
# A later place of a post takes that of an earlier one: in the order of a partition, and of partitions where they were raised.
_PLACE = (
    "INSERT INTO places VALUES (?, ?, ?) ON CONFLICT (post) DO UPDATE SET place = excluded.place, arrived = excluded.arrived"
    " WHERE excluded.place & ? >= place & ?"
)
# What counts are made by.
_BY = {
    "source": "m.source", "language": "coalesce(m.language, '')", "day": "m.at / 86400000", "drug": "m.drug",
    "reaction": "m.reaction",
}  # fmt: skip


class Wanted(msgspec.Struct, frozen=True):
    """Which mentions: of a drug, of a reaction (by id; None for any), with start <= event time < end in ms since 1970."""

    drug: str | None = None
    reaction: str | None = None
    start_ms: int = 0
    end_ms: int = 1 << 62
    source: str | None = None


class Evidence(msgspec.Struct, frozen=True):
    """One page of mentions, the newest first. `more`: what to give as `before` for the next page, None on the last."""

    mentions: list[Mention]
    more: tuple[int, str] | None


class Found(NamedTuple):
    """A record of adr.mentions, a tombstone where `mention` is None. `version`: when the post was written that it is of, in ms."""

    partition: int
    offset: int
    id: str
    version: int
    mention: Mention | None


class Place(NamedTuple):
    """Where a post lies in adr.posts."""

    partition: int
    offset: int


@dataclass(frozen=True)
class Read:
    """What one look into the topics brought, each in the order of its topic.

    `posts`: id, partition, and offset, None where the text was forgotten. `gone`: posts that were taken back. `edited`: those of
    which what was written before is taken back, and when that was. `positions`: topic suffix, partition, and the offset at which
    reading goes on. Times are in ms since 1970: `arrived` has when a source took a post in, `written` when a mention was, both by
    id, `alerts` when each alert was.
    """

    mentions: list[Found] = field(default_factory=list)
    posts: list[tuple[str, int, int | None]] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    edited: list[tuple[str, int]] = field(default_factory=list)
    arrived: dict[str, int] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    alerts: list[tuple[int, Alert]] = field(default_factory=list)
    positions: list[tuple[str, int, int]] = field(default_factory=list)


class Mentions(File):
    """The file. One thread writes, any thread reads, each over a connection that nobody else uses meanwhile."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._serious_version = self._removed_at = 0
        self._serious_at: dict[tuple[str, str], int] = {}

    # What the thread that follows does.

    def origin(self) -> str | None:
        """Of which cluster and topics the file is a copy; None for a new file."""
        found = self._one("SELECT value FROM about WHERE name = 'origin'")
        return None if found is None else str(found[0])

    def begin(self, origin: str) -> None:
        """Empty the file: it becomes the copy of these topics."""
        with self._writing() as write:
            for table in ("mentions", "places", "gone", "edited", "concepts", "positions", "about", "delays", "raised"):
                write.execute(f"DELETE FROM {table}")
            write.execute("INSERT INTO about VALUES ('origin', ?)", (origin,))

    def positions(self) -> dict[tuple[str, int], int]:
        """The offset at which reading goes on, by topic suffix and partition."""
        return {(topic, part): at for topic, part, at in self._all("SELECT topic, part, next FROM positions")}

    def take(self, read: Read) -> None:
        """Take in what was read, and how far reading has come, at once. A post that was taken back does not come back.

        Of a post that was edited, what is of a version up to the edit goes and does not come back, and what is of a later one
        stands, in whatever order topics are read: nothing tells how far one topic is read when a record of another comes.
        """
        with self._writing() as write:
            went = 0
            for post, at in read.edited:
                write.execute(
                    "INSERT INTO edited VALUES (?, ?)"
                    " ON CONFLICT (post) DO UPDATE SET version = max(version, excluded.version)",
                    (key_of(post), at),
                )
                went += write.execute(
                    "DELETE FROM mentions WHERE post = ? AND version <= ?", (key_of(post), at)
                ).rowcount
            for post, partition, offset in read.posts:
                if offset is None:
                    # Of a partition of before partitions were raised: it takes nothing from a later one.
                    write.execute(
                        "DELETE FROM places WHERE post = ? AND place & ? <= ?", (key_of(post), _PARTITIONS, partition)
                    )
                else:
                    place = (key_of(post), offset << _PARTITION_BITS | partition, read.arrived.get(post))
                    write.execute(_PLACE, (*place, _PARTITIONS, _PARTITIONS))
            for found in read.mentions:
                if found.mention is None:
                    went += write.execute("DELETE FROM mentions WHERE id = ?", (found.id,)).rowcount
                else:
                    if (written := read.written.get(found.id)) is not None:
                        delays.note_mention(write, key_of(found.mention.post_id), found.mention, written)
                    self._insert(write, found, found.mention)
            for written, alert in read.alerts:
                delays.note_alert(write, key_of(alert.examples[0]), alert, written)
            gone = [(key_of(post),) for post in read.gone]
            write.executemany("INSERT OR IGNORE INTO gone VALUES (?)", gone)
            went += write.executemany("DELETE FROM mentions WHERE post = ?", gone).rowcount
            write.executemany("DELETE FROM places WHERE post = ?", gone)
            write.executemany("INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", read.positions)
        self._note_serious(read, removed=went > 0)

    def _note_serious(self, read: Read, *, removed: bool) -> None:
        pairs = {
            (one.drug.id, one.reaction.id)
            for found in read.mentions
            if (one := found.mention) is not None and one.serious
        }
        if removed or pairs:
            version = self._serious_version + 1
            # Of which pairs something was removed is not asked: that is rare, and then all are counted anew.
            self._removed_at = version if removed else self._removed_at
            self._serious_at |= dict.fromkeys(pairs, version)
            self._serious_version = version

    def let_go(self, topic: str, partition: int, first: int) -> None:
        """Forget what a topic (by its suffix) has let go of: everything of a partition before its first offset."""
        with self._writing() as write:
            if topic == MENTIONS.suffix:
                write.execute("DELETE FROM mentions WHERE part = ? AND place < ?", (partition, first))
            elif topic == POSTS.suffix:
                write.execute(
                    "DELETE FROM places WHERE place >> ? < ? AND place & ? = ?",
                    (_PARTITION_BITS, first, _PARTITIONS, partition),
                )

    def let_go_of_delays(self, before_ms: int) -> None:
        """Forget how long it took before a time, in ms."""
        with self._writing() as write:
            delays.let_go(write, before_ms)

    def _insert(self, write: sqlite3.Connection, found: Found, mention: Mention) -> None:
        key = key_of(mention.post_id)
        # What a later version says in the same places has the same id, and lies in another partition if the drug is another.
        if write.execute(
            "SELECT 1 FROM gone WHERE post = ?1"
            " UNION ALL SELECT 1 FROM edited WHERE post = ?1 AND version >= ?2"
            " UNION ALL SELECT 1 FROM mentions WHERE id = ?3 AND version > ?2",
            (key, found.version, found.id),
        ).fetchone():
            return
        kept = msgspec.structs.replace(mention, author=None, fingerprint=None)
        write.execute(
            "INSERT OR REPLACE INTO mentions"
            " (id, part, place, post, version, at, drug, reaction, source, language, serious, record)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                mention.id, found.partition, found.offset, key, found.version, to_ms(mention.created_at),
                self._concept(write, mention.drug),
                self._concept(write, mention.reaction), mention.post_id.partition(":")[0], mention.language,
                ",".join(mention.serious) or None, _encode(kept),
            ),
        )  # fmt: skip

    def _concept(self, write: sqlite3.Connection, concept: Concept) -> int:
        row = write.execute(
            "INSERT INTO concepts (id, label) VALUES (?, ?)"
            " ON CONFLICT (id) DO UPDATE SET label = excluded.label RETURNING code",
            (concept.id, concept.label),
        ).fetchone()
        return int(row[0])

    # What pages ask.

    def evidence(self, wanted: Wanted, before: tuple[int, str] | None = None, size: int = 50) -> Evidence:
        """The mentions that are wanted, newest first; `before` is `more` of the page before."""
        where, values = _where(wanted)
        if before is not None:
            where.append("(m.at, m.id) < (?, ?)")
            values += before
        rows = self._all(
            f"SELECT m.record, m.at, m.id FROM mentions m WHERE {' AND '.join(where)}"
            " ORDER BY m.at DESC, m.id DESC LIMIT ?",
            (*values, size + 1),
        )
        shown = rows[:size]
        more = (int(shown[-1][1]), str(shown[-1][2])) if len(rows) > size else None
        return Evidence([_decode(record) for record, _, _ in shown], more)

    def get(self, mention_id: str) -> Mention | None:
        """One mention."""
        found = self._one("SELECT record FROM mentions WHERE id = ?", (mention_id,))
        return None if found is None else _decode(found[0])

    def of_post(self, post_id: str) -> list[Mention]:
        """The mentions of one post, in the order of their places in the text."""
        found = self._all("SELECT record FROM mentions WHERE post = ?", (key_of(post_id),))
        return sorted((_decode(record) for (record,) in found), key=lambda one: (one.drug_span.start, one.id))

    def counts(self, wanted: Wanted, by: By) -> dict[str, int]:
        """Distinct posts, by source, language ("" where none is known), day (YYYY-MM-DD, UTC), drug or reaction; most first.

        All posts with a mention, reposts too: the counts that signals go by are those of `reports`.
        """
        where, values = _where(wanted)
        # Sorting once and counting where the post changes is half the work of count(DISTINCT).
        rows = self._all(
            f"SELECT what, count(*) AS posts FROM (SELECT DISTINCT {_BY[by]} AS what, m.post FROM mentions m"
            f" WHERE {' AND '.join(where)}) GROUP BY what ORDER BY posts DESC, what",
            values,
        )
        if by == "day":
            return {date.fromordinal(_EPOCH + int(day)).isoformat(): int(posts) for day, posts in rows}
        if by in ("drug", "reaction"):
            ids = dict(self._all("SELECT code, id FROM concepts"))
            return {str(ids[what]): int(posts) for what, posts in rows}
        return {str(what): int(posts) for what, posts in rows}

    def serious(self, wanted: Wanted) -> list[tuple[int, tuple[str, ...]]]:
        """The keys of the posts of a pair that tell of something serious, with the names that their mentions have for that."""
        where, values = _where(wanted)
        rows = self._all(
            "SELECT DISTINCT m.post, m.serious FROM mentions m INDEXED BY of_serious"
            f" WHERE {' AND '.join(where)} AND m.serious IS NOT NULL",
            values,
        )
        return [(int(post), tuple(str(names).split(","))) for post, names in rows]

    @property
    def serious_version(self) -> int:
        """A number that rises whenever what `serious` says of any pair may have changed."""
        return self._serious_version

    def serious_since(self, drug: str, reaction: str) -> int:
        """The `serious_version` from which on what `serious` says of a pair is as it is."""
        return max(self._removed_at, self._serious_at.get((drug, reaction), 0))

    def delays(self, since_ms: int) -> list[Delay]:
        """How long it took from posts to what came of them since a time, in ms."""
        with self._connection() as connection:
            return delays.read(connection, since_ms)

    def total(self) -> int:
        """How many mentions there are."""
        found = self._one("SELECT count(*) FROM mentions")
        return 0 if found is None else int(found[0])

    def labels(self, ids: Iterable[str]) -> dict[str, str]:
        """The labels of concepts, as far as any mention has named them."""
        found = {}
        for one in dict.fromkeys(ids):
            if (row := self._one("SELECT label FROM concepts WHERE id = ?", (one,))) is not None:
                found[one] = str(row[0])
        return found

    def place(self, post_id: str) -> Place | None:
        """Where a post lies in adr.posts; None for one that does not lie there, or was taken back."""
        key = key_of(post_id)
        row = self._one(
            "SELECT place FROM places WHERE post = ?1 AND NOT EXISTS (SELECT 1 FROM gone WHERE post = ?1)", (key,)
        )
        return None if row is None else Place(row[0] & _PARTITIONS, row[0] >> _PARTITION_BITS)

    def taken_back(self, post_id: str) -> bool:
        """Whether a post was deleted."""
        return self._one("SELECT 1 FROM gone WHERE post = ?", (key_of(post_id),)) is not None


def key_of(post_id: str) -> int:
    """By what a post is known: 63 bits of a hash, positive."""
    return int.from_bytes(hashlib.blake2b(post_id.encode(), digest_size=8).digest()) >> 1


def _where(wanted: Wanted) -> tuple[list[str], list[Any]]:
    where: list[str] = ["m.at >= ?", "m.at < ?"]
    values: list[Any] = [wanted.start_ms, wanted.end_ms]
    for column, concept in (("drug", wanted.drug), ("reaction", wanted.reaction)):
        if concept is not None:
            where.append(f"m.{column} = (SELECT code FROM concepts WHERE id = ?)")
            values.append(concept)
    if wanted.source is not None:
        where.append("m.source = ?")
        values.append(wanted.source)
    return where, values
