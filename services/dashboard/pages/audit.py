"""The whole audit trail: who did what to what, when and why; and whether anybody has touched it since."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from services.cases import listing
from services.cases.audit import Entry
from services.cases.audit_rows import NOUNS, distinct, in_order, part
from services.cases.tables import AUDIT
from services.dashboard.access.guard import needs
from services.dashboard.access.rights import Person, Right
from services.dashboard.audit.asked import Asked
from services.dashboard.audit.lines import WORDS, lines
from services.dashboard.desk import Desk, TheDesk
from services.dashboard.rendering import page, partial

router = APIRouter()

_ON_A_PAGE = 50
_NO_STORE = {"Cache-Control": "no-store"}
Auditor = Annotated[Person, needs(Right.SEE_AUDIT)]


class Layout(StrEnum):
    """Forms in which rows are taken away."""

    CSV = "csv"
    JSONL = "jsonl"


_KINDS = {Layout.CSV: "text/csv; charset=utf-8", Layout.JSONL: "application/jsonl"}


@router.get("/audit")
def show(request: Request, desk: TheDesk, who: Auditor) -> Response:
    """The rows that the address asks for, the newest first."""
    asked = Asked.of(request.query_params)
    with desk.database.reading() as connection:
        found = part(connection, asked.wanted, _ON_A_PAGE, asked.before, asked.after)
        doubted = desk.trail.doubted(connection, found.rows)
        people, actions = (distinct(connection, column) for column in (AUDIT.c.actor, AUDIT.c.action))
    return page(
        request, "audit/page.html", headers=_NO_STORE, asked=asked, found=found, people=people, actions=actions,
        lines=lines(desk, who, found.rows, doubted), nouns=NOUNS, plain_words=WORDS, **_proof(desk),
    )  # fmt: skip


@router.get("/audit/proof")
def proof(request: Request, desk: TheDesk, _: Auditor) -> Response:
    """Whether the trail is whole, as far as that is known."""
    return page(request, "audit/proof.html", headers=_NO_STORE, **_proof(desk))


@router.post("/audit/proof")
def verify(request: Request, desk: TheDesk, _: Auditor) -> Response:
    """Verify the trail anew."""
    desk.proof.begin()
    if not partial(request):
        return RedirectResponse("/audit", status_code=303)
    return page(request, "audit/proof.html", headers=_NO_STORE, **_proof(desk))


@router.get("/audit.{layout}")
def download(request: Request, desk: TheDesk, _: Auditor, layout: Layout) -> Response:
    """All rows that the address asks for, in their order, as `adrwatch audit export` writes them, or as a table."""
    parts = in_order(desk.database, Asked.of(request.query_params).wanted)
    # Where the database is away, that is said before the file begins.
    first = next(parts, [])
    return StreamingResponse(
        _written(itertools.chain([first], parts), layout), media_type=_KINDS[layout],
        headers=_NO_STORE | {"Content-Disposition": f'attachment; filename="adrwatch-audit.{layout}"'},
    )  # fmt: skip


def _written(parts: Iterator[list[Entry]], layout: Layout) -> Iterator[bytes]:
    for number, rows in enumerate(parts):
        if layout is Layout.JSONL:
            yield listing.json_lines(rows)
        else:
            cells = [msgspec.structs.asdict(row) for row in rows]
            yield listing.csv_lines(Entry.__struct_fields__, cells, head=number == 0)


def _proof(desk: Desk) -> dict[str, Any]:
    proof, running = desk.proof.look()
    return {"proof": proof, "running": running}
