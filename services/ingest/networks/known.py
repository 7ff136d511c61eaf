"""What was published of live sources, so that a deletion at a network finds its post, and the end of an account all of its posts.

The topic `adr.published` is the truth; this is its index in a temporary database of SQLite, which moves to disk what does not fit
into its cache, and is made anew at each start. A note whose key is not the id in it says what else a post is called at its network.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Mapping

from shared.broker import TopicReader
from shared.errors import BadMessage
from shared.events import Published, decode
from shared.settings import Settings
from shared.topics import DAY_MS, POSTS, PUBLISHED

# Older texts are gone by the retention of their topic, and the time that the broker takes for it.
_TEXTS_MS = POSTS.retention_ms + DAY_MS
_EVER = 1 << 62


class Known:
    """The posts of one source. Used by one thread."""

    def __init__(self, source: str) -> None:
        self._prefix = f"{source}:"
        self._offset = 0
        self._posts = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._posts.execute(
            "CREATE TABLE posts (id TEXT PRIMARY KEY, author TEXT, text_ms INTEGER, sealed TEXT, sealed_ms INTEGER)"
            " WITHOUT ROWID"
        )
        self._posts.execute("CREATE INDEX authors ON posts (author) WHERE author IS NOT NULL")
        self._posts.execute("CREATE TABLE aliases (alias TEXT PRIMARY KEY, id TEXT) WITHOUT ROWID")
        self._posts.execute("CREATE INDEX named ON aliases (id)")
        self._posts.execute("CREATE INDEX texts ON posts (text_ms) WHERE text_ms IS NOT NULL")
        self._posts.execute("CREATE INDEX seals ON posts (sealed_ms) WHERE sealed_ms IS NOT NULL")

    def close(self) -> None:
        """Let go of the index."""
        self._posts.close()

    def catch_up(self, settings: Settings) -> None:
        """Take in what the topic has more since the last time. Raises what TopicReader raises."""
        with TopicReader(settings, PUBLISHED, self._offset) as reader:
            self._posts.execute("BEGIN")
            try:
                for record in reader.to_end():
                    self._apply((record.key or b"").decode(errors="replace"), record.value, record.written_ms)
                    self._offset = record.offset + 1
            finally:
                self._posts.execute("COMMIT")

    def add(self, posts: Iterable[Published], written_ms: int) -> None:
        """Take in posts that were written at a time, in ms since 1970, and their texts with them."""
        text_ms = written_ms if written_ms > time.time() * 1000 - _TEXTS_MS else None
        rows = [(one.id, one.author, text_ms, one.sealed, None if one.sealed is None else written_ms) for one in posts]
        self._posts.executemany("INSERT OR REPLACE INTO posts VALUES (?, ?, ?, ?, ?)", rows)

    def forget(self, ids: Iterable[str]) -> None:
        """Forget posts, and what else they are called, whose deletion is with the broker."""
        rows = [(one,) for one in ids]
        self._posts.executemany("DELETE FROM aliases WHERE id = ?", rows)
        self._posts.executemany("DELETE FROM posts WHERE id = ?", rows)

    def add_aliases(self, aliases: Mapping[str, str]) -> None:
        """Take in other names of posts: alias to id."""
        self._posts.executemany("INSERT OR REPLACE INTO aliases VALUES (?, ?)", aliases.items())

    def named(self, post_id: str) -> str:
        """The id that an alias stands for; the same id where it is none."""
        found = self._posts.execute("SELECT id FROM aliases WHERE alias = ?", (post_id,)).fetchone()
        return found[0] if found else post_id

    def aliases_of(self, ids: Iterable[str]) -> list[str]:
        """The other names of these posts."""
        return [
            alias
            for one in ids
            for (alias,) in self._posts.execute("SELECT alias FROM aliases WHERE id = ? ORDER BY alias", (one,))
        ]

    def __contains__(self, post_id: str) -> bool:
        return self._posts.execute("SELECT 1 FROM posts WHERE id = ?", (post_id,)).fetchone() is not None

    def of_author(self, author: str) -> list[str]:
        """The ids of an author's posts; `author` is the keyed hash."""
        return [one for (one,) in self._posts.execute("SELECT id FROM posts WHERE author = ? ORDER BY id", (author,))]

    def with_text_from_before(self, ms: int) -> list[str]:
        """The ids of posts whose texts were written before a time, and are not yet forgotten."""
        return [one for (one,) in self._posts.execute("SELECT id FROM posts WHERE text_ms < ? ORDER BY id", (ms,))]

    def text_gone(self, ids: Iterable[str]) -> None:
        """The texts of these posts are forgotten; the posts are still known."""
        self._posts.executemany("UPDATE posts SET text_ms = NULL WHERE id = ?", [(one,) for one in ids])

    def sealed(self, before_ms: int | None = None) -> list[Published]:
        """The posts whose own ids are kept encrypted; with a time, in ms since 1970, those that were written before it."""
        found = self._posts.execute(
            "SELECT id, author, sealed FROM posts WHERE sealed_ms < ? ORDER BY id",
            (_EVER if before_ms is None else before_ms,),
        )
        return [Published(id=one, author=author, sealed=sealed) for one, author, sealed in found]

    def unsealed(self, ids: Iterable[str]) -> None:
        """The encrypted ids of these posts are forgotten; the posts are still known."""
        self._posts.executemany(
            "UPDATE posts SET sealed = NULL, sealed_ms = NULL WHERE id = ?", [(one,) for one in ids]
        )

    def _apply(self, key: str, value: bytes | None, written_ms: int) -> None:
        if not key.startswith(self._prefix):
            return
        if value is None:
            self.forget([key])
            self._posts.execute("DELETE FROM aliases WHERE alias = ?", (key,))
            return
        try:
            note = decode(value, Published)
            if note.id == key:
                self.add([note], written_ms)
            else:
                self.add_aliases({key: note.id})
        except BadMessage:
            # Nobody but adrwatch writes there; the key alone still lets the post be taken back.
            self.add([Published(id=key)], written_ms)
