"""The SQLite file of the dashboard and its connections: any thread uses it, each over one of its own."""

from __future__ import annotations

import queue
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from services.dashboard.view import delays
from services.dashboard.view.tables import CREATE, INDICES, VERSION
from shared.errors import AdrwatchError

FILE = "dashboard.sqlite3"
# A mention is read back by pages while the thread that follows writes: that waits no longer than this for its turn.
_BUSY_SECONDS = 10.0
# Threads that read come and go, more of them than ask at once: so many connections are kept for the next one.
_KEPT = 8


class File:
    """A file of another version is made anew. Raises AdrwatchError where it cannot be written."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._idle: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue(_KEPT)
        self._closed = False
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        with self._broken_is_removed():
            self._prepare()

    def close(self) -> None:
        """Close all connections; those in use are closed by who uses them."""
        with self._lock:
            self._closed = True
        self._drop_idle()

    def _prepare(self) -> None:
        # It names posts: nobody else may read it. SQLite gives the files beside it the same mode.
        self._path.touch(mode=0o600)
        with self._connection() as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version not in (0, VERSION):
                raise sqlite3.DatabaseError(f"version {version}")
            connection.executescript(";".join((*CREATE, *delays.CREATE, *INDICES)))
            connection.execute(f"PRAGMA user_version = {VERSION}")

    @contextmanager
    def _broken_is_removed(self) -> Iterator[None]:
        """A file of another version, or one that cannot be read, is a copy that is made anew."""
        try:
            yield
        except sqlite3.DatabaseError:
            self._drop_idle()
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(FILE + suffix).unlink(missing_ok=True)
            try:
                self._prepare()
            except sqlite3.Error as error:
                raise AdrwatchError(
                    f"{self._path} cannot be written: {error}", fix="see that ADRWATCH_DATA_DIR can be written to"
                ) from error

    def _open(self) -> sqlite3.Connection:
        made = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            made.execute("PRAGMA journal_mode = WAL")
            # The topics are the truth: what a power failure takes is read again, with its positions.
            made.execute("PRAGMA synchronous = NORMAL")
            made.execute("PRAGMA secure_delete = ON")
        except BaseException:
            made.close()
            raise
        return made

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection for as long as it is used. Nobody waits for one: with none idle, one more is opened."""
        try:
            connection = self._idle.get_nowait()
        except queue.Empty:
            connection = self._open()
        try:
            yield connection
        finally:
            self._give_back(connection)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            # One whose commit failed is still within its transaction, and of no use to others.
            if not (self._closed or connection.in_transaction):
                try:
                    self._idle.put_nowait(connection)
                    return
                except queue.Full:
                    pass
        connection.close()

    def _drop_idle(self) -> None:
        while True:
            try:
                self._idle.get_nowait().close()
            except queue.Empty:
                return

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def _all(self, query: str, values: Iterable[Any] = ()) -> list[Any]:
        with self._connection() as connection:
            return connection.execute(query, tuple(values)).fetchall()

    def _one(self, query: str, values: Iterable[Any] = ()) -> Any:
        with self._connection() as connection:
            cursor = connection.execute(query, tuple(values))
            try:
                return cursor.fetchone()
            finally:
                # A statement that is not read to its end would hold its snapshot for the next user.
                cursor.close()
