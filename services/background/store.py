"""The store of background reports: one DuckDB file, of which every case is held once, in its latest version.

A report has an id of its source, a case, a version of it, the day it tells of, and its drugs (with their role) and reactions.
Sources write into `incoming_…` tables; `settle` takes these over in one transaction: a crash leaves the store as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import numpy as np

from shared.errors import AdrwatchError
from shared.vocabulary.drugs import DrugLexicon

# What a drug may be to a report, by FAERS's codes: primary suspect, secondary suspect, concomitant, interacting.
ROLES = ("PS", "SS", "C", "I")
_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS reports (
    source TEXT, report TEXT, case_id TEXT, version BIGINT, day DATE, sex TEXT, serious BOOLEAN, imported TEXT
);
CREATE TABLE IF NOT EXISTS drugs (source TEXT, report TEXT, role TEXT, name TEXT, ingredient TEXT);
CREATE TABLE IF NOT EXISTS reactions (source TEXT, report TEXT, reaction TEXT);
CREATE TABLE IF NOT EXISTS nullified (source TEXT, case_id TEXT, imported TEXT);
CREATE TABLE IF NOT EXISTS rejected (source TEXT, file TEXT, line BIGINT, reason TEXT);
CREATE TABLE IF NOT EXISTS about (version INTEGER);
"""
_INCOMING = """
CREATE OR REPLACE TEMP TABLE incoming_reports AS SELECT * FROM reports LIMIT 0;
CREATE OR REPLACE TEMP TABLE incoming_drugs AS SELECT * FROM drugs LIMIT 0;
CREATE OR REPLACE TEMP TABLE incoming_reactions AS SELECT * FROM reactions LIMIT 0;
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
    """The store in a file, made where it is to be written and is not there. Raises AdrwatchError for any other file."""
    if not write and not path.is_file():
        raise AdrwatchError(f"there is no store {path}", fix="make one with `adrwatch background import`")
    try:
        connection = duckdb.connect(str(path), read_only=not write)
    except duckdb.Error as error:
        raise AdrwatchError(
            f"{path} cannot be opened: {error}", fix="give a store of `adrwatch background import`"
        ) from None
    with connection:
        if write:
            connection.execute(_SCHEMA)
            connection.execute("INSERT INTO about SELECT ? WHERE NOT EXISTS (SELECT 1 FROM about)", [_VERSION])
            connection.execute(_INCOMING)
        try:
            found = connection.execute("SELECT max(version) FROM about").fetchone()
        except duckdb.Error:
            found = None
        if found is None or found[0] != _VERSION:
            raise AdrwatchError(
                f"{path} is no store of this version", fix="give a store of `adrwatch background import`"
            )
        yield connection


def settle(connection: duckdb.DuckDBPyConnection, lexicon: DrugLexicon) -> Settled:
    """Move what has come in into the store, keep the latest version of each case, take out nullified ones."""
    _name_ingredients(connection, lexicon)
    connection.execute(_LATEST)
    read, rejected = _number(connection, "incoming_reports"), _number(connection, "incoming_rejected")
    connection.begin()
    try:
        for name in ("reports", "drugs", "reactions"):
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
    superseded = _number(connection, "gone WHERE fresh AND superseded")
    nullified = _number(connection, "gone WHERE fresh AND NOT superseded")
    replaced = _number(connection, "gone WHERE NOT fresh")
    connection.execute(_INCOMING)
    return Settled(read, read - superseded - nullified, superseded, nullified, rejected, replaced)


def _name_ingredients(connection: duckdb.DuckDBPyConnection, lexicon: DrugLexicon) -> None:
    """The ingredient of each incoming name, by adrwatch's lexicon; a name that it does not know stays, in capitals and cleaned."""
    names = [name for (name,) in connection.execute("SELECT DISTINCT name FROM incoming_drugs").fetchall()]
    known = [(name, ingredient(name, lexicon)) for name in names]
    connection.execute("CREATE OR REPLACE TEMP TABLE ingredients (name TEXT, ingredient TEXT)")
    if known:
        columns = {
            name: np.array([row[at] for row in known], dtype=object) for at, name in enumerate(("name", "ingredient"))
        }
        connection.register("known", columns)
        connection.execute("INSERT INTO ingredients SELECT name, ingredient FROM known")
        connection.unregister("known")
    connection.execute(
        "UPDATE incoming_drugs SET ingredient = i.ingredient FROM ingredients AS i WHERE i.name = incoming_drugs.name"
    )


