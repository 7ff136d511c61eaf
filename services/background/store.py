"""The store of background reports: one DuckDB file, of which every case is held once, in its latest version.

A report has an id of its source, a case, a version of it, the day it tells of, and its drugs (with their role) and reactions.
Sources write into `incoming_…` tables; `settle` takes these over in one transaction: a crash leaves the store as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from services.background.names import name_ingredients
from services.background.writing import number
from shared.errors import AdrwatchError
from shared.vocabulary.drugs import DrugLexicon

# What a drug may be to a report, by FAERS's codes: primary suspect, secondary suspect, concomitant, interacting.
ROLES = ("PS", "SS", "C", "I")
_VERSION = 2
_STORE = "give a store of `adrwatch background import`; one of an older version is made again by importing"
_SCHEMA = """
CREATE TABLE reports (
    source TEXT, report TEXT, case_id TEXT, version BIGINT, day DATE, sex TEXT, serious BOOLEAN, imported TEXT
);
CREATE TABLE drugs (source TEXT, report TEXT, role TEXT, name TEXT, ingredient TEXT);
CREATE TABLE reactions (source TEXT, report TEXT, reaction TEXT);
CREATE TABLE outcomes (source TEXT, report TEXT, outcome TEXT);
CREATE TABLE nullified (source TEXT, case_id TEXT, imported TEXT);
CREATE TABLE rejected (source TEXT, file TEXT, line BIGINT, reason TEXT);
CREATE TABLE about (version INTEGER);
"""
# What measures are computed of. Distinct: a report may name a drug in two roles, or under two names.
PAIRS = """
SELECT DISTINCT r.source || ':' || r.report AS report, d.ingredient AS drug, x.reaction, r.day AS date, r.sex, r.source
FROM reports AS r JOIN drugs AS d USING (source, report) JOIN reactions AS x USING (source, report)
WHERE d.ingredient IS NOT NULL AND {roles}
"""
# By this view `adrwatch signals` reads a store without knowing its tables.
_VIEW = "CREATE VIEW pairs AS " + PAIRS.format(roles="d.role IN ('PS', 'SS')")
_HELD = ("reports", "drugs", "reactions", "outcomes")
_INCOMING = """
CREATE OR REPLACE TEMP TABLE incoming_reports AS SELECT * FROM reports LIMIT 0;
CREATE OR REPLACE TEMP TABLE incoming_drugs AS SELECT * FROM drugs LIMIT 0;
CREATE OR REPLACE TEMP TABLE incoming_reactions AS SELECT * FROM reactions LIMIT 0;
CREATE OR REPLACE TEMP TABLE incoming_outcomes AS SELECT * FROM outcomes LIMIT 0;
CREATE OR REPLACE TEMP TABLE incoming_nullified AS SELECT * FROM nullified LIMIT 0;
CREATE OR REPLACE TEMP TABLE incoming_rejected AS SELECT * FROM rejected LIMIT 0;
"""
# Of the versions of a case the highest is the latest; of two with one number, that which was imported last.
_LATEST = """
CREATE OR REPLACE TEMP TABLE gone AS
WITH every AS (
    SELECT source, report, case_id, version, FALSE AS fresh FROM reports
    UNION ALL SELECT source, report, case_id, version, TRUE FROM incoming_reports
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY source, case_id ORDER BY version DESC, fresh DESC, report DESC) AS place FROM every
)
SELECT source, report, fresh, place > 1 AS superseded FROM ranked
WHERE place > 1 OR EXISTS (
    SELECT 1 FROM (SELECT * FROM nullified UNION ALL SELECT * FROM incoming_nullified) AS n
    WHERE n.source = ranked.source AND n.case_id = ranked.case_id
);
"""


@dataclass(frozen=True)
class Intake:
    """What a source took out of files: lines = read + other + rejected (`Settled`).

    `other`: lines that are no report by themselves: they tell more of one, or what reports point to.
    """

    lines: int
    other: int


@dataclass(frozen=True)
class Settled:
    """What became of one import: read = kept + superseded + nullified.

    `rejected`: lines of any file that could not be read. `replaced`: reports of the store that went, for a later version or none.
    """

    read: int
    kept: int
    superseded: int
    nullified: int
    rejected: int
    replaced: int


@contextmanager
def opened(path: Path, *, write: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    """The store in a file, made where it is to be written and is not there.

    Raises AdrwatchError for any other file, which stays as it was, for a store that another process holds, and where disk or
    memory are full.
    """
    _check_file(path, write)
    try:
        with duckdb.connect(str(path), read_only=not write) as connection:
            _check_version(connection, path, write)
            if write:
                connection.execute(_INCOMING)
            yield connection
    except duckdb.OutOfMemoryException as error:
        raise AdrwatchError(f"{path}: {error}", fix="give more --memory, or more room on the disk") from None
    except duckdb.IOException as error:
        if "Could not set lock" in str(error):
            raise AdrwatchError(
                f"{path} is in use by another process", fix="wait until the command that writes to it has ended"
            ) from None
        raise AdrwatchError(
            f"{path}: {error}",
            fix="see who may write there and whether the disk has room; if the file is damaged, import again",
        ) from None
    except (duckdb.SerializationException, duckdb.InternalException, duckdb.FatalException) as error:
        raise AdrwatchError(f"{path} is damaged: {error}", fix="make it again by importing") from None


def _check_file(path: Path, write: bool) -> None:
    """Another program's file is told by its first bytes: DuckDB would look for extensions that read it."""
    if path.is_dir():
        raise AdrwatchError(f"{path} is a folder", fix="give a file: --store background.duckdb")
    if not path.is_file():
        if not write:
            raise AdrwatchError(f"there is no store {path}", fix="make one with `adrwatch background import`")
        if not path.parent.is_dir():
            raise AdrwatchError(f"the folder {path.parent} is not there", fix="make it, or give --store another place")
        return
    try:
        with path.open("rb") as stream:
            start = stream.read(12)
    except OSError as error:
        raise AdrwatchError(f"{path} cannot be read: {error.strerror}", fix="see who may read it") from None
    if start[8:] != b"DUCK":
        raise AdrwatchError(f"{path} is no DuckDB file", fix=_STORE)


