"""Alerts and cases: read page by page, followed as they change, and worked on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, BackgroundTasks, Query
from fastapi.responses import Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, BeforeValidator, Field
from starlette.exceptions import HTTPException

from services.cases import said
from services.cases.casebook import Casebook
from services.cases.said import MOST
from services.dashboard.access.guard import ForbiddenError, needs
from services.dashboard.access.rights import Person, Right
from services.dashboard.api import problems
from services.dashboard.api.cursors import Page, micros, page_of
from services.dashboard.api.models import Alert, CaseOut, Changed
from services.dashboard.desk import Desk, TheDesk
from services.dashboard.pages.alerts import lines_of
from services.dashboard.taking_up import Hand
from services.dashboard.triage import SERIOUS, Line
from shared import events
from shared.cases.model import Case, State
from shared.errors import DependencyAway
from shared.latest_alerts import Filter, concept_matches
from shared.text.plain import plain
from shared.times import beginning

router = APIRouter(responses=problems.COMMON)

_FIRST = datetime.min.replace(tzinfo=UTC)
Limit = Annotated[int, Query(ge=1, le=500, description="how many at most")]
Cursor = Annotated[str | None, Query(max_length=500, description="`next` of the page before")]
Moment = Annotated[
    datetime | None, BeforeValidator(beginning), Query(description="a day or a time; UTC where no offset is said")
]
Reader = Annotated[Person, needs(Right.SEE_ALERTS)]


@router.get("/alerts", responses=problems.MISSING)
def alerts(
    desk: TheDesk, who: Reader,
    drug: Annotated[str | None, Query(max_length=200, description="its id, or a part of its name")] = None,
    reaction: Annotated[str | None, Query(max_length=200, description="its id, or a part of its name")] = None,
    kind: Literal["disproportionality", "single_report"] | None = None,
    lane: Literal["urgent", "special", "signal"] | None = None,
    state: State | None = None,
    serious: Annotated[
        Literal["any", "confirmed"] | None, Query(description="any: a person confirmed a criterion, or posts suggest one")
    ] = None,
    since: Moment = None,
    limit: Limit = 100, cursor: Cursor = None,
) -> Page[Alert]:  # fmt: skip
    """Alerts that were evaluated at `since` or later, those that were first written last before the others."""
    wanted = Filter(kind, drug, since)
    if not desk.view.alerts.caught_up.is_set():
        raise DependencyAway("the topic of alerts is still being read", fix="ask again in some seconds")
    found = [
        line
        for line in lines_of(desk, who, (one for one in desk.view.alerts.all() if wanted.wants(one)))
        if (reaction is None or concept_matches(reaction, line.alert.reaction))
        and lane in (None, line.alert.lane)
        and state in (None, line.state)
        and (serious is None or line.serious in SERIOUS[serious])
    ]
    found.sort(key=_key, reverse=True)
    shown, following = page_of(found, _key, cursor, limit)
    evidence = who.may(Right.SEE_EVIDENCE)
    return Page(items=[Alert.of(one, evidence=evidence) for one in shown], next=following)


@router.get("/alerts/events", response_class=EventSourceResponse)
async def changes(desk: TheDesk, _: Reader) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events: `alert` with a `Changed` for every alert that is written, updated or taken back from now on."""
    yield ServerSentEvent(comment="begins")
    async for change in desk.view.alerts.changes():
        if change is None:
            continue
        yield ServerSentEvent(event="alert", data=Changed(id=change.id, new=change.new, gone=change.alert is None))


@router.get("/alerts/{alert_id}", responses=problems.MISSING)
def alert(desk: TheDesk, who: Reader, alert_id: str) -> Alert:
    """One alert as it is now."""
    return Alert.of(lines_of(desk, who, [_there(desk, alert_id)])[0], evidence=who.may(Right.SEE_EVIDENCE))


class Decision(BaseModel):
    """What is decided of an alert; what is left out stays as it is."""

    state: State | None = None
    assignee: Annotated[str | None, Field(max_length=100, description="empty: nobody")] = None
    reason: Annotated[
        str,
        Field(min_length=1, max_length=MOST["reason"], description="stands in the audit trail: name no person"),
    ]


@router.patch("/alerts/{alert_id}", responses=problems.REFUSED)
def decide(
    desk: TheDesk, who: Annotated[Person, needs(Right.REVIEW_SIGNALS)], later: BackgroundTasks, alert_id: str,
    decision: Decision,
) -> Alert:  # fmt: skip
    """Assign an alert, or bring it to its next state. The first decision begins its review, or opens its case."""
    found, hand = _workable(desk, who, alert_id), Hand(desk, who)
    reason = said.reason(decision.reason)
    if decision.assignee is not None:
        hand.assign(found, plain(decision.assignee, "assignee") or None, reason, decision.state)
    if decision.state is not None:
        hand.move(found, decision.state, reason)
    later.add_task(hand.tell)
    return Alert.of(lines_of(desk, who, [found])[0], evidence=who.may(Right.SEE_EVIDENCE))


class Remark(BaseModel):
    """A comment."""

    text: Annotated[str, Field(min_length=1, max_length=MOST["comment"])]


@router.post("/alerts/{alert_id}/comments", status_code=204, responses=problems.REFUSED, response_class=Response)
def comment(
    desk: TheDesk, who: Annotated[Person, needs(Right.REVIEW_SIGNALS)], alert_id: str, remark: Remark
) -> Response:
    """Add a comment to an alert's review or case."""
    Hand(desk, who).comment(_workable(desk, who, alert_id), said.comment(remark.text))
    return Response(status_code=204)


@router.get("/cases", responses=problems.MISSING)
def cases(
    desk: TheDesk, who: Annotated[Person, needs(Right.SEE_CASES)], state: State | None = None, limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[CaseOut]:  # fmt: skip
    """Cases, the newest first. Narratives are in each case's own answer, which the audit trail notes."""
    found = sorted(desk.book(Casebook, who).all(state), key=_case_key, reverse=True)
    shown, following = page_of(found, _case_key, cursor, limit)
    return Page(items=[CaseOut.of(one).model_copy(update={"narrative": ""}) for one in shown], next=following)


@router.get("/cases/{case_id}", responses=problems.MISSING)
def case(desk: TheDesk, who: Annotated[Person, needs(Right.SEE_CASES)], case_id: str) -> CaseOut:
    """One case. That somebody looked stands in the audit trail."""
    book = desk.book(Casebook, who)
    if case_id not in {one.id for one in book.all()}:
        raise HTTPException(404, f"there is no case {case_id}")
    return CaseOut.of(book.look(case_id, "by the API")[0])


def _key(line: Line) -> tuple[int, str]:
    return micros(line.since or _FIRST), line.alert.id


def _case_key(case: Case) -> tuple[int, str]:
    return micros(case.opened_at), case.id


def _there(desk: Desk, alert_id: str) -> events.Alert:
    found = desk.view.alerts.get(alert_id)
    if found is None:
        raise HTTPException(404, f"there is no alert {alert_id}, or it was taken back")
    return found


def _workable(desk: Desk, who: Person, alert_id: str) -> events.Alert:
    found = _there(desk, alert_id)
    if found.kind == "single_report" and not who.may(Right.WORK_ON_CASES):
        raise ForbiddenError(Right.WORK_ON_CASES)
    return found
