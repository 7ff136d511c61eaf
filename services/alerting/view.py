"""Alerts as people see them on the command line: tables and cards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.table import Table as Grid

from shared.events import Alert
from shared.signals.wording import NAMES, facts, interval, window

# The length of an alert's id, see `shared.events.derived_id`.
ID_WIDTH = 20
# Why a measure may be absent in good order.
ABSENT = {
    "ebgm": "no EBGM: the window holds too few pairs to fit its prior",
    "tic": "no temporal IC: no report of drug or reaction from before the newest part of the window",
}
# Signals side by side in 100 columns.
ABREAST = 3


def grid(alerts: Iterable[Alert]) -> Grid:
    """Alerts as a table, what belongs together below one another: readable from 100 columns on; ids are whole in any width."""
    table = Grid(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), show_edge=False, leading=1)
    table.add_column("id, time, lane", no_wrap=True, min_width=ID_WIDTH)
    table.add_column("drug, reaction", overflow="fold")
    table.add_column("a/b/c/d, E\nauthors, window", no_wrap=True)
    table.add_column("measures, bounds", no_wrap=True)
    table.add_column("rules", overflow="fold")
    for alert in alerts:
        counts = alert.table
        measures = ("prr", "ror", "ic", "ebgm") if counts else ()
        table.add_row(
            f"{alert.id}\n{alert.evaluated_at:%Y-%m-%d %H:%M}\n{alert.lane}",
            f"{alert.drug.label}\n{alert.reaction.label}",
            f"{counts.a}/{counts.b}/{counts.c}/{counts.d}\nE {interval(alert.measures.get('expected'))}\n"
            f"{alert.authors} authors\n{window(alert.window_hours)}"
            if counts
            else "",
            "\n".join(f"{name.upper():<4} {interval(alert.measures.get(name))}" for name in measures),
            "\n".join(alert.rules),
        )
    return table


def measures_grid(alerts: Iterable[Alert]) -> list[Grid]:
    """All measures of signals, a line each and the signals side by side, some in each table."""
    signals = [alert for alert in alerts if alert.table]
    return [_side_by_side(signals[start : start + ABREAST]) for start in range(0, len(signals), ABREAST)]


def _side_by_side(signals: Sequence[Alert]) -> Grid:
    table = Grid(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("measure", no_wrap=True)
    for signal in signals:
        table.add_column(f"{signal.drug.label}\n{signal.reaction.label}", overflow="fold")
    counts = [signal.table for signal in signals]
    table.add_row("a/b/c/d", *(f"{each.a}/{each.b}/{each.c}/{each.d}" if each else "" for each in counts))
    names = list(dict.fromkeys(name for signal in signals for name in signal.measures))
    for name in names:
        table.add_row(NAMES.get(name, name), *(interval(signal.measures.get(name)) for signal in signals))
    nowhere = [
        name for name in names if all(interval(signal.measures.get(name)) == interval(None) for signal in signals)
    ]
    table.caption = "\n".join(ABSENT[name] for name in nowhere if name in ABSENT)
    return table


def card(alert: Alert, codes: Mapping[str, str] | None = None) -> Grid:
    """Everything of one alert, a line each; `codes` are lines of the user's own tables, after the reaction."""
    table = Grid(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    lines = facts(alert, codes)
    lines["examples"] = "\n".join(alert.examples) or "none"
    for name, value in lines.items():
        table.add_row(name, value)
    return table
