"""Drugs and reactions: what is reported most, what moves, and one of them with all that is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from services.dashboard import pairs
from services.dashboard.access.guard import needs
from services.dashboard.access.rights import Person, Right
from services.dashboard.desk import Desk, TheDesk
from services.dashboard.pages.alerts import lines_of
from services.dashboard.pages.explore import AWAITED, awaited
from services.dashboard.rendering import page
from services.dashboard.spans import PRESETS, span
from services.dashboard.view.heat import Heat, heat
from services.dashboard.view.mentions import Wanted
from services.dashboard.view.movers import movers
from services.dashboard.view.series import Series, series
from shared.events import UNMAPPED
from shared.signals.windows import from_ms

router = APIRouter()

_TOP, _MOST_FOUND, _MOST_PAIRS = 15, 30, 25
_MOVING_DAYS = 7
Reader = Annotated[Person, needs(Right.SEE_ALERTS)]
Kind = Literal["drug", "reaction"]


@dataclass(frozen=True)
class Bar:
    """A part of a whole, for a bar: `share` from 0 to 100."""

    name: str
    posts: int
    share: float


@router.get("/drugs")
def drugs(request: Request, desk: TheDesk, _: Reader) -> Response:
    """Drugs against reactions, and what moves."""
    return _overview(request, desk, "drug")


@router.get("/reactions")
def reactions(request: Request, desk: TheDesk, _: Reader) -> Response:
    """Reactions against drugs, and what moves."""
    return _overview(request, desk, "reaction")


@router.get("/drugs/{concept_id:path}")
def drug(request: Request, desk: TheDesk, who: Reader, concept_id: str) -> Response:
    """One drug."""
    return _one(request, desk, who, "drug", concept_id)


@router.get("/reactions/{concept_id:path}")
def reaction(request: Request, desk: TheDesk, who: Reader, concept_id: str) -> Response:
    """One reaction."""
    return _one(request, desk, who, "reaction", concept_id)


def _overview(request: Request, desk: Desk, kind: Kind) -> Response:
    counted = desk.view.reports.now()
    when = span(request.query_params, counted.closed_until_ms)
    word = request.query_params.get("q", "").strip()
    names = counted.ledger.vocabulary
    ids = [one for one in (names.drugs if kind == "drug" else names.reactions).names if one != UNMAPPED]
    found = sorted(pairs.named(counted, ids, word), key=lambda one: counted.concept(one).label) if word else []
    table = heat(counted.at_once(when.start_ms, when.end_ms), _TOP, _TOP)
    # What moves is told by times of the same length: a day of which only some hours are counted yet would seem to fall.
    until = when.end_ms if counted.closed_until_ms is None else min(when.end_ms, counted.closed_until_ms)
    return page(
        request, "concepts/overview.html", kind=kind, span=when, presets=PRESETS, counted=counted, q=word,
        found=found[:_MOST_FOUND], many=len(found), heat=_cells(table), moving_days=_MOVING_DAYS,
        movers=movers(counted, until, _MOVING_DAYS, "drugs" if kind == "drug" else "reactions", _TOP),
        pairs=movers(counted, until, _MOVING_DAYS, "pairs", _TOP), until=from_ms(until), health=desk.view.reports.state.health(),
    )  # fmt: skip


def _one(request: Request, desk: Desk, who: Person, kind: Kind, concept_id: str) -> Response:
    counted = desk.view.reports.now()
    when = span(request.query_params, counted.closed_until_ms, 90)
    names = counted.ledger.vocabulary
    known = (names.drugs if kind == "drug" else names.reactions).names
    alerts = [one for one in desk.view.alerts.all() if (one.drug if kind == "drug" else one.reaction).id == concept_id]
    if concept_id not in known and not alerts and desk.view.reports.state.caught_up.is_set():
        raise HTTPException(404, f"nothing is known of a {kind} {concept_id}")
    concept = counted.concept(concept_id)
    if concept_id not in known and alerts:
        concept = alerts[0].drug if kind == "drug" else alerts[0].reaction
    wanted: dict[str, Any] = {kind: concept_id}
    mentions = Wanted(start_ms=when.start_ms, end_ms=when.end_ms, **wanted)
    found = (counted.measured if awaited(request) else counted.at_once)(when.start_ms, when.end_ms)
    words = {"days": str(when.days)} if when.days else dict(when.words)
    return page(
        request, "concepts/one.html", words=urlencode({kind: concept_id} | words),
        kind=kind, concept=concept, span=when, presets=PRESETS, counted=counted, computing=found.computing, awaited=AWAITED,
        series=_plain(series(counted, when.start_ms, when.end_ms, **wanted)),
        shown=found.page(order="a", size=_MOST_PAIRS, **wanted),
        alerts=lines_of(desk, who, alerts), sources=_bars(desk.view.mentions.counts(mentions, "source")),
        languages=_bars(desk.view.mentions.counts(mentions, "language")), health=desk.view.reports.state.health(),
        posts=desk.view.follower.state.health(), alerts_known=desk.view.alerts.caught_up.is_set(),
    )  # fmt: skip


def _plain(found: Series) -> dict[str, list[float | None]]:
    """A series as JSON: times in seconds since 1970; null where there is no band."""
    bands = {"low": found.low, "high": found.high}
    return {
        "starts": (found.starts // 1000).tolist(),
        "counts": found.counts.tolist(),
        **{name: [None if np.isnan(one) else one for one in band.tolist()] for name, band in bands.items()},
    }


def _bars(counts: dict[str, int]) -> list[Bar]:
    total = sum(counts.values())
    return [Bar(name or "not known", posts, round(100 * posts / total, 1)) for name, posts in counts.items()]


def _cells(found: Heat) -> dict[str, Any]:
    """The heat map with a class from 0 to 5 for each cell: how surely there are more reports than expected."""
    steps = (0.0, 0.5, 1.0, 2.0, 3.0)
    rows = [
        [
            (
                int(found.a[i][j]),
                float(found.ic[i][j]),
                0 if not found.a[i][j] else sum(found.ic025[i][j] > step for step in steps),
            )
            for j in range(len(found.reactions))
        ]
        for i in range(len(found.drugs))
    ]
    return {"drugs": found.drugs, "reactions": found.reactions, "rows": rows}
