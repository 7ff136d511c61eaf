"""`adrwatch audit`."""

from __future__ import annotations

from typing import Annotated

import typer

audit = typer.Typer(help="The audit trail of cases: verify it, export it.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="JSON, for machines")]


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
    subject: Annotated[str | None, typer.Option(help="only rows about this, such as case:4f0c1d2e3b5a69788796")] = None,
) -> None:
    """Print all rows as JSON lines, in their order.

    Example: adrwatch audit export > audit.jsonl
    """
    import msgspec

    from services.cases.audit import read
    from services.cases.database import Database
    from shared import settings

    with Database.used(settings.current()) as database, database.reading() as connection:
        for row in read(connection):
            if subject in (None, row.subject):
                print(msgspec.json.encode(row).decode())
