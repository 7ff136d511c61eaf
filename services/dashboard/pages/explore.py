"""Pairs of any time with all measures, for the eye and to take away."""

from __future__ import annotations

import math
from typing import Annotated, Literal
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.dashboard import pairs
from services.dashboard.access.guard import needs
from services.dashboard.access.rights import Person, Right
from services.dashboard.desk import TheDesk
from services.dashboard.pairs import FORMS, PAGE, Query
from services.dashboard.rendering import page, partial
from services.dashboard.spans import PRESETS, span
from services.dashboard.view.measured import MEASURES, SLOW
from shared.signals.wording import MEANINGS

router = APIRouter()

# In the address of what waits for the slow measures.
AWAITED = "all-measures"
# What the form above the table asks for itself.
_OF_FORM = ("drug", "reaction", "from", "to", "least", "page")
Reader = Annotated[Person, needs(Right.SEE_ALERTS)]


@router.get("/explore")
def explore(request: Request, desk: TheDesk, _: Reader) -> Response:
    """The table, as the address wants it."""
    counted = desk.view.reports.now()
    when, query = span(request.query_params, counted.closed_until_ms), Query.of(request.query_params)
    found = (counted.measured if awaited(request) else counted.at_once)(when.start_ms, when.end_ms)
    shown = pairs.page(counted, found, query)
    words = query.but(when)
    return page(
        request, "explore/table.html" if partial(request) else "explore/page.html",
        headers={"Vary": "HX-Request", "Cache-Control": "no-store"}, query=query, span=when,
        presets=PRESETS, shown=shown, pages=max(1, math.ceil(shown.total / PAGE)), counted=counted,
        raised=desk.view.alerts.raised(), measures=MEASURES, slow=SLOW, awaited=AWAITED,
        computing=[name for name in found.computing if name in query.shown or query.sort in (name, *MEASURES[name])],
        kept=_but(words, *_OF_FORM), narrowed=_but(words, "show", "page"),
        means=MEANINGS, health=desk.view.reports.state.health(),
    )  # fmt: skip


def awaited(request: Request) -> bool:
    """Whether the answer waits for measures that take long: a page without them asks for itself once more, with them."""
    return AWAITED in request.query_params


def _but(words: str, *names: str) -> dict[str, str]:
    """The words of an address but some."""
    return {name: value for name, value in parse_qsl(words) if name not in names}


@router.get("/explore.{form}")
def download(request: Request, desk: TheDesk, _: Reader, form: Literal["csv", "parquet"]) -> Response:
    """The whole table as a file."""
    counted = desk.view.reports.now()
    when, query = span(request.query_params, counted.closed_until_ms), Query.of(request.query_params)
    content = pairs.export(counted, counted.measured(when.start_ms, when.end_ms), query, form)
    name = f"adrwatch-pairs-{when.start:%Y%m%d}-{when.last:%Y%m%d}.{form}"
    return Response(
        content, media_type=FORMS[form][0], headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )
