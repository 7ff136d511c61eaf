"""Views of the list of alerts: named, and removed."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from services.dashboard.access.guard import needs
from services.dashboard.access.rights import Person, Right
from services.dashboard.desk import TheDesk
from services.dashboard.rendering import page, partial
from services.dashboard.saved import SavedViews
from services.dashboard.triage import Query

router = APIRouter()

Reader = Annotated[Person, needs(Right.SEE_ALERTS)]
Words = Annotated[str, Form(max_length=4000)]


@router.post("/views")
def keep(
    request: Request, desk: TheDesk, who: Reader, name: Annotated[str, Form(max_length=200)], words: Words = ""
) -> Response:
    """Keep the list as it is filtered and ordered now."""
    views = SavedViews(desk.database, who.name)
    return _shown(request, views, views.keep(name, words).words)


@router.post("/views/remove")
def remove(
    request: Request, desk: TheDesk, who: Reader, name: Annotated[str, Form(max_length=200)], words: Words = ""
) -> Response:
    """Forget a view; the list stays as it is."""
    views = SavedViews(desk.database, who.name)
    views.remove(name)
    return _shown(request, views, Query.of(dict(parse_qsl(words))).but())


def _shown(request: Request, views: SavedViews, words: str) -> Response:
    if not partial(request):
        return RedirectResponse(f"/alerts?{words}" if words else "/alerts", status_code=303)
    return page(request, "alerts/views.html", views=views.all(), words=words)
