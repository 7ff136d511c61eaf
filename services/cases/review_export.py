"""Signals as rows of a line listing: state, counts, measures, and the rules by which each was raised. No post is named."""

from __future__ import annotations

from typing import Any

import msgspec

from services.cases.listing import Cells
from services.cases.review_view import Row
from shared.events import Alert
from shared.signals.findings import OF_TABLE, OF_WINDOW

_MEASURES = OF_TABLE | OF_WINDOW
LISTING = (
    "id", "state", "assignee", "drug", "drug_id", "reaction", "reaction_id", "episode", "previous", "evidence_until", "taken_back",
    "rules", "rule_version", "overrides", "window_hours", "authors", "reports", "drug_only", "reaction_only", "neither",
    *(column for columns in _MEASURES.values() for column in columns),
)  # fmt: skip


def whole(row: Row, alert: Alert | None) -> dict[str, Any]:
    """A signal with the 2x2 table and all measures of its alert, for machines; None for both where the alert was taken back."""
    counted = {"table": alert.table, "measures": alert.measures} if alert else {"table": None, "measures": None}
    return {**row, **msgspec.to_builtins(counted)}


def listed(row: Row, alert: Alert | None) -> Cells:
    """The same as a row of a listing. What is not known, or what counts cannot give honestly, is None."""
    table = alert.table if alert else None
    cells: dict[str, str | float | None] = {
        "drug_only": table.b if table else None,
        "reaction_only": table.c if table else None,
        "neither": table.d if table else None,
    }
    for name, columns in _MEASURES.items():
        measure = alert.measures.get(name) if alert else None
        values = (measure.value, measure.lower, measure.upper) if measure else (None,) * len(columns)
        cells |= dict(zip(columns, values, strict=False))
    known = {**row, "taken_back": "yes" if row["taken_back"] else "no"} | cells
    return {name: ", ".join(value) if isinstance(value := known[name], list) else value for name in LISTING}
