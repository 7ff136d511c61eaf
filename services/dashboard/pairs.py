"""The table of all pairs of a time, as people narrow it down, order and take it away."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import duckdb
import numpy as np
from starlette.datastructures import QueryParams

from services.dashboard.spans import Span
from services.dashboard.view.counted import Counted
from services.dashboard.view.measured import MEASURES, Measured, PairPage
from shared.console import safe_cell
from shared.errors import AdrwatchError

PAGE = 50
FORMS = {
    "csv": ("text/csv; charset=utf-8", "FORMAT csv, HEADER"),
    "parquet": ("application/vnd.apache.parquet", "FORMAT parquet"),
}
# Measures that are shown unless others are asked for.
USUAL = ("prr", "ror", "ic", "ebgm", "chi2")


@dataclass(frozen=True)
class Query:
    """What is wanted of the table. Names are parts of labels, or ids, without case."""

    drug: str = ""
    reaction: str = ""
    least: int = 3
    sort: str = "ic025"
    order: str = "desc"
    show: str = ",".join(USUAL)
    page: int = 1

    @classmethod
    def of(cls, given: QueryParams) -> Query:
        """From the parameters of an address. Raises AdrwatchError for a word that is none."""
        values: dict[str, Any] = {}
        for one in fields(cls):
            word = given.get(one.name, "").strip()
            if not word:
                continue
            if one.type == "int" and not (word.isascii() and word.isdigit() and len(word) <= 9):
                raise AdrwatchError(f"{one.name} cannot be {word!r}", fix="give a whole number")
            values[one.name] = int(word) if one.type == "int" else word
        # A form with boxes to tick gives each by itself.
        if ticked := given.getlist("measure"):
            values["show"] = ",".join(ticked)
        found = cls(**values)
        unknown = [name for name in found.shown if name not in MEASURES]
        if unknown or found.order not in ("asc", "desc"):
            raise AdrwatchError(
                f"there is no measure {unknown[0]}" if unknown else f"order cannot be {found.order!r}",
                fix=f"measures are {', '.join(MEASURES)}" if unknown else "give asc or desc",
            )
        return found

    @property
    def shown(self) -> list[str]:
        """The measures that are shown."""
        return list(dict.fromkeys(filter(None, self.show.split(","))))

    def but(self, span: Span, **changed: Any) -> str:
        """The same with some other values, as the part of an address behind the question mark."""
        new, standing = replace(self, **({"page": 1} | changed)), Query()
        own = {
            one.name: value for one in fields(self) if (value := getattr(new, one.name)) != getattr(standing, one.name)
        }
        return urlencode(dict(span.words) | own)

    def sorted_by(self, span: Span, name: str) -> str:
        """The address of the table sorted by a column: the other way round where it is sorted by it already."""
        return self.but(span, sort=name, order="asc" if self.sort == name and self.order == "desc" else "desc")


def page(counted: Counted, found: Measured, query: Query) -> PairPage:
    """The page that is wanted; the last one where it is beyond that. Raises AdrwatchError for an order that is none."""
    wanted = _wanted(counted, query)
    shown = found.page(*wanted, query.least, query.sort, query.order == "desc", (max(1, query.page) - 1) * PAGE, PAGE)
    if not shown.rows and shown.total:
        shown = found.page(
            *wanted, query.least, query.sort, query.order == "desc", (shown.total - 1) // PAGE * PAGE, PAGE
        )
    return shown


def export(counted: Counted, found: Measured, query: Query, form: str) -> bytes:
    """All pairs that are wanted, with all measures, in the order that is wanted."""
    places = found.places(*_wanted(counted, query), query.least, query.sort, query.order == "desc")
    table: dict[str, Any] = {"drug_id": found.drugs[places], "reaction_id": found.reactions[places]}
    for side, ids in (("drug", found.drugs), ("reaction", found.reactions)):
        table[side] = np.array([counted.concept(str(one)).label for one in ids[places]], dtype=object)
    columns = [table["drug_id"], table["drug"], table["reaction_id"], table["reaction"]]
    names = ["drug_id", "drug", "reaction_id", "reaction"]
    given = dict(zip(names, (np.asarray(one, dtype=object) for one in columns), strict=True))
    given |= {name: np.asarray(column)[places] for name, column in found.columns.items()}
    if form == "csv":
        # Concepts have names that others wrote; a spreadsheet would run some as formulas.
        for name in names:
            given[name] = np.array([safe_cell(one) for one in given[name]], dtype=object)
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        path = Path(folder) / f"pairs.{form}"
        # DuckDB reads NaN of numpy as NULL: an empty field, not a number.
        connection.register("pairs", given)
        connection.execute(f"COPY pairs TO '{path}' ({FORMS[form][1]})")
        return path.read_bytes()


def named(counted: Counted, ids: list[str], word: str) -> list[str]:
    """Those of the ids that have a word in their label, or are it."""
    said = word.casefold()
    return [one for one in ids if one.casefold() == said or said in counted.concept(one).label.casefold()]


def _wanted(counted: Counted, query: Query) -> tuple[list[str] | None, list[str] | None]:
    names = counted.ledger.vocabulary
    return (
        named(counted, names.drugs.names, query.drug) if query.drug else None,
        named(counted, names.reactions.names, query.reaction) if query.reaction else None,
    )
