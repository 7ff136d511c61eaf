"""`adrwatch audit`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from services.cases.receipts import Receipt, Times

audit = typer.Typer(help="The audit trail: verify it, export it, show receipts of deletions.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="JSON, for machines")]
_DAY = ["%Y-%m-%d"]
# Receipts in a table.
_SHOWN = 50


def register(app: typer.Typer) -> None:
    """Add the group `audit`."""
    app.add_typer(audit, name="audit")


@audit.command("verify")
def verify(as_json: Json = False) -> None:
    """Look for rows that were altered, removed, cut off at the end, or rewritten. Exits with 1 where there are any.

    Example: adrwatch audit verify
    """
    import json
    from dataclasses import asdict

    from services.cases.audit import Trail
    from services.cases.database import Database
    from shared import settings

    with Database.used(settings.current()) as database:
        rows, flaws = Trail.of(settings.current()).verify(database)
    if as_json:
        print(json.dumps({"rows": rows, "flaws": [asdict(flaw) for flaw in flaws]}))
    else:
        print(f"{rows:,} rows")
        for flaw in flaws:
            print(f"row {flaw.seq}: {flaw.kind}: {flaw.detail}")
        if not flaws:
            print("the trail is whole")
    if flaws:
        raise typer.Exit(1)


@audit.command("export")
def export(
    subject: Annotated[
        str | None,
        typer.Option(help="only rows about this: case:4f0c1d2e3b5a69788796, its id alone, or case for all cases"),
    ] = None,
    actor: Annotated[str | None, typer.Option(help="only what this person did")] = None,
    action: Annotated[str | None, typer.Option(help="only this action, such as read")] = None,
    since: Annotated[datetime | None, typer.Option(formats=_DAY, help="only from this day on, UTC")] = None,
    until: Annotated[datetime | None, typer.Option(formats=_DAY, help="only before this day, UTC")] = None,
) -> None:
    """Print all rows as JSON lines, in their order.

    Example: adrwatch audit export --subject case --since 2026-01-01 > audit.jsonl
    """
    from services.cases import listing
    from services.cases.audit_rows import Wanted, in_order
    from services.cases.database import Database
    from shared import settings

    first, last = (None if day is None else day.replace(tzinfo=UTC) for day in (since, until))
    wanted = Wanted(actor or "", action or "", subject or "", first, last)
    with Database.used(settings.current()) as database:
        for rows in in_order(database, wanted):
            print(listing.json_lines(rows).decode(), end="")


@audit.command("receipts")
def show_receipts(
    posts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[POST]...", help="posts' ids, source:id, or ids of receipts; else all"),
    ] = None,
    late: Annotated[
        bool, typer.Option("--late", help="only those that took longer than a minute, or are not done")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
) -> None:
    """Show how and when each post was asked to be forgotten, and after how many seconds each store had; the latest first.

    A receipt has a hash of the post's id. Exits with 1 where posts are named and one of them has no receipt.

    Example: adrwatch audit receipts bluesky:3kabcdefg
    """
    import msgspec

    from services.cases.audit import Trail
    from services.cases.database import Database
    from services.cases.receipts import Receipts, times
    from shared import settings
    from shared.console import tables
    from shared.forgetting import PROMISED_SECONDS

    with Database.used(settings.current()) as database:
        receipts = Receipts(database, Trail.of(settings.current()))
        ids = [receipts.id_of(post) if ":" in post else post for post in posts or ()]
        found = receipts.read(ids if posts else None)
    unknown = [post for post, receipt in zip(posts or (), ids, strict=True) if receipt not in {one.id for one in found}]
    if late:
        found = [one for one in found if one.missing or one.slowest > PROMISED_SECONDS]
    if as_json:
        print(msgspec.json.encode({"receipts": found, "seconds": times(found)}).decode())
    elif found:
        tables().print(_grid(found[:_SHOWN]))
        if len(found) > _SHOWN:
            print(f"and {len(found) - _SHOWN:,} more: --json has all")
        print()
        tables().print(_summary(times(found)))
    else:
        print("no receipts")
    if unknown:
        print(f"adrwatch: there is no receipt of {', '.join(unknown)}", file=sys.stderr)
        print("  fix: see that the worker of cases runs; it keeps them", file=sys.stderr)
        raise typer.Exit(1)


def _grid(found: list[Receipt]) -> Table:
    from rich import box
    from rich.table import Column, Table

    from services.cases.receipts import STORES

    table = Table(
        Column("receipt", no_wrap=True), "asked by", "asked at (UTC)", *STORES, box=box.SIMPLE_HEAD, show_edge=False
    )  # fmt: skip
    for one in found:
        seconds = [f"{one.seconds[store]:.1f} s" if store in one.seconds else "not yet" for store in STORES]
        table.add_row(one.id, one.asked_by or "", f"{one.requested_at:%Y-%m-%d %H:%M:%S}", *seconds)
    return table


def _summary(found: dict[str, Times]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table("store", "posts", "p50", "p99", "most", "over a minute", box=box.SIMPLE_HEAD, show_edge=False)
    for name, one in found.items():
        table.add_row(
            name, f"{one.posts:,}", f"{one.p50:.1f} s", f"{one.p99:.1f} s", f"{one.most:.1f} s", f"{one.late:,}"
        )
    return table
