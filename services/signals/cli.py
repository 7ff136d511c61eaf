"""`adrwatch signals`: statistics on a user's own counts or reports."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.signals.options import ColumnNames, Csv, File, Json, Most, Parquet, put
from services.signals.sides import beside
from services.signals.surveillance import changes, critical
from shared.errors import AdrwatchError

if TYPE_CHECKING:
    from shared.signals.table import MeasuredTable


def register(app: typer.Typer) -> None:
    """Add the group `signals`."""
    group = typer.Typer(help="Measures of disproportionality of your own counts or reports.", no_args_is_help=True)
    for command in (table, beside, changes, critical, together, groups):
        group.command(command.__name__)(command)
    app.add_typer(group, name="signals")


def table(
    file: Annotated[Path, typer.Argument(help="reports as above, or counts: drug, reaction, a, b, c, d")],
    columns: ColumnNames = None,
    stratum: Annotated[
        str | None, typer.Option(help="column of reports: expected counts are summed over its values (Mantel-Haenszel)")
    ] = None,
    without: Annotated[
        str | None, typer.Option(help="leave out all reports that name this drug, which may mask others")
    ] = None,
    csv: Csv = None,
    parquet: Parquet = None,
    as_json: Json = False,
    by: Annotated[str, typer.Option(help="column by which the rows that are shown are chosen")] = "eb05",
    most: Most = 20,
) -> None:
    """Every measure of every pair: PRR, ROR, RRR, Q, chi-squared, IC, EBGM, LRT, with their intervals and corrections.

    Counts are of distinct reports. Rows that cannot be are named with their lines, and nothing is computed: exit code 2.

    Example: adrwatch signals table reports.csv.xz --columns report=CASEID,drug=DRUG,reaction=AE --csv measures.csv
    """
    from services.signals.reading import column_names, read_table
    from services.signals.writing import of_pairs
    from shared.signals.counts import Reports, count
    from shared.signals.table import measure

    found = read_table(file, column_names(columns), stratum)
    if without is not None:
        if not isinstance(found, Reports):
            raise AdrwatchError(f"{file} holds counts, from which no drug can be taken out", fix="give reports")
        try:
            found = found.without(without)
        except KeyError:
            raise AdrwatchError(f"no report names {without}", fix="write the drug as the file does") from None
    measured = measure(count(found) if isinstance(found, Reports) else found)
    shown = ("a", "expected", "prr", "ror_lower", "ic025", "eb05", "chi2_yates", "llr_p")
    put(of_pairs(measured.pairs), measured.columns, shown, by, most, csv, parquet, as_json)
    _tell(measured)


def together(
    file: File,
    columns: ColumnNames = None,
    least: Annotated[int, typer.Option(min=1, help="reports of both drugs and the reaction at least")] = 3,
    csv: Csv = None,
    parquet: Parquet = None,
    as_json: Json = False,
    by: Annotated[str, typer.Option(help="column by which the rows that are shown are chosen")] = "omega025",
    most: Most = 20,
) -> None:
    """Two drugs whose reports together name a reaction more than each by itself: Omega, support, confidence, lift.

    Omega025 above 0 is the usual sign of an interaction.

    Example: adrwatch signals together reports.csv --least 5 --json
    """
    from services.signals.reading import column_names, read_reports
    from shared.signals.together import MOST_DRUGS
    from shared.signals.together import together as both

    found = both(read_reports(file, column_names(columns)), least)
    names = dict(
        zip(("drug", "other_drug", "reaction"), [list(each) for each in zip(*found.names, strict=True)], strict=False)
    )
    if found.skipped:
        print(f"adrwatch: {found.skipped} reports name over {MOST_DRUGS} drugs: no pairs of these", file=sys.stderr)
    if not names:
        print(f"adrwatch: no two drugs and a reaction have {least} reports", file=sys.stderr)
        return
    shown = ("n", "both", "expected", "omega", "omega025", "confidence", "lift")
    put(names, found.columns, shown, by, most, csv, parquet, as_json)


def groups(
    file: Annotated[Path, typer.Argument(help="reports as above, or counts: drug, reaction, a, b, c, d")],
    columns: ColumnNames = None,
    least: Annotated[int, typer.Option(min=1, help="reports that a drug must have")] = 50,
    likeness: Annotated[float, typer.Option(min=0.05, max=1, help="mean cosine from which drugs are one group")] = 0.6,
    as_json: Json = False,
) -> None:
    """Drugs whose reactions are alike, and the reactions that they share: the same substance, a class, an indication.

    Example: adrwatch signals groups reports.csv.xz --columns report=CASEID,drug=DRUG,reaction=AE --least 200
    """
    import json
    from dataclasses import asdict

    from rich.table import Table as Grid

    from services.signals.reading import column_names, read_table
    from shared.console import tables
    from shared.signals.counts import Reports, count
    from shared.signals.profiles import groups as grouped

    found = read_table(file, column_names(columns))
    listed = grouped(count(found) if isinstance(found, Reports) else found, least, likeness)
    if as_json:
        for each in listed:
            print(json.dumps(asdict(each), ensure_ascii=False))
        return
    grid = Grid("likeness", "drugs", "shared reactions", title=f"{len(listed)} groups", title_justify="left")
    for each in listed:
        grid.add_row(f"{each.likeness:.2f}", ", ".join(each.drugs), ", ".join(each.shared))
    tables().print(grid)


def _tell(measured: MeasuredTable) -> None:
    """What a reader must know of EBGM and of p-values, to standard error."""
    if measured.fit is None or not measured.fit.trustworthy:
        print("adrwatch: no EBGM, for its prior cannot be told from so few pairs", file=sys.stderr)
    elif measured.fit.held:
        print(
            "adrwatch: EBGM by a prior held near the usual one, for these pairs alone give one out of reason",
            file=sys.stderr,
        )
    if measured.pairs.margins is None:
        print(
            "adrwatch: no p-values of the likelihood ratio test, which needs reports rather than counts",
            file=sys.stderr,
        )
