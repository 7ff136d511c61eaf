"""The columns of a file in the words of DuckDB: from an event's JSON to flat values of a type."""

from __future__ import annotations

import json
from typing import Any

from services.subscribe.kinds import TIME, Columns
from shared.console import FORMULAS


def parsed(columns: Columns) -> str:
    """The JSON in `value` as one nested value `event`, with the fields of the columns; what is absent there is NULL.

    Each text is parsed once: an extraction for every column parses it as often, and needs as much memory.
    """
    shape: dict[str, Any] = {}
    for type_, path in columns.values():
        *above, field = path.split(".")
        place = shape
        for name in above:
            place = place.setdefault(name, {})
        place[field] = [type_.removesuffix("[]")] if type_.endswith("[]") else "VARCHAR" if type_ == TIME else type_
    return f"from_json(value, '{json.dumps(shape)}') AS event"


def typed(type_: str, path: str) -> str:
    """A column in its type."""
    return f"CAST(event.{path} AS {type_})" if type_ == TIME else f"event.{path}"


def in_csv(type_: str, path: str) -> str:
    """A column for CSV: a list is joined by semicolons, and a text that a spreadsheet would run as a formula is quoted."""
    value = typed(type_, path)
    if type_.endswith("[]"):
        value = f"array_to_string({value}, ';')"
    elif type_ != "VARCHAR":
        return value
    signs = ", ".join(f"'{sign}'" for sign in FORMULAS)
    return f"CASE WHEN left({value}, 1) IN ({signs}) THEN '''' || {value} ELSE {value} END"