def ingredient(name: str, lexicon: DrugLexicon) -> str:
    """What a medicine's name in a report stands for: the ingredient's label, or the cleaned name in capitals.

    Names carry doses, forms and salts ("ADVIL 200MG TABLETS"): the lexicon's longest name in it decides.
    """
    cleaned = " ".join(name.replace("\\", " ").replace("/", " ").split()).strip(" .,;").upper()
    found = lexicon.find(cleaned)
    labels = list(dict.fromkeys(mention.concept.label for mention in found))
    return " / ".join(sorted(labels)) if labels else cleaned


def _number(connection: duckdb.DuckDBPyConnection, of: str) -> int:
    found = connection.execute(f"SELECT count(*) FROM {of}").fetchone()
    return int(found[0]) if found else 0


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
        "reports": _number(connection, "reports"),
        "serious": _number(connection, "reports WHERE serious"),
        "first day": str(first or ""),
        "last day": str(last or ""),
        "ingredients": _number(connection, "(SELECT DISTINCT ingredient FROM drugs)"),
        "reactions": _number(connection, "(SELECT DISTINCT reaction FROM reactions)"),
        "nullified cases": _number(connection, "nullified"),
        "rejected lines": _number(connection, "rejected"),
        "imports": ", ".join(
            name for (name,) in connection.execute("SELECT DISTINCT imported FROM reports ORDER BY 1").fetchall()
        ),
    }


def export_pairs(
    connection: duckdb.DuckDBPyConnection, out: Path, roles: str, since: str | None, until: str | None
) -> tuple[int, int]:
    """Write a Parquet file with a row for each report, ingredient and reaction; the numbers of reports and rows.

    Raises AdrwatchError for a role or day that is none, where nothing is left, and where the file cannot be written.
    """
    wanted = [role.strip().upper() for role in roles.split(",")]
    if unknown := [role for role in wanted if role not in ROLES]:
        raise AdrwatchError(f"{unknown[0] or 'nothing'} is no role", fix=f"roles are {', '.join(ROLES)}")
    days = {"since": _day(since), "until": _day(until)}
    query = """
        SELECT DISTINCT r.source || ':' || r.report AS report, d.ingredient AS drug, x.reaction, r.day AS date, r.sex
        FROM reports AS r JOIN drugs AS d USING (source, report) JOIN reactions AS x USING (source, report)
        WHERE list_contains($roles, d.role)
          AND ($since IS NULL OR r.day >= $since::DATE) AND ($until IS NULL OR r.day <= $until::DATE)
        ORDER BY ALL
    """
    connection.execute(f"CREATE TEMP TABLE exported AS {query}", {"roles": wanted} | days)
    pairs = _number(connection, "exported")
    if not pairs:
        raise AdrwatchError(
            "no report is left to export", fix="see `adrwatch background show` for the days and the roles"
        )
    target = str(out).replace("'", "''")
    try:
        connection.execute(f"COPY exported TO '{target}' (FORMAT parquet)")
    except duckdb.Error as error:
        raise AdrwatchError(f"{out} cannot be written: {error}", fix="give a file in a folder that exists") from None
    return _number(connection, "(SELECT DISTINCT report FROM exported)"), pairs


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise AdrwatchError(f"{text} is no day", fix="write it as 2025-01-31") from None
