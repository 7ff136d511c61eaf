"""`adrwatch signals changes` and `critical`: pairs watched over time."""

from __future__ import annotations

import sys
from datetime import date, timedelta
from typing import Annotated

import typer

from services.signals.options import ColumnNames, Csv, File, Json, Most, Parquet, put
from shared.errors import AdrwatchError


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
    put(of_pairs(found.pairs), found.columns, shown, by, most, csv, parquet, as_json)


def critical(
    planned: Annotated[float, typer.Argument(help="expected count over the whole surveillance, without any effect")],
    alpha: Annotated[
        float, typer.Option(help="level: how often surveillance without any effect ends in a signal")
    ] = 0.05,
    least: Annotated[int, typer.Option(min=1, help="reports before which there is no signal")] = 1,
    as_json: Json = False,
) -> None:
    """Plan a surveillance: the log likelihood ratio that a count must reach against a known rate (Poisson MaxSPRT).

    The count may be looked at after every report, until so many are expected. `signals changes` finds its own critical values, for
    rates that it estimates.

    Example: adrwatch signals critical 10 --least 4
    """
    import json

    from shared.signals.sequential import critical_value

    value = critical_value(planned, alpha, least)
    if as_json:
        print(json.dumps({"planned": planned, "alpha": alpha, "least": least, "critical": value}))
    else:
        print(f"{value:.6f}")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise AdrwatchError(f"--until {text!r} is no day", fix="write it as 2026-03-31") from None
