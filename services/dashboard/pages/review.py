"""The review queue: one post at a time, what it says, and the next one."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from services.cases.labels import Label, Labels, Marked, agreement, by_post
from services.dashboard.access.guard import needs
from services.dashboard.access.rights import Person, Right
from services.dashboard.desk import Desk, TheDesk
from services.dashboard.labels.draw import Drawn, waiting
from services.dashboard.rendering import page
from services.dashboard.view.texts import Missing
from shared.errors import AdrwatchError, DependencyAway
from shared.events import Post

router = APIRouter(prefix="/review")

# So many posts are looked at for one whose text is there.
_TRIED = 20
# Where the text may well be there, but cannot be had now.
_LATER = (Missing.NO_ANSWER, Missing.NOT_READ_YET, Missing.DELETIONS_UNKNOWN)
_NO_STORE = {"Cache-Control": "no-store"}
Labeller = Annotated[Person, needs(Right.LABEL_POSTS)]
Hash = Annotated[str, Form(pattern="^[0-9a-f]{20}$")]


@router.get("", dependencies=[needs(Right.SEE_EVIDENCE)])
def show(request: Request, desk: TheDesk, who: Labeller) -> Response:
    """The next post that this person is to label; that it was shown stands in the trail. Raises DependencyAway where it cannot."""
    desk.needs_kafka()
    kept = _labels(desk)
    labels = kept.all()
    left = waiting(desk.review.all(), by_post(labels), who.name, desk.review.skipped(who.name))
    shown = _first(desk, left)
    if shown is not None:
        kept.shown(shown[0].hash, who.name)
    mine = sum(one.assessor == who.name for one in labels)
    return page(
        request, "review/page.html", headers=_NO_STORE, drawn=shown[0] if shown else None, left=len(left),
        post=shown[1] if shown else None, mine=mine, labelled=len(by_post(labels)), agreement=agreement(labels),
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
    found = desk.review.get(post)
    if found is None:
        raise AdrwatchError("this post is no longer in the queue", fix="go on with the next one")
    text = desk.view.texts.of([found.post])[found.post].post
    if text is None:
        raise AdrwatchError("the text of this post is no longer there", fix="go on with the next one")
    marked = _marked(spans, text) if said else ()
    _labels(desk).put(Label(post, who.name, said, marked, found.sampled, found.probability))
    return _next()


@router.post("/skip")
def skip(desk: TheDesk, who: Labeller, post: Hash) -> Response:
    """Go on without a label."""
    desk.review.skip(who.name, post)
    return _next()


@router.post("/undo")
def undo(desk: TheDesk, who: Labeller) -> Response:
    """Take back what this person said last."""
    _labels(desk).take_back(who.name)
    return _next()


def _labels(desk: Desk) -> Labels:
    return Labels(desk.database, desk.trail)


def _next() -> Response:
    return RedirectResponse("/review", status_code=303)


def _first(desk: Desk, left: list[Drawn]) -> tuple[Drawn, Post] | None:
    """The first whose text is there. Raises DependencyAway where it cannot be asked for."""
    found = desk.view.texts.of(one.post for one in left[:_TRIED])
    for one in left[:_TRIED]:
        shown = found[one.post]
        if shown.missing in _LATER:
            raise DependencyAway("the texts of posts cannot be read at the moment", fix="try again in some seconds")
        if shown.post is not None:
            return one, shown.post
        # Its text does not come back.
        desk.review.drop(one.hash)
    return None


def _marked(spans: str, post: Post) -> tuple[Marked, ...]:
    """The spans as a browser gives them. Raises AdrwatchError for those that are none of the text."""
    try:
        found = msgspec.json.decode(spans, type=tuple[Marked, ...])
    except msgspec.DecodeError:
        raise AdrwatchError("the marks cannot be read", fix="load the page again") from None
    if any(not 0 <= one.start < one.end <= len(post.text) for one in found):
        raise AdrwatchError("a mark lies outside the text", fix="load the page again")
    return tuple(sorted(set(found), key=lambda one: (one.start, one.end, one.type)))
