"""Writing and showing of reports and comparisons."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rich import box
from rich.table import Table as Grid

from services.backtest import export, report
from services.backtest.comparison import Comparison, One
from services.backtest.result import Result
from shared.console import tables

_OPTION = "--report"


def check(path: Path, *, of_two: bool, force: bool) -> None:
    """See that a report can be written. Raises AdrwatchError if not, or where one lies and `force` is not set."""
    folder, names = report.place(path, report.COMPARISON_FIGURES if of_two else report.RESULT_FIGURES)
    export.check(folder, names, force=force, option=_OPTION)


def write(path: Path, found: Result | Comparison) -> None:
    """Write the report, whole or not at all. Raises AdrwatchError."""
    folder, _ = report.place(path, ())
    files = report.result_files(path, found) if isinstance(found, Result) else report.comparison_files(path, found)
    export.write(folder, files, _OPTION)


def show(found: Comparison) -> None:
    """Print a comparison."""
    print(f"A {found.a.name}: rules {found.a.rule_version}, models {found.a.model_version}")
    print(f"B {found.b.name}: rules {found.b.rule_version}, models {found.b.model_version}")
    for difference in found.differences:
        print(f"  {difference}")
    grid = Grid(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for column in ("alerted in", "drug", "reaction", "A", "B", "B after A", "rules"):
        grid.add_column(column, overflow="fold")
    for both in found.both:
        rules = ", ".join(both.rules_a)
        if both.rules_a != both.rules_b:
            rules = f"A {rules}; B {', '.join(both.rules_b)}"
        times = f"{both.alerted_a:%Y-%m-%d %H:%M}", f"{both.alerted_b:%Y-%m-%d %H:%M}"
        grid.add_row("both", both.drug.label, both.reaction.label, *times, report.later(both), rules)
    _alone(grid, "A", found.only_a, "")
    _alone(grid, "B", found.only_b, "")
    _alone(grid, "A", found.single_only_a, " (single report)")
    _alone(grid, "B", found.single_only_b, " (single report)")
    if grid.row_count:
        tables().print(grid)
    print(
        f"signals: {len(found.both)} in both, {len(found.only_a)} in A alone, {len(found.only_b)} in B alone; single reports: "
        f"{found.single_both} in both, {len(found.single_only_a)} in A alone, {len(found.single_only_b)} in B alone"
    )


def _alone(grid: Grid, side: str, alerts: Iterable[One], kind: str) -> None:
    for one in alerts:
        at = f"{one.alerted_at:%Y-%m-%d %H:%M}"
        times = (at, "–") if side == "A" else ("–", at)
        grid.add_row(f"{side} alone{kind}", one.drug.label, one.reaction.label, *times, "", ", ".join(one.rules))
