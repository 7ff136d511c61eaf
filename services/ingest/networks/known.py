"""What was published of live sources, so that a deletion at a network finds its post, and the end of an account all of its posts.

The topic `adr.published` is the truth; this is its index in a temporary database of SQLite, which moves to disk what does not fit
into its cache, and is made anew at each start.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from shared.broker import TopicReader
from shared.errors import BadMessage
from shared.events import Published, decode
from shared.settings import Settings
from shared.topics import DAY_MS, POSTS, PUBLISHED

# Older texts are gone by the retention of their topic, and the time that the broker takes for it.
_TEXTS_MS = POSTS.retention_ms + DAY_MS
# Later than any time, in ms since 1970.
_EVER = 1 << 62
# With the two MiB that SQLite takes of itself, a hundred thousand posts already are moved to and from the file all the time.
_CACHE_KIB = 16_384
# Of `shared.text.identity`.
_HASH_DIGITS = 32


class Known:
    """The posts of one source. Who reads and who delivers may use it at once.

    `forgets_texts`: whether texts are ever asked for by their age; where not, their times are not kept.
    """

    def __init__(self, source: str, forgets_texts: bool = True) -> None:
        self._prefix = f"{source}:"
        self._forgets_texts = forgets_texts
        self._offset = 0
        self._lock = threading.RLock()
        self._posts = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        # Nothing is rolled back, and what ends the process ends the index: a journal would double the time of a row.
        self._posts.execute("PRAGMA journal_mode = OFF")
        self._posts.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._posts.execute(
            # Rows lie in the order in which they came: ids are hashes, among which each row would have to be put into its place.
            "CREATE TABLE posts (id UNIQUE, author, text_ms INTEGER, sealed TEXT, sealed_ms INTEGER)"
        )
        self._posts.execute("CREATE INDEX authors ON posts (author) WHERE author IS NOT NULL")
        self._posts.execute("CREATE INDEX texts ON posts (text_ms) WHERE text_ms IS NOT NULL")
        self._posts.execute("CREATE INDEX seals ON posts (sealed_ms) WHERE sealed_ms IS NOT NULL")
        self._posts.execute("CREATE TABLE aliases (alias PRIMARY KEY, id) WITHOUT ROWID")
        self._posts.execute("CREATE INDEX named ON aliases (id)")

    def close(self) -> None:
        """Let go of the index."""
        self._posts.close()

    def catch_up(self, settings: Settings) -> None:
        """Take in what the topic has more since the last time. Raises what TopicReader raises."""
        with TopicReader(settings, PUBLISHED, self._offset) as reader:
            with self._changing():
                for record in reader.to_end():
                    self.apply((record.key or b"").decode(errors="replace"), record.value, record.written_ms)
                    self._offset = record.offset + 1

    def add(self, posts: Iterable[Published], written_ms: int) -> None:
        """Take in posts that were written at a time, in ms since 1970, and their texts with them."""
        there = self._forgets_texts and written_ms > time.time() * 1000 - _TEXTS_MS
        text_ms = written_ms if there else None
        rows = [
            (
                self._packed(one.id),
                None if one.author is None else _bytes(one.author),
                text_ms,
                one.sealed,
                None if one.sealed is None else written_ms,
            )
            for one in posts
        ]
        with self._changing():
            self._posts.executemany("INSERT OR REPLACE INTO posts VALUES (?, ?, ?, ?, ?)", rows)

    def add_aliases(self, aliases: Mapping[str, str]) -> None:
        """Take in other names of posts: alias to id."""
        with self._changing():
            self._posts.executemany(
                "INSERT OR REPLACE INTO aliases VALUES (?, ?)",
                [(self._packed(alias), self._packed(one)) for alias, one in aliases.items()],
            )

    def named(self, post_id: str) -> str:
        """The id that an alias stands for; the same id where it is none."""
        found = self._ids("SELECT id FROM aliases WHERE alias = ?", self._packed(post_id))
        return found[0] if found else post_id

    def aliases_of(self, ids: Iterable[str]) -> list[str]:
        """The other names of these posts."""
        query = "SELECT alias FROM aliases WHERE id = ? ORDER BY alias"
        return [alias for one in ids for alias in self._ids(query, self._packed(one))]

    def forget(self, ids: Iterable[str]) -> None:
        """Forget posts that are taken back, and what else they are called."""
        rows = [(self._packed(one),) for one in ids]
        if not rows:
            return
        with self._changing():
            self._posts.executemany("DELETE FROM aliases WHERE id = ?", rows)
            self._posts.executemany("DELETE FROM posts WHERE id = ?", rows)

    def __contains__(self, post_id: str) -> bool:
        with self._lock:
            found = self._posts.execute("SELECT 1 FROM posts WHERE id = ?", (self._packed(post_id),))
            return found.fetchone() is not None

    def knows(self, name: str) -> bool:
        """Whether it is the id of a post, or another name of one."""
        query = "SELECT 1 FROM posts WHERE id = :name UNION ALL SELECT 1 FROM aliases WHERE alias = :name"
        with self._lock:
            return self._posts.execute(query, {"name": self._packed(name)}).fetchone() is not None

    def of_author(self, author: str) -> list[str]:
        """The ids of an author's posts; `author` is the keyed hash."""
        return self._ids("SELECT id FROM posts WHERE author = ? ORDER BY id", _bytes(author))

    def with_text_from_before(self, ms: int) -> list[str]:
        """The ids of posts whose texts were written before a time, and are not yet forgotten."""
        return self._ids("SELECT id FROM posts WHERE text_ms < ? ORDER BY id", ms)

    def oldest_text(self) -> datetime | None:
        """When the oldest of the texts was written that are not yet forgotten."""
        with self._lock:
            [found] = self._posts.execute("SELECT min(text_ms) FROM posts WHERE text_ms IS NOT NULL").fetchone()
        return None if found is None else datetime.fromtimestamp(found / 1000, UTC)

    def text_gone(self, ids: Iterable[str], before_ms: int) -> None:
        """The texts of these posts that were written before a time are forgotten; the posts are still known.

        A text that an edit has brought meanwhile is younger, and stays.
        """
        query = "UPDATE posts SET text_ms = NULL WHERE id = ? AND text_ms < ?"
        with self._changing():
            self._posts.executemany(query, [(self._packed(one), before_ms) for one in ids])

    def apply(self, key: str, value: bytes | None, written_ms: int) -> None:
        """Take in a record of the topic, written at a time in ms since 1970."""
        if not key.startswith(self._prefix):
            return
        if value is None:
            self.forget([key])
            with self._changing():
                self._posts.execute("DELETE FROM aliases WHERE alias = ?", (self._packed(key),))
            return
        try:
            note = decode(value, Published)
        except BadMessage:
            # Nobody but adrwatch writes there; the key alone still lets the post be taken back.
            note = Published(id=key)
        if note.id == key:
            self.add([note], written_ms)
        else:
            self.add_aliases({key: note.id})

    def sealed(self, before_ms: int | None = None) -> list[Published]:
        """The posts whose own ids are kept encrypted; with a time, in ms since 1970, those that were written before it."""
        query = "SELECT id, author, sealed FROM posts WHERE sealed_ms < ? ORDER BY id"
        with self._lock:
            found = self._posts.execute(query, (_EVER if before_ms is None else before_ms,)).fetchall()
        return [
            Published(id=self._whole(one), author=None if author is None else _text(author), sealed=sealed)
            for one, author, sealed in found
        ]

    def unsealed(self, ids: Iterable[str], before_ms: int) -> None:
        """The encrypted ids of these posts that were written before a time are forgotten, as in `text_gone`."""
        query = "UPDATE posts SET sealed = NULL, sealed_ms = NULL WHERE id = ? AND sealed_ms < ?"
        with self._changing():
            self._posts.executemany(query, [(self._packed(one), before_ms) for one in ids])

    def _ids(self, query: str, value: str | bytes | int) -> list[str]:
        with self._lock:
            return [self._whole(one) for (one,) in self._posts.execute(query, (value,))]

    def _packed(self, post_id: str) -> str | bytes:
        # A hash without its source; other ids stay whole, so that no two are one.
        if post_id.startswith(self._prefix) and isinstance(packed := _bytes(post_id[len(self._prefix) :]), bytes):
            return packed
        return post_id

    def _whole(self, packed: str | bytes) -> str:
        return packed if isinstance(packed, str) else self._prefix + packed.hex()

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One transaction for many rows; an inner one is part of the outer."""
        with self._lock:
            outer = self._posts.in_transaction
            if not outer:
                self._posts.execute("BEGIN")
            try:
                yield
            finally:
                if not outer:
                    self._posts.execute("COMMIT")


def _bytes(text: str) -> str | bytes:
    """A hash as bytes, with which the index takes half of the place and two thirds of the time; another text as it is."""
    if len(text) == _HASH_DIGITS:
        with suppress(ValueError):
            if (found := bytes.fromhex(text)).hex() == text:
                return found
    return text


def _text(packed: str | bytes) -> str:
    return packed if isinstance(packed, str) else packed.hex()
