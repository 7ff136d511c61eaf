"""The database of cases: opened, brought up to date, one writer at a time."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
import tenacity
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

from shared.errors import AdrwatchError, DependencyAway
from shared.health import HEALTH
from shared.settings import Settings, plain_address

FILE = "cases.sqlite3"
DATABASE = "database"
DATABASE_FIX = "see that it runs, and ADRWATCH_DATABASE_URL; cases cannot be read or written meanwhile"
_MIGRATIONS = Path(__file__).parent / "migrations"
# SQLite waits so long for another writer.
_PATIENCE_SECONDS = 30
# Any number, the same for all processes of adrwatch that share a PostgreSQL.
_SET_UP_LOCK = 0x616472
_FOREIGN = re.compile("no such (table|column)|already exists|has no column")


class Database:
    """An engine and the ways in which it is used."""

    def __init__(self, engine: Engine, address: str) -> None:
        self._engine = engine
        self.address = address

    @classmethod
    def opened(cls, settings: Settings) -> Database:
        """The database of the settings, ready to be used: made where it is empty.

        Raises DependencyAway where it does not answer, AdrwatchError where it is of another version.
        """
        database = cls.connected(settings)
        with database.reading() as connection:
            now, wanted = _revisions(connection)
        if now is None:
            database.upgrade()
        elif now != wanted:
            raise AdrwatchError(
                f"the database {database.address} is of version {now}, this program wants {wanted}",
                fix="run `adrwatch cases upgrade`, after a backup",
            )
        return database

    @classmethod
    @contextmanager
    def used(cls, settings: Settings) -> Iterator[Database]:
        """As `opened`, closed at the end."""
        database = cls.opened(settings)
        try:
            yield database
        finally:
            database.close()

    @classmethod
    def connected(cls, settings: Settings) -> Database:
        """The database as it is. Raises AdrwatchError for an address that is none."""
        url = settings.database_url
        if url is None:
            settings.data_dir.mkdir(parents=True, exist_ok=True)
            url = f"sqlite:///{settings.data_dir / FILE}"
        # The driver that adrwatch brings along.
        url = url.replace("postgresql://", "postgresql+psycopg://", 1)
        try:
            engine = sa.create_engine(url, pool_pre_ping=True)
        except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ImportError) as error:
            raise AdrwatchError(
                f"the database {plain_address(url)} cannot be used: {error}", fix="mend ADRWATCH_DATABASE_URL"
            ) from None
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _prepare_sqlite)
        return cls(engine, plain_address(url))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read with."""
        with self._answering(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, alone: another writer waits for its end. Committed there, unless an error leaves it."""
        with self._alone("LOCK TABLE audit IN EXCLUSIVE MODE") as connection:
            yield connection

    def erase(self) -> None:
        """Let what was deleted be gone from SQLite's journal too, which keeps pages as they were until they are written over.

        Waits for those who read. Raises DependencyAway where one reads for too long.
        """
        if self._engine.dialect.name != "sqlite":
            return
        with self._answering(), self._engine.connect() as connection:
            busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
        if busy:
            raise DependencyAway(
                f"somebody reads in {self.address} for so long that what was deleted stays in its journal",
                fix="end what has it open",
            )

    def upgrade(self) -> None:
        """Bring the tables up to what this program wants, wholly or not at all; of two that try at once, one waits."""
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        with self._alone(f"SELECT pg_advisory_xact_lock({_SET_UP_LOCK})") as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    @contextmanager
    def _alone(self, lock: str) -> Iterator[Connection]:
        """One transaction: SQLite's only one that writes, PostgreSQL's only one that holds `lock`."""
        with self._answering(), self._engine.connect() as connection:
            if self._engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                try:
                    yield connection
                except BaseException:
                    connection.exec_driver_sql("ROLLBACK")
                    raise
                connection.exec_driver_sql("COMMIT")
            else:
                with connection.begin():
                    connection.exec_driver_sql(lock)
                    yield connection

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
            HEALTH.answered(DATABASE)
        except sa.exc.DBAPIError as error:
            why = str(error.orig).splitlines()[0] if error.orig else type(error).__name__
            away = isinstance(error, (sa.exc.OperationalError, sa.exc.InterfaceError))
            # SQLite says so of tables, too.
            if away and not _FOREIGN.search(why):
                HEALTH.away(DATABASE, why)
                raise DependencyAway(
                    f"the database {self.address} does not answer: {why}",
                    fix="start it, or mend ADRWATCH_DATABASE_URL",
                ) from None
            raise AdrwatchError(
                f"the database {self.address} cannot be used: {why}",
                fix="give an empty one, or adrwatch's own (ADRWATCH_DATABASE_URL), with the right to read and write its tables",
            ) from None


def _revisions(connection: Connection) -> tuple[str | None, str]:
    script = ScriptDirectory(str(_MIGRATIONS))
    wanted = script.get_current_head()
    assert wanted is not None  # noqa: S101
    return MigrationContext.configure(connection).get_current_revision(), wanted


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    """Transactions are begun by us, so that a writer takes its lock at once; nothing that was committed is lost to a crash."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_PATIENCE_SECONDS * 1000}")
    cursor.execute("PRAGMA synchronous = FULL")
    # What a deletion takes out of a case does not stay in free pages of the file.
    cursor.execute("PRAGMA secure_delete = ON")
    _set_journal(cursor)
    cursor.close()


@tenacity.retry(
    retry=tenacity.retry_if_exception_message(match="database is locked"),
    wait=tenacity.wait_random(0.01, 0.1),
    stop=tenacity.stop_after_delay(_PATIENCE_SECONDS),
    reraise=True,
)
def _set_journal(cursor: sqlite3.Cursor) -> None:
    """SQLite does not wait for others here, where two open a new file at once."""
    cursor.execute("PRAGMA journal_mode = WAL")
