"""The posts behind an alert, as far as the terms of their sources let them be shown. Whoever reads them stands in the trail."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from services.dashboard import evidence as shown
from services.dashboard.access.guard import needs
from services.dashboard.access.rights import Person, Right
from services.dashboard.api import problems
from services.dashboard.api.cursors import Page, cursor_of, key_of
from services.dashboard.desk import TheDesk
from services.dashboard.opened import found, reads_evidence
from services.dashboard.view.texts import Missing
from shared import events

router = APIRouter(responses=problems.COMMON)

# What people wrote is kept by no cache on its way.
UNKEPT = {"Cache-Control": "no-store"}
_LATEST = 2**62


class Span(BaseModel):
    """Characters [start, end) of the text."""

    start: int
    end: int

    @classmethod
    def of(cls, span: events.Span) -> Span:
        """From a message."""
        return cls(start=span.start, end=span.end)


class Report(BaseModel):
    """A post in which the drug and the reaction are asserted, as the pipeline read it."""

    post: str
    source: str
    created_at: datetime
    language: str | None
    text: str | None = Field(description="masked; null where `missing` says why it cannot be shown")
    missing: Missing | None
    drug: Span | None = Field(description="where the text names it; null without text")
    reaction: Span | None
    person: Literal["writer", "other"] | None = Field(description="whose reaction it is; null where that is not known")
    serious: list[str] = Field(description="ICH criteria that the text suggests")
    situations: list[str]
    score: float
    model_version: str
    why: list[str] = Field(description="why the reaction was attributed to this drug")
    counted: bool | None = Field(description="whether the alert's window counts it; null while that is not known")
    because: str | None = Field(description="why it counts or not, in words")

    @classmethod
    def of(cls, line: shown.Line) -> Report:
        """From a line of the page."""
        mention, there = line.mention, line.missing is None
        return cls(
            post=mention.post_id, source=line.source, created_at=mention.created_at, language=mention.language,
            text="".join(piece.text for piece in line.pieces) if there else None, missing=line.missing,
            drug=Span.of(mention.drug_span) if there else None, reaction=Span.of(mention.reaction_span) if there else None,
            person=mention.person, serious=list(mention.serious), situations=list(mention.situations), score=mention.score,
            model_version=mention.model_version, why=list(line.reasons),
            counted=None if line.counts is None else line.counted, because=line.counts,
        )  # fmt: skip


@router.get("/alerts/{alert_id}/evidence", responses=problems.MISSING)
def evidence(
    desk: TheDesk, who: Annotated[Person, needs(Right.SEE_EVIDENCE)], answer: Response, alert_id: str,
    limit: Annotated[int, Query(ge=1, le=50, description="how many at most")] = shown.PAGE,
    cursor: Annotated[str | None, Query(max_length=500, description="`next` of the page before")] = None,
) -> Page[Report]:  # fmt: skip
    """The posts of an alert, the newest first, with their texts by policy; the audit trail notes each page."""
    opened = found(desk, alert_id, who)
    before = None if cursor is None else _place(cursor)
    reads_evidence(desk, who, opened)
    page = shown.evidence(desk, opened, before, limit)
    answer.headers.update(UNKEPT)
    return Page(items=[Report.of(one) for one in page.lines], next=None if page.more is None else cursor_of(page.more))


def _place(cursor: str) -> shown.Cursor:
    at, post = key_of(cursor, tuple[int, str])
    return min(max(at, 0), _LATEST), post
