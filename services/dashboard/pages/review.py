"""The review queue: one post at a time, what it says, and the next one."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from services.cases.labels import Marked, agreement, by_post
from services.dashboard.access.guard import needs
from services.dashboard.access.rights import Person, Right
from services.dashboard.desk import TheDesk
from services.dashboard.labels.work import keep, labels_of, offered
from services.dashboard.rendering import page
from shared.errors import AdrwatchError

router = APIRouter(prefix="/review")

_NO_STORE = {"Cache-Control": "no-store"}
Labeller = Annotated[Person, needs(Right.LABEL_POSTS)]
Hash = Annotated[str, Form(pattern="^[0-9a-f]{20}$")]


@router.get("", dependencies=[needs(Right.SEE_EVIDENCE)])
def show(request: Request, desk: TheDesk, who: Labeller) -> Response:
    """The next post that this person is to label; that it was shown stands in the trail. Raises DependencyAway where it cannot."""
    desk.needs_kafka()
    labels = labels_of(desk).all()
    found, left = offered(desk, who, labels)
    mine = sum(one.assessor == who.name for one in labels)
    return page(
        request, "review/page.html", headers=_NO_STORE, drawn=found.drawn if found else None, left=left,
        post=found.post if found else None, mine=mine, labelled=len(by_post(labels)), agreement=agreement(labels),
    )  # fmt: skip


@router.post("/label")
def label(
    desk: TheDesk,
    who: Labeller,
    post: Hash,
    said: Annotated[int, Form(ge=0, le=1)],
    spans: Annotated[str, Form(max_length=20_000)] = "[]",
) -> Response:
    """Keep what somebody said of a post."""
    try:
        marked = msgspec.json.decode(spans, type=tuple[Marked, ...])
    except msgspec.DecodeError:
        raise AdrwatchError("the marks cannot be read", fix="load the page again") from None
    keep(desk, who, post, said, marked)
    return _next()


@router.post("/skip")
def skip(desk: TheDesk, who: Labeller, post: Hash) -> Response:
    """Go on without a label."""
    desk.review.skip(who.name, post)
    return _next()


@router.post("/undo")
def undo(desk: TheDesk, who: Labeller) -> Response:
    """Take back what this person said last."""
    labels_of(desk).take_back(who.name)
    return _next()


def _next() -> Response:
    return RedirectResponse("/review", status_code=303)
