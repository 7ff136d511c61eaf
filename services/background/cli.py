"""`adrwatch background`: reports of reporting systems and hospitals in one store, to compute and compare with."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

group = typer.Typer(
    help="Reports of FAERS, of hospitals and of your own tables, kept once each, as background.", no_args_is_help=True
)
Store = Annotated[Path, typer.Option("--store", help="the store, one file")]
_STORE = Path("background.duckdb")


class Layout(StrEnum):
    """Forms of background data."""

    FAERS = "faers"
    TABLE = "table"
    FHIR = "fhir"


def register(app: typer.Typer) -> None:
    """Add the group `background`."""
    app.add_typer(group, name="background")


@group.command("import")
def import_reports(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="faers: quarters, folders or zips, in any order; table: CSV, TSV (also .gz, .xz) or Parquet; "
            "fhir: the .ndjson (also .gz) of one export, or its folder"
        ),
    ],
    store: Store = _STORE,
    layout: Annotated[Layout, typer.Option("--format", help="form of the data")] = Layout.FAERS,
    source: Annotated[
        str | None, typer.Option(help="what the source of a table or of hospital data is called in the store")
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            help="what a table calls its columns: report=CASE,drug=NAME,reaction=TERM; also date, role, outcome, serious, sex, "
            "case, version"
        ),
    ] = None,
    memory: Annotated[
        str, typer.Option(help="memory that may be used, such as 2GB; what is more goes to disk")
    ] = "2GB",
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object for each import")] = False,
) -> None:
    """Import reports: of each case the latest version stays, nullified cases go, names become ingredients.

    Lines that cannot be read are kept with file, number and reason: `adrwatch background rejected`. Everything can be imported
    again without harm.

    Example: adrwatch background import faers_ascii_2025q4.zip --store background.duckdb

    Example: adrwatch background import reports.csv.gz --format table --source registry --columns report=ID,drug=NAME,reaction=PT

    Example: adrwatch background import export/ --format fhir --source hospital
    """
    import json
    from dataclasses import asdict

    from services.background.sources import Order, taken_in
    from services.background.store import limited, opened, settle
    from shared.vocabulary.drugs import default_lexicon

    order = Order(layout.value, paths, source, columns)
    with opened(store, write=True) as connection:
        limited(connection, memory)
        for name, intake in taken_in(connection, order, lambda text: print(text, file=sys.stderr)):
            settled = settle(connection, default_lexicon())
            if as_json:
                lines = {} if intake is None else asdict(intake)
                print(json.dumps({"file": name, "format": layout.value} | lines | asdict(settled)))
            else:
                of = "" if intake is None else f"{intake.lines:,} lines; "
                print(
                    f"{name}: {of}read {settled.read:,} reports; kept {settled.kept:,}, "
                    f"superseded {settled.superseded:,}, nullified {settled.nullified:,}; "
                    f"{settled.replaced:,} of the store went; {settled.rejected:,} lines could not be read"
                )


@group.command("show")
def show(
    store: Store = _STORE, as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False
) -> None:
    """How much the store holds.

    Example: adrwatch background show --store background.duckdb
    """
    import json

    from services.background.store import opened, summary

    with opened(store, write=False) as connection:
        found = summary(connection)
    if as_json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name}: {value:,}" if isinstance(value, int) else f"{name}: {value}")


@group.command("rejected")
def rejected(
    store: Store = _STORE, as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False
) -> None:
    """The lines that could not be read, with file, number and reason.

    Example: adrwatch background rejected --json
    """
    import json

    from services.background.store import opened

    with opened(store, write=False) as connection:
        rows = connection.execute("SELECT source, file, line, reason FROM rejected ORDER BY ALL").fetchall()
    for source, file, line, reason in rows:
        row = {"source": source, "file": file, "line": line, "reason": reason}
        print(json.dumps(row) if as_json else f"{file}, line {line}: {reason}")


@group.command("export")
def export(
    out: Annotated[Path, typer.Argument(help="Parquet file: report, drug, reaction, date, sex, source")],
    store: Store = _STORE,
    roles: Annotated[
        str, typer.Option(help="roles that count: PS primary suspect, SS secondary, C concomitant, I interacting")
    ] = "PS,SS",
    since: Annotated[str | None, typer.Option(help="first day, such as 2025-01-01")] = None,
    until: Annotated[str | None, typer.Option(help="last day")] = None,
    source: Annotated[str | None, typer.Option(help="reports of this source only")] = None,
) -> None:
    """Write the reports as pairs, for `adrwatch signals` and `adrwatch evaluate signals`.

    Example: adrwatch background export reports.parquet --roles PS && adrwatch signals table reports.parquet
    """
    from services.background.pairs import export_pairs
    from services.background.store import opened

    with opened(store, write=False) as connection:
        reports, pairs = export_pairs(connection, out, roles, since, until, source)
    print(f"{out}: {reports:,} reports, {pairs:,} pairs of a drug and a reaction", file=sys.stderr)
