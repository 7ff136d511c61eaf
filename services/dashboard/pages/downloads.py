"""What leaves adrwatch from the page of one alert: a signal as a listing, a case where its terms allow that."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import Response

from services.cases import export, listing
from services.cases.assessing import FieldError
from services.cases.casebook import Casebook
from services.cases.review_export import LISTING, listed, whole
from services.cases.review_view import row_of
from services.dashboard.access.guard import needs
from services.dashboard.access.rights import Person, Right
from services.dashboard.desk import Desk, TheDesk
from services.dashboard.opened import Opened, found
from services.dashboard.pages.assessing import why_of
from shared.cases.model import Case
from shared.cases.review import Review, review_of
from shared.errors import AdrwatchError

router = APIRouter()

Reader = Annotated[Person, needs(Right.SEE_ALERTS)]
Exporter = Annotated[Person, needs(Right.EXPORT_CASES)]
Party = Annotated[str, Form(max_length=100)]


class Layout(StrEnum):
    """Forms of a listing."""

    CSV = "csv"
    XLSX = "xlsx"
    JSON = "json"


_KINDS = {
    Layout.CSV: "text/csv; charset=utf-8",
    Layout.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Layout.JSON: "application/json",
}


@router.get("/alerts/{alert_id}/signal.{layout}")
def signal(desk: TheDesk, who: Reader, alert_id: str, layout: Layout) -> Response:
    """A signal as a listing of one row: state, counts, measures and the rules by which it was raised. It names no post."""
    opened = found(desk, alert_id, who)
    if opened.away is not None:
        raise opened.away
    if opened.single:
        raise AdrwatchError(f"{alert_id} is a single report, and no signal", fix="export its case")
    alert = opened.alert
    review = opened.dossier if isinstance(opened.dossier, Review) else None
    if review is None:
        assert alert is not None  # noqa: S101 - `found` gives one of both
        review = review_of(alert, alert.evaluated_at, "")
    row = row_of(review, alert)
    if layout is Layout.JSON:
        content = listing.json_lines([whole(row, alert)])
    else:
        content = listing.table("signals", LISTING, [listed(row, alert)], workbook=layout is Layout.XLSX)
    return _file(content, f"signal-{alert_id}.{layout}", _KINDS[layout])


@router.post("/alerts/{alert_id}/case.xml")
def message(
    desk: TheDesk, who: Exporter, alert_id: str, sender: Party, receiver: Party, reason: Annotated[str, Form()],
    country: Annotated[str, Form(max_length=2)] = "EU", llt: Annotated[str, Form(max_length=20)] = "",
    draft: Annotated[bool, Form()] = False,
) -> Response:  # fmt: skip
    """The case as an E2B(R3) message. Refused where the terms of its source forbid it, or where it may not be submitted."""
    for name, word in {"sender": sender, "receiver": receiver}.items():
        if not word.strip():
            missing = AdrwatchError("a message goes from a sender to a receiver", fix="give what you have agreed on")
            raise FieldError(name, missing)

    def message_of(case: Case) -> bytes:
        parties = sender.strip(), receiver.strip()
        return export.e2b(desk.settings, case, llt.strip() or None, *parties, country, draft=draft)

    case, content = _leaving(desk, who, found(desk, alert_id, who), reason, message_of)
    return _file(content, f"case-{case}{'-draft' if draft else ''}.xml", "application/xml")


@router.post("/alerts/{alert_id}/case.{layout}")
def case_listing(
    desk: TheDesk, who: Exporter, alert_id: str, layout: Layout, reason: Annotated[str, Form()]
) -> Response:
    """The case as a listing of one row, or as it is kept. Refused where the terms of its source forbid it."""

    def listing_of(case: Case) -> bytes:
        if layout is Layout.JSON:
            return listing.json_lines([export.without_link(case)])
        row = export.listed(case, desk.safety)
        return listing.table("cases", export.LISTING, [row], workbook=layout is Layout.XLSX)

    case, content = _leaving(desk, who, found(desk, alert_id, who), reason, listing_of)
    return _file(content, f"case-{case}.{layout}", _KINDS[layout])


def _leaving(desk: Desk, who: Person, opened: Opened, reason: str, how: Callable[[Case], bytes]) -> tuple[str, bytes]:
    """The case's id and what `how` makes of it, when it may leave and it stands in the trail that it does."""
    if opened.away is not None:
        raise opened.away
    if opened.case is None:
        raise AdrwatchError("there is no case to export", fix="open one from the single report first")
    why = why_of(reason)
    for refused in export.barred(desk.settings, [opened.case]).values():
        raise AdrwatchError(
            f"case {opened.case.id} may not be exported: {refused}",
            fix="see the terms of the source in docs/sources.md",
        )
    return opened.case.id, desk.book(Casebook, who).export(opened.case.id, why, how)


def _file(content: bytes, name: str, kind: str) -> Response:
    return Response(
        content, media_type=kind,
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )  # fmt: skip
