"""Reports of the store as pairs of a drug and a reaction, for measures."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb

from services.background.store import PAIRS, ROLES
from services.background.writing import number
from shared.errors import AdrwatchError


def export_pairs(
    connection: duckdb.DuckDBPyConnection,
    out: Path,
    roles: str,
    since: str | None,
    until: str | None,
    source: str | None,
) -> tuple[int, int]:
    """Write a Parquet file with a row for each report, ingredient and reaction; the numbers of reports and rows.

    Raises AdrwatchError for a role or day that is none, where nothing is left, and where the file cannot be written.
    """
    wanted = [role.strip().upper() for role in roles.split(",")]
    if unknown := [role for role in wanted if role not in ROLES]:
        raise AdrwatchError(f"{unknown[0] or 'nothing'} is no role", fix=f"roles are {', '.join(ROLES)}")
    days = [None if day is None else _day(day) for day in (since, until)]
    query = f"""
        SELECT * FROM ({PAIRS.format(roles="list_contains($roles, d.role)")})
        WHERE ($source IS NULL OR source = $source)
          AND ($since IS NULL OR date >= $since::DATE) AND ($until IS NULL OR date <= $until::DATE)
        ORDER BY ALL
    """
    connection.execute(
        f"CREATE TEMP TABLE exported AS {query}",
        {"roles": wanted, "since": days[0], "until": days[1], "source": source},
    )
    pairs = number(connection, "exported")
    if not pairs:
        raise AdrwatchError(
            "no report is left to export", fix="see `adrwatch background show` for the days and the sources"
        )
    target = str(out).replace("'", "''")
    try:
        connection.execute(f"COPY exported TO '{target}' (FORMAT parquet)")
    except duckdb.Error as error:
        raise AdrwatchError(f"{out} cannot be written: {error}", fix="give a file in a folder that exists") from None
    return number(connection, "(SELECT DISTINCT report FROM exported)"), pairs


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise AdrwatchError(f"{text} is no day", fix="write it as 2025-01-31") from None
