"""`adrwatch signals`: statistics on a user's own counts or reports."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from shared.errors import AdrwatchError

group = typer.Typer(help="Measures of disproportionality of your own counts or reports.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the group `signals`."""
    app.add_typer(group, name="signals")


@group.callback()
def signals() -> None:
    """Measures of disproportionality of your own counts or reports."""


@group.command("table")
def table(
    file: Annotated[
        Path, typer.Argument(help="counts (drug, reaction, a, b, c, d) or reports (report, drug, reaction)")
    ],
    columns: Annotated[
        str | None, typer.Option(help="what the file calls its columns, such as report=CASEID,drug=DRUG,reaction=AE")
    ] = None,
    stratum: Annotated[
        str | None, typer.Option(help="column of reports: expected counts are summed over its values (Mantel-Haenszel)")
    ] = None,
    without: Annotated[
        str | None, typer.Option(help="leave out all reports that name this drug, which may mask others")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="write all pairs to this CSV file")] = None,
    parquet: Annotated[Path | None, typer.Option(help="write all pairs to this Parquet file")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print all pairs, one JSON object a line")] = False,
    by: Annotated[str, typer.Option(help="column by which the pairs that are shown are chosen")] = "eb05",
    most: Annotated[int, typer.Option(min=1, help="pairs that are shown")] = 20,
) -> None:
    """Compute every measure of every pair: PRR, ROR, RRR, Q, chi-squared, IC, EBGM, LRT, with their intervals and corrections.

    Counts are of distinct reports. Rows that cannot be are named with their lines, and nothing is computed: exit code 2.

    Example: adrwatch signals table reports.csv.xz --columns report=CASEID,drug=DRUG,reaction=AE --csv measures.csv
    """
    from services.signals.reading import read_table
    from services.signals.writing import json_lines, top, write
    from shared.console import tables
    from shared.signals.counts import Reports, count
    from shared.signals.table import measure

    found = read_table(file, _names(columns), stratum)
    if without is not None:
        if not isinstance(found, Reports):
            raise AdrwatchError(f"{file} holds counts, from which no drug can be taken out", fix="give reports")
        try:
            found = found.without(without)
        except KeyError:
            raise AdrwatchError(f"no report names {without}", fix="write the drug as the file does") from None
    measured = measure(count(found) if isinstance(found, Reports) else found)
    if by not in measured.columns:
        raise AdrwatchError(f"there is no column {by}", fix=f"--by is one of {', '.join(measured.columns)}")
    if csv is not None:
        write(measured, csv, "csv")
    if parquet is not None:
        write(measured, parquet, "parquet")
    if as_json:
        for line in json_lines(measured):
            print(line)
    elif csv is None and parquet is None:
        tables().print(top(measured, by, most))
    _tell(measured)


def _names(columns: str | None) -> dict[str, str]:
    from services.signals.reading import COUNTS, REPORTS

    names: dict[str, str] = {}
    for part in (columns or "").split(","):
        name, _, theirs = part.partition("=")
        if part and (name.strip() not in (*COUNTS, *REPORTS) or not theirs.strip()):
            raise AdrwatchError(
                f"--columns has {part!r}", fix="write our name = yours: report=CASEID,drug=DRUG,reaction=AE"
            )
        if part:
            names[name.strip()] = theirs.strip()
    return names


def _tell(measured: object) -> None:
    """What a reader must know of the prior of EBGM, to standard error."""
    from shared.signals.table import MeasuredTable

    assert isinstance(measured, MeasuredTable)  # noqa: S101
    fit = measured.fit
    if fit is None or not fit.trustworthy:
        print("adrwatch: no EBGM, for fewer than two searches for its prior agree: too few pairs", file=sys.stderr)
    elif not measured.pairs.of_reports:
        print(
            "adrwatch: no p-values of the likelihood ratio test, which needs reports rather than counts",
            file=sys.stderr,
        )
