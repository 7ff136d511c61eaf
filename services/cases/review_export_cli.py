"""`adrwatch review export`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from services.cases.options import state_of, using


class Layout(StrEnum):
    """Forms of exported signals."""

    CSV = "csv"
    XLSX = "xlsx"
    JSON = "json"


def export_signals(
    out: Annotated[Path, typer.Argument(help="file to write")],
    layout: Annotated[Layout, typer.Option("--format", help="form of the file")] = Layout.CSV,
    state: Annotated[str | None, typer.Option(help="only signals in this state")] = None,
    drug: Annotated[str | None, typer.Option(help="only this drug: its id, or a part of its name")] = None,
) -> None:
    """Write signals as a line listing: states, counts, all measures, and the rules by which each was raised. It names no post.

    Example: adrwatch review export signals.xlsx --format xlsx --state confirmed
    """
    from services.cases import listing
    from services.cases.queue import signals
    from services.cases.review_export import LISTING, listed, whole
    from services.cases.review_view import rows
    from services.cases.reviews import Reviews
    from shared import settings

    wanted = state_of(state) if state else None
    alerts = signals(settings.current(), drug)
    with using(Reviews) as reviews:
        found = [row for row in rows(alerts, reviews.all(), drug) if wanted in (None, row["state"])]
    if layout is Layout.JSON:
        content = listing.json_lines([whole(row, alerts.get(row["id"])) for row in found])
    else:
        cells = [listed(row, alerts.get(row["id"])) for row in found]
        content = listing.table("signals", LISTING, cells, workbook=layout is Layout.XLSX)
    listing.write(out, content)
    print(f"{len(found)} signals")
