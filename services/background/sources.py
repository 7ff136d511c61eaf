"""From an order of the command line to reports that have come in, whatever their form."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from services.background import faers
from services.background.fhir import read_export
from services.background.store import Intake
from services.background.table import column_names, read_table
from services.background.writing import Say
from shared.errors import AdrwatchError

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,40}")


@dataclass(frozen=True)
class Order:
    """What is to be imported: `layout` is faers, table or fhir. Raises AdrwatchError for what does not go together."""

    layout: str
    paths: Sequence[Path]
    source: str | None = None
    columns: str | None = None

    def __post_init__(self) -> None:
        if self.columns is not None and self.layout != "table":
            raise AdrwatchError("--columns is for tables", fix="say --format table, or leave it out")
        if self.layout == "faers":
            if self.source is not None:
                raise AdrwatchError("the source of FAERS has its name", fix="leave --source out, or say --format table")
        elif self.source is None:
            raise AdrwatchError(f"--format {self.layout} needs a name of its source", fix="say --source registry")
        elif not _NAME.fullmatch(self.source):
            raise AdrwatchError(
                f"--source {self.source!r} is no name", fix="small letters, digits, - and _: --source registry"
            )
        elif self.source == faers.SOURCE:
            raise AdrwatchError("--source faers is the FDA's own", fix="give your reports another name")


def taken_in(connection: duckdb.DuckDBPyConnection, order: Order, say: Say) -> Iterator[tuple[str, Intake | None]]:
    """Read into the incoming tables what belongs together: a quarter, a table, or all files of one export.

    After each, when it is to be settled, its name and how its lines add up, where the source is counted by lines.
    """
    if order.layout == "fhir":
        yield order.paths[0].name, read_export(connection, order.paths, str(order.source), say)
        return
    names = column_names(order.columns)
    for path in order.paths:
        if order.layout == "table":
            yield path.name, read_table(connection, path, str(order.source), names, say)
        else:
            faers.read_quarter(connection, path, say)
            yield path.name, None
