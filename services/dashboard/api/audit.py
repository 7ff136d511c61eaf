"""The audit trail for programs: rows as `adrwatch audit export` writes them, the newest first."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query
from pydantic import AfterValidator, BaseModel, Field
from starlette.exceptions import HTTPException

from services.cases.audit import HIGHEST
from services.cases.audit_rows import Wanted, part
from services.dashboard.access.guard import needs
from services.dashboard.access.rights import Person, Right
from services.dashboard.api import problems
from services.dashboard.api.alerts import Cursor, Limit, Moment
from services.dashboard.api.cursors import Page, cursor_of, first_of
from services.dashboard.desk import TheDesk
from shared.errors import AdrwatchError
from shared.text.plain import plain

router = APIRouter(responses=problems.COMMON | problems.MISSING)


def _plain(word: str) -> str:
    try:
        return plain(word, "it")
    except AdrwatchError as error:
        raise ValueError(error.message) from None


Word = Annotated[str, AfterValidator(_plain)]


class Row(BaseModel):
    """Who did what to what, when and why."""

    seq: int = Field(description="its number; without a gap")
    at: str = Field(description="ISO 8601, UTC")
    actor: str
    action: str
    subject: str = Field(description="such as case:4f0c1d2e3b5a69788796")
    reason: str = Field(description="as a person gave it; of receipts of deletions, JSON")
    before: str = Field(description="SHA-256 of the case or signal before; empty where there is none")
    after: str = Field(description="SHA-256 of the case or signal after")
    mac: str = Field(description="code over the row and the one before it, with the key of the trail")


@router.get("/audit")
def rows(
    desk: TheDesk, _: Annotated[Person, needs(Right.SEE_AUDIT)],
    actor: Annotated[Word, Query(max_length=100, description="who did it")] = "",
    action: Annotated[Word, Query(max_length=40, description="such as read or state")] = "",
    subject: Annotated[
        Word, Query(max_length=80, description="such as case:4f0c1d2e3b5a69788796, its id alone, or case for all of them")
    ] = "",
    since: Moment = None, until: Moment = None,
    limit: Limit = 100, cursor: Cursor = None,
) -> Page[Row]:  # fmt: skip
    """Rows of the audit trail, the newest first; `until` is not within."""
    before = None if cursor is None else first_of(cursor)
    if cursor is not None and not (type(before) is int and 0 <= before <= HIGHEST):
        raise HTTPException(404, "the cursor is none of this list: begin without one")
    with desk.database.reading() as connection:
        found = part(connection, Wanted(actor, action, subject, since, until), limit, before)
    items = [Row(**msgspec.structs.asdict(row)) for row in found.rows]
    return Page(items=items, next=cursor_of((items[-1].seq,)) if found.older else None)
