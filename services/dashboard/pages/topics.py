"""The topics, for whoever wants to subscribe to them: what each holds, field by field, and how to get it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from services.dashboard.access.guard import needs
from services.dashboard.access.rights import Person, Right
from services.dashboard.desk import Desk, TheDesk
from services.dashboard.rendering import page
from shared import schema, topics_page

router = APIRouter(prefix="/topics")

Reader = Annotated[Person, needs(Right.SEE_ALERTS)]


@router.get("")
def topics(request: Request, desk: TheDesk, _: Reader) -> Response:
    """Every topic of this instance."""
    document = _document(desk)
    return page(request, "topics/page.html", topics=topics_page.topics(document), parts=topics_page.parts(document))


@router.get("/asyncapi.json")
def asyncapi(desk: TheDesk, _: Reader) -> Response:
    """The same for programs: an AsyncAPI 3.0 document."""
    return JSONResponse(_document(desk), headers={"Content-Disposition": 'attachment; filename="asyncapi.json"'})


def _document(desk: Desk) -> dict[str, Any]:
    return schema.asyncapi(desk.settings.topic_prefix)
