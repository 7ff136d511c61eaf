"""`adrwatch signals`: statistics on a user's own counts or reports."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shared.errors import AdrwatchError

if TYPE_CHECKING:
    from services.signals.writing import Columns, Names
    from shared.signals.table import MeasuredTable

group = typer.Typer(help="Measures of disproportionality of your own counts or reports.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="reports: CSV, TSV (also .gz, .xz) or Parquet with report, drug, reaction")]
ColumnNames = Annotated[
    str | None,
    typer.Option("--columns", help="what the file calls its columns: report=CASEID,drug=DRUG,reaction=AE"),
]
Csv = Annotated[Path | None, typer.Option("--csv", help="write all rows to this CSV file")]
Parquet = Annotated[Path | None, typer.Option("--parquet", help="write all rows to this Parquet file")]
Json = Annotated[bool, typer.Option("--json", help="print all rows, one JSON object a line")]
Most = Annotated[int, typer.Option("--most", min=1, help="rows that are shown")]


class Rule(StrEnum):
    """The rules that sources have alone and combined (`shared.signals.beside.RULES`)."""

    IC025 = "ic025"
    EB05 = "eb05"
    MHRA = "mhra"
    ROR = "ror"
    LLR = "llr"


def register(app: typer.Typer) -> None:
    """Add the group `signals`."""
    app.add_typer(group, name="signals")


@group.command("table")
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
    _put(of_pairs(measured.pairs), measured.columns, shown, by, most, csv, parquet, as_json)
    _tell(measured)


@group.command("changes")
def changes(
    file: File,
    columns: ColumnNames = None,
    until: Annotated[
        str | None, typer.Option(help="last day of the window [default: the last day of the reports]")
    ] = None,
    window: Annotated[int, typer.Option(min=1, help="days of the window")] = 28,
    control: Annotated[int, typer.Option(min=1, help="days of the control window before it")] = 364,
    alpha: Annotated[float, typer.Option(help="level of the sequential test")] = 0.05,
    least: Annotated[
        int,
        typer.Option(min=1, help="reports of the window before which the sequential test takes no pair for changed"),
    ] = 3,
    csv: Csv = None,
    parquet: Parquet = None,
    as_json: Json = False,
    by: Annotated[str, typer.Option(help="column by which the rows that are shown are chosen")] = "tic025",
    most: Most = 20,
) -> None:
    """Which pairs have changed: temporal IC, surge of the newest day, conditional MaxSPRT. Reports need a column `date`.

    Each pair in the window is compared with the same pair in the control window before it, which begins with the first report
    of the file at the earliest.

    Example: adrwatch signals changes reports.csv --until 2026-03-31 --window 7 --control 84
    """
    from services.signals.reading import column_names, read_dated
    from services.signals.writing import of_pairs
    from shared.signals.over_time import changes as changed
    from shared.signals.over_time import span_of
    from shared.signals.sequential import LEAST_ALPHA

    if not LEAST_ALPHA <= alpha < 1:
        raise AdrwatchError(f"--alpha {alpha} is no level", fix=f"give it from {LEAST_ALPHA:f} on and below 1")
    reports, day = read_dated(file, column_names(columns))
    epoch = date(1970, 1, 1)
    span = span_of(day, None if until is None else (_day(until) - epoch).days, window, control)
    found = changed(reports, day, span, alpha, least)
    start, first, last, latest = (
        epoch + timedelta(days=int(days)) for days in (span.start, span.change, span.end - 1, day.max())
    )
    days = span.change - span.start
    print(f"window {first} to {last}, against the {days} days before it", file=sys.stderr)
    if days < control:
        print(f"adrwatch: the reports begin on {start}: control window of {days} days, not {control}", file=sys.stderr)
    if last > latest:
        print(f"adrwatch: the reports end on {latest}: later days count as days without reports", file=sys.stderr)
    shown = ("a", "control_a", "tic", "tic025", "newest_day", "surge_fdr", "max_llr", "critical")
    _put(of_pairs(found.pairs), found.columns, shown, by, most, csv, parquet, as_json)


@group.command("beside")
def beside(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="name=file, two at least: CSV, TSV (also .gz, .xz) or Parquet with report, drug, reaction; a store of `adrwatch "
            "background`; mentions.jsonl of a back-test"
        ),
    ],
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--columns",
            help="what files call their columns: report=ID,drug=NAME; for one alone: posts:report=ID,drug=NAME",
        ),
    ] = None,
    rule: Annotated[Rule, typer.Option(help="rule by which `flagged_by` tells who sees a pair")] = Rule.IC025,
    as_written: Annotated[
        bool, typer.Option("--as-written", help="compare names as they are, without lexicon and vocabulary")
    ] = False,
    least: Annotated[int, typer.Option(min=1, help="reports of a pair that all sources have together")] = 1,
    memory: Annotated[
        str, typer.Option(help="memory that counting may use, such as 2GB; what is more goes to disk")
    ] = "2GB",
    csv: Csv = None,
    parquet: Parquet = None,
    as_json: Json = False,
    by: Annotated[str, typer.Option(help="column by which the rows that are shown are chosen")] = "combined_ic025",
    most: Most = 20,
) -> None:
    """Sources side by side and combined: what each says of a pair by every measure, what they say together, and who flags it.

    Combined, what is expected of a pair is the sum of what each source leads to expect (Mantel-Haenszel), so that a pair which no
    source has enough of may stand out. Thresholds are those of ADRWATCH_RULES_FILE.

    Example: adrwatch signals beside posts=results/mentions.jsonl faers=background.duckdb --csv beside.csv
    """
    from services.signals import meaning
    from services.signals.sources import count, given
    from services.signals.writing import named
    from shared.settings import current
    from shared.signals.beside import COMBINED
    from shared.signals.beside import beside as compared
    from shared.signals.rules import load_rules

    wanted = given(sources, columns or ())
    settings = current()
    rules = load_rules(settings.rules_file)
    names = meaning.as_written if as_written else meaning.Meanings(settings)
    counted = count(wanted, names, memory, lambda text: print(text, file=sys.stderr))
    found = compared(counted.sources, counted.drug, counted.reaction, rules, rule.value, least)
    said = {f"{name}_rules": fired for name, fired in found.fired.items()}
    pairs = named(counted.drugs, counted.drug[found.kept], counted.reactions, counted.reaction[found.kept])
    texts = pairs | {"flagged_by": found.flagged_by}
    shown = [
        f"{name}_{column}" for name in (*(each.name for each in wanted), COMBINED) for column in ("a", "ic025", "eb05")
    ]
    _put(texts | said if csv or parquet or as_json else texts, found.columns, shown, by, most, csv, parquet, as_json)
    for name in found.without_ebgm:
        print(f"adrwatch: no EBGM of {name}, for its prior cannot be told from its pairs", file=sys.stderr)


@group.command("together")
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
    _put(names, found.columns, shown, by, most, csv, parquet, as_json)


@group.command("groups")
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


def _put(
    names: Names,
    columns: Columns,
    shown: Sequence[str],
    by: str,
    most: int,
    csv: Path | None,
    parquet: Path | None,
    as_json: bool,
) -> None:
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


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise AdrwatchError(f"--until {text!r} is no day", fix="write it as 2026-03-31") from None


def _tell(measured: MeasuredTable) -> None:
    """What a reader must know of EBGM and of p-values, to standard error."""
    if measured.fit is None or not measured.fit.trustworthy:
        print("adrwatch: no EBGM, for its prior cannot be told from so few pairs", file=sys.stderr)
    if measured.pairs.margins is None:
        print(
            "adrwatch: no p-values of the likelihood ratio test, which needs reports rather than counts",
            file=sys.stderr,
        )