def _check_version(connection: duckdb.DuckDBPyConnection, path: Path, write: bool) -> None:
    """Before anything is made in a file: it is a store of this version, or empty and to become one."""
    if write and not number(connection, "duckdb_tables()"):
        connection.begin()
        connection.execute(_SCHEMA + _VIEW)
        connection.execute("INSERT INTO about VALUES (?)", [_VERSION])
        connection.commit()
        return
    try:
        found = connection.execute("SELECT max(version) FROM about").fetchone()
    except duckdb.CatalogException:
        found = None
    if found is None or found[0] != _VERSION:
        raise AdrwatchError(f"{path} is no store of this version", fix=_STORE)


def settle(connection: duckdb.DuckDBPyConnection, lexicon: DrugLexicon) -> Settled:
    """Move what has come in into the store, keep the latest version of each case, take out nullified ones."""
    name_ingredients(connection, lexicon)
    connection.execute(_LATEST)
    read, rejected = number(connection, "incoming_reports"), number(connection, "incoming_rejected")
    connection.begin()
    try:
        for name in _HELD:
            connection.execute(
                f"DELETE FROM {name} WHERE (source, report) IN (SELECT (source, report) FROM gone WHERE NOT fresh)"
            )
            # A report that comes again under its own id is replaced as a whole.
            connection.execute(
                f"DELETE FROM {name} WHERE (source, report) IN (SELECT (source, report) FROM incoming_reports)"
            )
            connection.execute(
                f"INSERT INTO {name} SELECT * FROM incoming_{name} "
                "WHERE (source, report) NOT IN (SELECT (source, report) FROM gone WHERE fresh)"
            )
        connection.execute(
            "INSERT INTO nullified SELECT DISTINCT * FROM incoming_nullified EXCEPT SELECT * FROM nullified"
        )
        connection.execute("INSERT INTO rejected SELECT * FROM incoming_rejected EXCEPT SELECT * FROM rejected")
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    superseded = number(connection, "gone WHERE fresh AND superseded")
    nullified = number(connection, "gone WHERE fresh AND NOT superseded")
    replaced = number(connection, "gone WHERE NOT fresh")
    connection.execute(_INCOMING)
    return Settled(read, read - superseded - nullified, superseded, nullified, rejected, replaced)


def limited(connection: duckdb.DuckDBPyConnection, memory: str) -> None:
    """Let the store use so much memory, such as 2GB; the rest goes to disk. Raises AdrwatchError for no such amount."""
    try:
        connection.execute("SET memory_limit = ?", [memory])
    except duckdb.Error:
        raise AdrwatchError(f"{memory} is no amount of memory", fix="write it as 2GB or 500MB") from None


def summary(connection: duckdb.DuckDBPyConnection) -> dict[str, int | str]:
    """What the store holds."""
    first, last = connection.execute("SELECT min(day), max(day) FROM reports").fetchone() or (None, None)
    return {
        "reports": number(connection, "reports"),
        "serious": number(connection, "reports WHERE serious"),
        "first day": str(first or ""),
        "last day": str(last or ""),
        "ingredients": number(connection, "(SELECT DISTINCT ingredient FROM drugs)"),
        "reactions": number(connection, "(SELECT DISTINCT reaction FROM reactions)"),
        "nullified cases": number(connection, "nullified"),
        "rejected lines": number(connection, "rejected"),
        "sources": _counted(connection, "source", "reports"),
        "outcomes": _counted(connection, "outcome", "outcomes"),
        "imports": ", ".join(
            name for (name,) in connection.execute("SELECT DISTINCT imported FROM reports ORDER BY 1").fetchall()
        ),
    }


def _counted(connection: duckdb.DuckDBPyConnection, column: str, table: str) -> str:
    found = connection.execute(
        f"SELECT {column}, count(*) FROM {table} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20"
    ).fetchall()
    return ", ".join(f"{name} {reports}" for name, reports in found)
