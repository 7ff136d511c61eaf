"""`adrwatch alerts duplicates`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from services.alerting.duplicates import Duplicates, Group

# How many posts of a cluster a table shows.
SAMPLE = 3


def show_duplicates(
    alert: Annotated[
        str | None, typer.Argument(metavar="[ALERT|CASE]", help="id of an alert or of a case; else the queue")
    ] = None,
    text: Annotated[
        bool,
        typer.Option("--text", help="with the masked texts of some posts of each cluster, where they may be shown"),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a line, with every post")] = False,
) -> None:
    """Show which posts of an alert tell the same in nearly the same words, and what that takes out of its count.

    Without an id: which items of the single-report queue do. They stay items of their own, to be looked at side by side.

    Example: adrwatch alerts duplicates 4f0c1d2e3b5a69788796 --text
    """
    import msgspec

    from services.alerting.duplicates import of_alert, of_queue, with_texts
    from shared import settings
    from shared.console import tables
    from shared.latest_alerts import latest_alerts
    from shared.signals.rules import load_rules

    current = settings.current()
    rules, latest = load_rules(current.rules_file), latest_alerts(current)
    found = [of_alert(current, rules, latest, alert)] if alert else list(of_queue(current, rules, latest))
    if text:
        found = with_texts(current, found, SAMPLE)
    for one in found:
        if as_json:
            print(msgspec.json.encode(one).decode())
        else:
            print(summary(one))
            for number, group in enumerate(one.clusters, 1):
                tables().print(_grid(number, group))
    if not found and not as_json:
        print("no items that tell nearly the same")


def summary(found: Duplicates) -> str:
    """The count of a pair in one line."""
    out = ", ".join(f"{number} {why.replace('_', ' ')}" for why, number in found.taken_out.items())
    return (
        f"{found.drug.label}, {found.reaction.label}: {found.reports} reports, {found.counted} count"
        f"{f'; taken out: {out}' if out else ''}; {len(found.clusters)} clusters"
    )


def _grid(number: int, group: Group) -> Table:
    from rich import box
    from rich.table import Column, Table

    with_text = any(one.text for one in group.reports)
    table = Table(
        Column(f"cluster {number}", no_wrap=True), Column("post", overflow="fold"), "why", "item",
        *(["text"] if with_text else []), box=box.SIMPLE_HEAD, show_edge=False,
    )  # fmt: skip
    for one in group.reports[:SAMPLE]:
        why = one.why.replace("_", " ")
        text = [one.text or ""] if with_text else []
        table.add_row(f"{one.at[:16]}", one.post or "only aggregates are kept", why, one.item or "", *text)
    if (more := len(group.reports) - SAMPLE) > 0:
        table.add_row("", f"and {more} more", "", "")
    return table
