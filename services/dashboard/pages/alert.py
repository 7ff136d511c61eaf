"""The page of one alert: what was counted and what that says, and, loaded after it, the trend, the posts and what stands beside."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from services.cases.book import Book
from services.cases.casebook import Casebook
from services.cases.reviews import Reviews
from services.dashboard.access.guard import needs
from services.dashboard.access.rights import Person, Right
from services.dashboard.desk import Desk, TheDesk
from services.dashboard.evidence import Cursor, evidence
from services.dashboard.opened import Opened, found, looked_at, may_work, reads_evidence
from services.dashboard.pages.alerts import all_lines
from services.dashboard.rendering import page
from services.dashboard.trend import trend
from services.dashboard.triage import Query as ListQuery
from services.dashboard.triage import began, chosen
from shared.assertion.flags import SITUATIONS
from shared.cases.causality import forms, naranjo_score
from shared.cases.duplicates import because
from shared.cases.model import CRITERIA, SERIOUSNESS
from shared.errors import AdrwatchError
from shared.signals.sentences import said, thresholds

router = APIRouter()

# Texts of posts and dossiers stay in no browser's cache.
_UNKEPT = {"Cache-Control": "no-store"}
# More than this is no time in ms, and does not fit a column of the database.
_LATEST = 2**62
Reader = Annotated[Person, needs(Right.SEE_ALERTS)]
Assessor = Annotated[Person, needs(Right.SEE_EVIDENCE)]


@router.get("/alerts/{alert_id}")
def alert(request: Request, desk: TheDesk, who: Reader, alert_id: str) -> Response:
    """One alert. The parameters are those of the list that one came from, for what stands before and after it there."""
    opened = found(desk, alert_id, who)
    # As the list was that one came from: the look may change it.
    around = _neighbours(request, desk, who, alert_id)
    try:
        opened, comments = looked_at(desk, who, opened)
    except AdrwatchError as error:
        opened, comments = Opened(alert_id, opened.alert, opened.dossier, error), []
    signal = opened.alert
    measured = (
        said(signal.measures, signal.table, signal.drug.label, signal.reaction.label) if signal and signal.table else []
    )
    return page(
        request, "alert/page.html", headers=_UNKEPT, **words(desk, who, opened), comments=comments, measured=measured,
        thresholds=thresholds(signal.rules, desk.rules) if signal else [],
        other_rules=bool(signal and signal.rule_version != desk.rules.stamp),
        trouble=desk.view.alerts.trouble, troubled_since=desk.view.alerts.troubled_since,
        **around,
    )  # fmt: skip


@router.get("/alerts/{alert_id}/trend")
def trend_of(request: Request, desk: TheDesk, who: Reader, alert_id: str) -> Response:
    """Reports by day, with the window of the alert and the band in which they were expected."""
    opened = found(desk, alert_id, who)
    return _part(
        request, "the trend", "alert/trend.html",
        lambda: {"trend": trend(desk, opened), "health": desk.view.reports.state.health()},
    )  # fmt: skip


@router.get("/alerts/{alert_id}/evidence")
def evidence_of(
    request: Request,
    desk: TheDesk,
    who: Assessor,
    alert_id: str,
    at: Annotated[int | None, Query(ge=0, le=_LATEST)] = None,
    after: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """A page of posts, the newest first; `at` and `after` are where the page before ended.

    That somebody reads them is noted first. Raises AdrwatchError and DependencyAway where it cannot be.
    """
    opened = found(desk, alert_id, who)
    reads_evidence(desk, who, opened)
    before: Cursor | None = None if at is None or after is None else (at, after)
    return _part(
        request, "the posts", "alert/evidence.html",
        lambda: {"shown": evidence(desk, opened, before), "opened": opened, "first": before is None},
    )  # fmt: skip


@router.get("/alerts/{alert_id}/beside")
def beside_of(request: Request, desk: TheDesk, who: Reader, alert_id: str) -> Response:
    """What a reporting system says of the pair."""
    opened = found(desk, alert_id, who)
    table = opened.alert.table if opened.alert else None
    return _part(
        request, "the reporting system", "alert/beside.html",
        lambda: {"sides": desk.background.sides(opened.drug, opened.reaction, table)},
    )  # fmt: skip


@router.get("/alerts/{alert_id}/history")
def history_of(
    request: Request, desk: TheDesk, who: Annotated[Person, needs(Right.SEE_CASES)], alert_id: str
) -> Response:
    """What was said of its dossier, and what was done to it. That somebody reads what was said is noted first."""

    def read() -> dict[str, Any]:
        opened = found(desk, alert_id, who)
        if opened.away is not None:
            raise opened.away
        if opened.dossier is None:
            return {"comments": [], "entries": [], "opened": opened, "may": may_work(opened, who)}
        book: Book[Any] = desk.book(Casebook if opened.single else Reviews, who)
        comments, entries = book.history(opened.dossier.id)
        return {"comments": comments, "entries": entries, "opened": opened, "may": may_work(opened, who)}

    return _part(request, "the history", "alert/history.html", read)


def words(desk: Desk, who: Person, opened: Opened) -> dict[str, Any]:
    """What the head and the forms are made of."""
    case = opened.case
    answered = case.naranjo if case else ()
    return {
        "opened": opened, "case": case,
        "sees_cases": who.may(Right.SEE_CASES), "began": _began(who, opened),
        "may": may_work(opened, who) and opened.away is None,
        "listed": desk.safety.suggest(opened.drug, opened.reaction) if desk.safety else None,
        "criteria": CRITERIA, "seriousness": SERIOUSNESS, "forms": forms(),
        "situations": list(dict.fromkeys((*SITUATIONS, *(case.situations if case else ())))),
        "naranjo": naranjo_score(answered) if answered else None, "because": because,
        "since": desk.view.alerts.since(opened.id),
    }  # fmt: skip


def _began(who: Person, opened: Opened) -> datetime | None:
    """When its episode began. A post's exact time finds the post: whoever may see none gets the hour."""
    return None if opened.alert is None else began(opened.alert, exact=who.may(Right.SEE_EVIDENCE))


def _part(request: Request, what: str, template: str, read: Callable[[], dict[str, Any]]) -> Response:
    """A part of the page; where something is away, what that is, in its place: the rest of the page stands."""
    try:
        return page(request, template, headers=_UNKEPT, **read())
    except AdrwatchError as error:
        return page(request, "alert/missing.html", headers=_UNKEPT, what=what, message=error.message, fix=error.fix)


def _neighbours(request: Request, desk: Desk, who: Person, alert_id: str) -> dict[str, Any]:
    """What stands before and after it in the list that one came from."""
    query = ListQuery.of(request.query_params)
    try:
        ids = [line.alert.id for line in chosen(all_lines(desk, who), query, who.name)]
    except AdrwatchError:
        ids = []
    at = ids.index(alert_id) if alert_id in ids else None
    return {
        "query": query,
        "place": None if at is None else at + 1,
        "many": len(ids),
        "before": ids[at - 1] if at else None,
        "after": ids[at + 1] if at is not None and at + 1 < len(ids) else None,
    }
