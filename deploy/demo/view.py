"""What a person sees of the demo: progress while it runs, then the comparison with what was planted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from rich import box
from rich.table import Table

from deploy.demo.follow import State
from deploy.demo.sample import SOURCE, Truth, Verdict
from deploy.local.stack import Row
from shared.events import Alert

_MOST_ALERTS = 12


def moment(time: datetime | None) -> str:
    """An event time to the minute."""
    return f"{time:%d %b %H:%M}" if time else "-"


def part(row: Row) -> str:
    """One server or worker in a line: what it is, where it answers, how it was found."""
    return f"{row.part:<11} {row.address:<26} {row.version or row.state}" + (f" ({row.found})" if row.found else "")


def dashboard(state: State, state_of_parts: str) -> Table:
    """Counts on the left, alerts as they come on the right."""
    counts = Table.grid(padding=(0, 2))
    counts.add_column(style="dim")
    counts.add_column(justify="right", min_width=13)
    for name, value in _counts(state):
        counts.add_row(name, value)
    alerts = Table.grid(padding=(0, 2))
    alerts.add_row(f"[dim]alerts ({len(state.alerts)})[/dim]")
    for alert in state.alerts[-_MOST_ALERTS:]:
        alerts.add_row(headline(alert))
    frame = Table(box=box.ROUNDED, title="adrwatch demo", caption=state_of_parts, show_header=False, padding=(0, 2))
    frame.add_row(counts, alerts)
    return frame


def _counts(state: State) -> Iterator[tuple[str, str]]:
    account = state.account
    yield "posts in Kafka", str(state.published)
    yield "screened out", str(account.screened)
    yield "no reaction reported", str(account.negative)
    yield "with mentions", str(account.reported)
    yield "mentions", str(account.mentions)
    yield "dead letters", str(account.dead_letters)
    yield "still to do", str(account.lost)
    yield "watermark", moment(state.watermark)
    yield "signals up to", moment(state.evaluated)


def plain(state: State) -> str:
    """The same in one line, for logs."""
    return ", ".join(f"{name}: {value}" for name, value in _counts(state))


def headline(alert: Alert) -> str:
    """One alert in a few words."""
    pair = f"{alert.drug.label} - {alert.reaction.label}"
    if alert.kind == "single_report":
        return f"[red]{alert.lane}[/red] {pair}: one report is enough"
    reports = f"{alert.table.a} reports" if alert.table else "reports"
    return f"[yellow]signal[/yellow] {pair}: {reports} by {alert.authors or 0} authors"


def comparison(truth: Truth, verdict: Verdict, rejects: int) -> Table:
    """What was planted in the sample against what was alerted."""
    table = Table(box=box.SIMPLE, title="planted in the sample, and what came of it", pad_edge=False)
    for column in ("planted", "posts", "expected", "outcome"):
        table.add_column(column)
    for signal in truth.signals:
        name = f"{signal.drug.label} - {signal.reaction.label}"
        table.add_row(name, str(len(signal.posts)), "signal", _mark(signal.pair in verdict.found, "found", "MISSED"))
    report = truth.single_report
    name = f"{report.drug.label} - {report.reaction.label}"
    table.add_row(name, "1", "single report", _mark(verdict.single_report_found, "found", "MISSED"))
    for decoy in truth.decoys:
        name = f"{decoy.drug.label} - {decoy.reaction.label} ({decoy.why})"
        silent = decoy.pair not in verdict.decoys_alerted
        table.add_row(name, str(len(decoy.posts)), "silence", _mark(silent, "silent", "ALERTED"))
    broken = sum(truth.broken.values())
    table.add_row("lines that are no posts", str(broken), "refused", _mark(rejects == broken, "refused", f"{rejects}"))
    return table


def surprises(truth: Truth, verdict: Verdict, alerts: Iterable[Alert]) -> list[str]:
    """Alerts that nobody planted, in words."""
    decoys = {decoy.pair for decoy in truth.decoys}
    wanted = f"{SOURCE}:{truth.single_report.post}"
    lines = {
        f"not planted, but alerted: {alert.drug.label} - {alert.reaction.label} ({alert.kind.replace('_', ' ')})"
        for alert in alerts
        if ((alert.drug.id, alert.reaction.id) in verdict.unexpected - decoys and alert.kind == "disproportionality")
        or (alert.kind == "single_report" and wanted not in alert.examples)
    }
    return sorted(lines)


def _mark(good: bool, yes: str, no: str) -> str:
    return f"[green]{yes}[/green]" if good else f"[red]{no}[/red]"
