"""Labels: what assessors said of posts, the next post to label, and a new label."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from services.cases.labels import Label, Marked
from services.dashboard.access.guard import needs
from services.dashboard.access.rights import Person, Right
from services.dashboard.api import problems
from services.dashboard.api.cursors import Page, micros, page_of
from services.dashboard.api.evidence import UNKEPT
from services.dashboard.desk import TheDesk
from services.dashboard.labels.work import keep, labels_of, offered

router = APIRouter(responses=problems.COMMON)

Labeller = Annotated[Person, needs(Right.LABEL_POSTS)]


class Mark(BaseModel):
    """Characters [start, end) of the masked text that name a drug or a reaction."""

    start: Annotated[int, Field(ge=0, le=1_000_000)]
    end: Annotated[int, Field(ge=0, le=1_000_000)]
    type: Literal["drug", "reaction"]


class LabelOut(BaseModel):
    """What one assessor said of one post, which is named by a hash. There is no text in it."""

    post: str
    assessor: str
    label: bool = Field(description="whether the post reports a reaction")
    spans: list[Mark]
    sampled: float = Field(description="the probability with which the post was drawn: weigh by its inverse")
    probability: float = Field(description="what the classifier said")
    at: datetime

    @classmethod
    def of(cls, label: Label) -> LabelOut:
        """From the database."""
        return cls(
            post=label.post, assessor=label.assessor, label=bool(label.label),
            spans=[Mark(start=one.start, end=one.end, type=one.type) for one in label.spans],
            sampled=label.sampled, probability=label.probability, at=datetime.fromisoformat(label.at),
        )  # fmt: skip


class Waiting(BaseModel):
    """The next post for whoever asks."""

    post: str | None = Field(description="its hash; null where nothing is left")
    text: str | None = Field(description="masked")
    language: str | None
    probability: float | None = Field(description="what the classifier said")
    left: int = Field(description="how many posts wait for this person")


class Said(BaseModel):
    """A label. Spans are kept only where the post reports a reaction."""

    label: bool
    spans: Annotated[list[Mark], Field(max_length=200)] = []


@router.get("/labels", responses=problems.MISSING)
def labels(
    desk: TheDesk, _: Labeller,
    assessor: Annotated[str | None, Query(max_length=100, description="only what this person said")] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="how many at most")] = 100,
    cursor: Annotated[str | None, Query(max_length=500, description="`next` of the page before")] = None,
) -> Page[LabelOut]:  # fmt: skip
    """All labels, the latest first. `adrwatch labels export` writes them with their texts, for training."""
    found = [one for one in labels_of(desk).all() if assessor in (None, one.assessor)]
    found.sort(key=_key, reverse=True)
    shown, following = page_of(found, _key, cursor, limit)
    return Page(items=[LabelOut.of(one) for one in shown], next=following)


@router.get("/labels/next", dependencies=[needs(Right.SEE_EVIDENCE)])
def following(desk: TheDesk, who: Labeller, answer: Response) -> Waiting:
    """The post that this person is to label next; the audit trail notes that it was shown."""
    found, left = offered(desk, who, labels_of(desk).all())
    answer.headers.update(UNKEPT)
    if found is None:
        return Waiting(post=None, text=None, language=None, probability=None, left=left)
    return Waiting(
        post=found.drawn.hash, text=found.post.text, language=found.post.language,
        probability=found.drawn.probability, left=left,
    )  # fmt: skip


@router.put("/labels/{post}", status_code=204, responses=problems.REFUSED, response_class=Response)
def label(desk: TheDesk, who: Labeller, post: Annotated[str, Path(pattern="^[0-9a-f]{20}$")], said: Said) -> Response:
    """Say of a post that waits, by its hash, whether it reports a reaction; in the place of what the same person said before."""
    keep(desk, who, post, int(said.label), [Marked(one.start, one.end, one.type) for one in said.spans])
    return Response(status_code=204)


def _key(label: Label) -> tuple[int, str, str]:
    return micros(datetime.fromisoformat(label.at)), label.post, label.assessor
