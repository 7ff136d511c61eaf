"""What is counted: pairs with their measures, counts over time, and the drugs and reactions that are reported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Depends, Query
from pydantic import AfterValidator, BaseModel, Field
from starlette.exceptions import HTTPException

from services.dashboard import pairs
from services.dashboard.access.guard import needs
from services.dashboard.access.rights import Person, Right
from services.dashboard.api import problems
from services.dashboard.api.alerts import Cursor, Limit
from services.dashboard.api.cursors import Page, first_of, page_of
from services.dashboard.api.models import Concept, Measure, Table
from services.dashboard.desk import Desk, TheDesk
from services.dashboard.spans import LONGEST_DAYS, Span, span
from services.dashboard.view.counted import Counted
from services.dashboard.view.measured import MEASURES
from services.dashboard.view.series import series
from shared.errors import AdrwatchError, DependencyAway
from shared.events import UNMAPPED
from shared.signals.rules import HOUR_MS
from shared.signals.windows import from_ms, to_ms
from shared.topics import DAY_MS

router = APIRouter(responses=problems.COMMON | problems.MISSING)

# A measure by its name, one of its bounds, or a count.
ORDERS = tuple(
    dict.fromkeys(("a", "authors", *MEASURES, *(column for columns in MEASURES.values() for column in columns)))
)
_STEPS = {"hour": HOUR_MS, "day": DAY_MS}
# A cursor that somebody made up has another end.
_FIRST_END, _LAST_END = (to_ms(datetime.fromisoformat(f"{year}-01-01T00:00Z")) for year in (1972, 3000))
Reader = Annotated[Person, needs(Right.SEE_ALERTS)]
Word = Annotated[str | None, Query(max_length=200, description="its id, or a part of its name")]


def _known(order: str) -> str:
    if order not in ORDERS:
        raise ValueError(f"pairs cannot be put in the order of {order}: one of {', '.join(ORDERS)}")
    return order


@dataclass(frozen=True)
class Asked:
    """The time that is asked for, as it stands in the address."""

    first: Annotated[date | None, Query(alias="from", description="the first day, UTC")] = None
    last: Annotated[date | None, Query(alias="to", description="the last day, UTC, all of it")] = None
    days: Annotated[
        int,
        Query(
            ge=1,
            le=LONGEST_DAYS,
            description="without `from` and `to`: so many whole days, UTC, the last of them the one up to which is counted",
        ),
    ] = 28

    def span(self, counted: Counted, cursor: str | None = None) -> Span:
        """The time. Later pages are of the time of the first, however much was counted since."""
        end = counted.closed_until_ms if cursor is None else first_of(cursor)
        if cursor is not None and not (type(end) is int and _FIRST_END <= end < _LAST_END):
            raise HTTPException(404, "the cursor is none of this list: begin without one")
        given = {"from": self.first, "to": self.last, "days": self.days}
        with _mendable():
            return span({name: str(value) for name, value in given.items() if value is not None}, end)


class Counts(BaseModel):
    """What answers over a time have in common."""

    start: datetime = Field(description="the midnight, UTC, that begins the first day")
    end: datetime = Field(description="the midnight, UTC, that ends the last day")
    as_of: datetime | None = Field(description="where counts cannot be read at present: when they were last; else null")


class Pair(BaseModel):
    """A drug and a reaction in a time, with all measures."""

    drug: Concept
    reaction: Concept
    table: Table
    authors: int
    measures: dict[str, Measure]
    alert: str | None = Field(description="id of the pair's newest alert")


class Pairs(Counts, Page[Pair]):
    """A part of the pairs of a time."""

    reports: int = Field(description="posts of the time that count")


class Reported(BaseModel):
    """A drug or a reaction in a time."""

    id: str
    label: str
    reports: int = Field(description="distinct posts that count")


class Concepts(Counts, Page[Reported]):
    """A part of the drugs or reactions of a time."""

    reports: int = Field(description="posts of the time that count")


class Point(BaseModel):
    """One step of time."""

    start: datetime
    reports: int
    low: float | None = Field(
        description="so many are expected at least, at 95 %; null before the first report, and of a step that is not closed yet"
    )
    high: float | None = Field(description="so many are expected at most, at 95 %")


class Series(Counts):
    """Counts over time."""

    step: Literal["hour", "day"]
    points: list[Point]


@router.get("/pairs")
def list_pairs(
    desk: TheDesk, _: Reader, asked: Annotated[Asked, Depends()], drug: Word = None, reaction: Word = None,
    least: Annotated[int, Query(ge=1, le=1_000_000, description="reports at least")] = 3,
    sort: Annotated[str, AfterValidator(_known), Query(json_schema_extra={"enum": list(ORDERS)})] = "ic025",
    order: Literal["asc", "desc"] = "desc",
    limit: Limit = 100, cursor: Cursor = None,
) -> Pairs:  # fmt: skip
    """All pairs of a time with all measures, in the order of one of them; those without it come last."""
    counted = _counted(desk)
    when = asked.span(counted, cursor)
    found = counted.measured(when.start_ms, when.end_ms)
    places = found.places(
        None if drug is None else pairs.named(counted, counted.ledger.vocabulary.drugs.names, drug),
        None if reaction is None else pairs.named(counted, counted.ledger.vocabulary.reactions.names, reaction),
        least,
    ).tolist()
    values = np.asarray(found.columns[MEASURES.get(sort, (sort,))[0]], dtype=float) * (1 if order == "desc" else -1)

    def key(place: int) -> tuple[Any, ...]:
        value = float(values[place])
        is_known = np.isfinite(value)
        return (
            when.end_ms,
            int(is_known),
            value if is_known else 0.0,
            str(found.drugs[place]),
            str(found.reactions[place]),
        )

    shown, following = page_of(sorted(places, key=key, reverse=True), key, cursor, limit)
    alerts = desk.view.alerts.raised()
    items = []
    for row in map(found.row, shown):
        measures = {name: Measure(value=m.value, lower=m.lower, upper=m.upper) for name, m in row.measures.items()}
        items.append(
            Pair(
                drug=Concept.of(counted.concept(row.drug)), reaction=Concept.of(counted.concept(row.reaction)),
                table=Table(a=row.table.a, b=row.table.b, c=row.table.c, d=row.table.d), authors=row.authors,
                measures=measures, alert=alerts.get((row.drug, row.reaction)),
            )
        )  # fmt: skip
    return Pairs(items=items, next=following, reports=found.reports, **_about(desk, when))


@router.get("/drugs")
def list_drugs(
    desk: TheDesk, _: Reader, asked: Annotated[Asked, Depends()], q: Word = None, limit: Limit = 100, cursor: Cursor = None
) -> Concepts:  # fmt: skip
    """The drugs that are reported in a time, those with most reports first."""
    return _concepts(desk, asked, "drug", q, limit, cursor)


@router.get("/reactions")
def list_reactions(
    desk: TheDesk, _: Reader, asked: Annotated[Asked, Depends()], q: Word = None, limit: Limit = 100, cursor: Cursor = None
) -> Concepts:  # fmt: skip
    """The reactions that are reported in a time, those with most reports first."""
    return _concepts(desk, asked, "reaction", q, limit, cursor)


@router.get("/series")
def list_series(
    desk: TheDesk, _: Reader, asked: Annotated[Asked, Depends()],
    drug: Annotated[str | None, Query(max_length=200, description="its id")] = None,
    reaction: Annotated[str | None, Query(max_length=200, description="its id")] = None,
    step: Literal["hour", "day"] = "day",
) -> Series:  # fmt: skip
    """Reports a day or an hour of a drug, a reaction, the pair of both, or all, with the band in which they are expected."""
    counted = _counted(desk)
    when = asked.span(counted)
    names = counted.ledger.vocabulary
    for kind, one, known in (("drug", drug, names.drugs.names), ("reaction", reaction, names.reactions.names)):
        if one is not None and (one not in known or one == UNMAPPED):
            raise HTTPException(404, f"nothing is known of a {kind} {one}")
    with _mendable():
        found = series(counted, when.start_ms, when.end_ms, drug, reaction, _STEPS[step])
    points = [
        Point(start=from_ms(start), reports=reports, low=None if np.isnan(low) else low, high=None if np.isnan(high) else high)
        for start, reports, low, high in zip(
            found.starts.tolist(), found.counts.tolist(), found.low.tolist(), found.high.tolist(), strict=True
        )
    ]  # fmt: skip
    return Series(step=step, points=points, **_about(desk, when))


def _concepts(
    desk: Desk, asked: Asked, kind: Literal["drug", "reaction"], word: str | None, limit: int, cursor: str | None
) -> Concepts:
    counted = _counted(desk)
    when = asked.span(counted, cursor)
    window = counted.window(when.start_ms, when.end_ms)
    names = counted.ledger.vocabulary
    ids, margin = (names.drugs.names, window.drugs()) if kind == "drug" else (names.reactions.names, window.reactions())
    # Concepts that no post of the time names may stand behind its last one.
    counts = {
        one: int(reports) for one, reports in zip(ids, margin.tolist(), strict=False) if reports and one != UNMAPPED
    }
    wanted = counts if word is None else {one: counts[one] for one in pairs.named(counted, list(counts), word)}
    found = sorted(((when.end_ms, reports, one) for one, reports in wanted.items()), reverse=True)
    shown, following = page_of(found, tuple, cursor, limit)
    items = [Reported(id=one, label=counted.concept(one).label, reports=reports) for _, reports, one in shown]
    return Concepts(items=items, next=following, reports=window.total, **_about(desk, when))


def _counted(desk: Desk) -> Counted:
    state = desk.view.reports.state
    if not state.caught_up.is_set():
        trouble = state.trouble
        raise DependencyAway(
            trouble.message if trouble else "the reports are still being read",
            fix=trouble.fix if trouble else "ask again in some seconds",
        )
    return desk.view.reports.now()


def _about(desk: Desk, when: Span) -> dict[str, Any]:
    health = desk.view.reports.state.health()
    return {"start": when.start, "end": when.end, "as_of": health.as_of if health.state == "away" else None}


@contextmanager
def _mendable() -> Iterator[None]:
    """What the address says is at fault, and no state of things."""
    try:
        yield
    except AdrwatchError as error:
        raise HTTPException(422, f"{error.message}: {error.fix}") from None
