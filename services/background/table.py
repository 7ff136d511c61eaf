"""A table of reports, in columns of the user's own: a row for each drug and reaction that a report names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb

from services.background.rows import rows
from services.background.store import ROLES, Intake
from services.background.times import day_of
from services.background.writing import Say, number
from shared.duckdb_rows import Batches
from shared.errors import AdrwatchError

NEEDED = ("report", "drug", "reaction")
# One value a report; `role` is of the drug, and a report may have several outcomes.
OF_REPORT = ("date", "sex", "case", "version")
COLUMNS = (*NEEDED, "role", "outcome", "serious", *OF_REPORT)
_ROLES: Mapping[str, str] = {code.lower(): code for code in ROLES} | {
    "": "PS", "suspect": "PS", "primary suspect": "PS", "secondary suspect": "SS", "concomitant": "C", "interacting": "I",
}  # fmt: skip
_SERIOUS: Mapping[str, str] = {
    **dict.fromkeys(("1", "true", "t", "yes", "y", "serious"), "true"),
    **dict.fromkeys(("0", "false", "f", "no", "n", "non-serious", "not serious"), "false"),
}
# Outcomes that make a report serious: FAERS's codes, and what they stand for (ICH E2A).
_GRAVE = frozenset(
    {
        "de", "lt", "ho", "ds", "ca", "ri", "ot", "death", "died", "fatal", "life-threatening", "life threatening",
        "hospitalisation", "hospitalization", "hospitalised", "hospitalized", "disability", "congenital anomaly",
        "required intervention", "other serious",
    }
)  # fmt: skip
_SEX: Mapping[str, str] = {"female": "f", "male": "m"}
_TOLD = 1_000_000
_RAW = """
CREATE OR REPLACE TEMP TABLE raw (
    line BIGINT, report TEXT, drug TEXT, reaction TEXT, role TEXT, outcome TEXT, serious BOOLEAN, date DATE, sex TEXT, "case" TEXT,
    version BIGINT
)
"""


def column_names(columns: str | None) -> dict[str, str]:
    """What an option such as `report=CASEID,drug=DRUG` says: our name → the file's. Raises AdrwatchError for another form."""
    names: dict[str, str] = {}
    for part in filter(None, (columns or "").split(",")):
        name, _, theirs = (word.strip() for word in part.partition("="))
        if name not in COLUMNS or not theirs:
            raise AdrwatchError(
                f"--columns has {part!r}",
                fix=f"write our name = yours, such as report=CASE; ours are {', '.join(COLUMNS)}",
            )
        names[name] = theirs
    return names


def read_table(
    connection: duckdb.DuckDBPyConnection, path: Path, source: str, names: Mapping[str, str], say: Say
) -> Intake:
    """Read a file into the incoming tables of the store. `names`: our name of a column → the file's, where they differ.

    Rows that cannot be are kept with their line and reason. Raises AdrwatchError for a file that cannot be read, or that lacks
    `report`, `drug` or `reaction`.
    """
    connection.execute(_RAW)
    batches, lines = Batches(connection), 0
    with rows(path) as (header, found):
        places = _places(path, header, names)
        for line, row, why in found:
            lines += 1
            try:
                if row is None:
                    raise ValueError(why)
                batches.add("raw", str(line), *_checked({name: row[at].strip() for name, at in places.items()}))
            except ValueError as error:
                batches.add("incoming_rejected", source, path.name, str(line), str(error))
            if not lines % _TOLD:
                say(f"{path.name}: {lines:,} rows")
    batches.flush()
    if not lines:
        raise AdrwatchError(f"{path} has no rows", fix="give a table with one report at least")
    _agree(connection, path.name, source)
    _fill(connection, path.name, source)
    return Intake(lines, number(connection, "raw") - number(connection, "incoming_reports"))


def _places(path: Path, header: Sequence[str], names: Mapping[str, str]) -> dict[str, int]:
    lowered = [name.lower() for name in header]
    wanted = {name: names.get(name, name).lower() for name in COLUMNS}
    for name, theirs in wanted.items():
        if theirs not in lowered and (name in NEEDED or name in names):
            raise AdrwatchError(
                f"{path} has no column {names.get(name, name)}",
                fix=f"its columns are {', '.join(header)}; say which is which: --columns report=CASE,drug=NAME,reaction=TERM",
            )
    return {name: lowered.index(theirs) for name, theirs in wanted.items() if theirs in lowered}


def _checked(fields: Mapping[str, str]) -> Iterator[str]:
    """The fields of a row in the order of `COLUMNS`. Raises ValueError saying what is wrong, without quoting it."""
    for name in NEEDED:
        if not fields[name]:
            raise ValueError(f"has no {name}")
        yield fields[name]
    if (role := _ROLES.get(fields.get("role", "").lower())) is None:
        raise ValueError(f"has a role that is none of {', '.join(ROLES)}")
    yield role
    outcome, serious = fields.get("outcome", ""), fields.get("serious", "").lower()
    yield outcome
    if serious and serious not in _SERIOUS:
        raise ValueError("is neither serious nor not: write yes or no")
    yield "true" if outcome.lower() in _GRAVE else _SERIOUS.get(serious, "")
    day = None
    if fields.get("date"):
        try:
            day = day_of(fields["date"])
        except ValueError:
            raise ValueError("has no date such as 2026-03-01") from None
    yield "" if day is None else day.isoformat()
    yield _SEX.get(fields.get("sex", "").lower(), fields.get("sex", "").lower())
    yield fields.get("case", "")
    version = fields.get("version", "")
    if version and not (version.isascii() and version.isdigit() and len(version) < len(str(2**63))):
        raise ValueError("has a version that is no whole number")
    yield version


def _agree(connection: duckdb.DuckDBPyConnection, file: str, source: str) -> None:
    """Rows that give their report a second date, sex, case or version are rejected: the first of each stands."""
    for name in OF_REPORT:
        connection.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE differing AS SELECT line FROM raw JOIN (
                SELECT report, arg_min("{name}", line) AS given FROM raw WHERE "{name}" IS NOT NULL GROUP BY report
            ) USING (report) WHERE "{name}" <> given
            """
        )
        connection.execute(
            "INSERT INTO incoming_rejected SELECT ?, ?, line, ? FROM differing",
            [source, file, f"gives its report a second {name}"],
        )
        connection.execute("DELETE FROM raw WHERE line IN (SELECT line FROM differing)")


def _fill(connection: duckdb.DuckDBPyConnection, file: str, source: str) -> None:
    connection.execute(
        """
        INSERT INTO incoming_reports
        SELECT ?, report, coalesce(max("case"), report), coalesce(max(version), 0), max(date), max(sex), bool_or(serious), ?
        FROM raw GROUP BY report
        """,
        [source, file],
    )
    for table, columns in (("drugs", "role, drug, NULL"), ("reactions", "reaction"), ("outcomes", "outcome")):
        connection.execute(
            f"INSERT INTO incoming_{table} SELECT DISTINCT ?, report, {columns} FROM raw"
            + (" WHERE outcome IS NOT NULL" if table == "outcomes" else ""),
            [source],
        )
    connection.execute("DROP TABLE differing")
