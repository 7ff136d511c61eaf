"""`adrwatch compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.backtest.cli import Report


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command()(compare)


def compare(
    a: Annotated[Path, typer.Argument(help="A folder that `backtest --out` wrote.")],
    b: Annotated[Path, typer.Argument(help="Another one.")],
    report: Report = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the files of --report.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show what two back-tests would have alerted: in both and how much sooner or later, and in one alone.

    Exit code 2: a folder holds no result of this version.

    Example: adrwatch compare shipped/ mine/ --report comparison.html
    """
    import msgspec

    from services.backtest import pages
    from services.backtest.comparison import compare as hold_against
    from services.backtest.result import read_result

    if report is not None:
        pages.check(report, of_two=True, force=force)
    found = hold_against(str(a), read_result(a), str(b), read_result(b))
    if as_json:
        print(msgspec.json.encode(found).decode())
    else:
        pages.show(found)
    if report is not None:
        pages.write(report, found)
