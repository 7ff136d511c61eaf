"""What the commands of `adrwatch signals` have in common: their options, and how rows come out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shared.errors import AdrwatchError

if TYPE_CHECKING:
    from services.signals.writing import Columns, Names

File = Annotated[Path, typer.Argument(help="reports: CSV, TSV (also .gz, .xz) or Parquet with report, drug, reaction")]
ColumnNames = Annotated[
    str | None,
    typer.Option("--columns", help="what the file calls its columns: report=CASEID,drug=DRUG,reaction=AE"),
]
Csv = Annotated[Path | None, typer.Option("--csv", help="write all rows to this CSV file")]
Parquet = Annotated[Path | None, typer.Option("--parquet", help="write all rows to this Parquet file")]
Json = Annotated[bool, typer.Option("--json", help="print all rows, one JSON object a line")]
Most = Annotated[int, typer.Option("--most", min=1, help="rows that are shown")]


def put(
    names: Names,
    columns: Columns,
    shown: Sequence[str],
    by: str,
    most: int,
    csv: Path | None,
    parquet: Path | None,
    as_json: bool,
) -> None:
    """Write the rows to files, print them as JSON, or show those that stand first by a column. Raises AdrwatchError."""
    from services.signals.writing import json_lines, top, write
    from shared.console import tables

    if by not in columns:
        raise AdrwatchError(f"there is no column {by}", fix=f"--by is one of {', '.join(columns)}")
    for path, form in ((csv, "csv"), (parquet, "parquet")):
        if path is not None:
            write(names, columns, path, form)
    if as_json:
        for line in json_lines(names, columns):
            print(line)
    elif csv is None and parquet is None:
        tables().print(top(names, columns, shown, by, most))
