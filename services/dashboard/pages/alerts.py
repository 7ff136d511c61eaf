"""The list of alerts, which changes while one looks at it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from services.dashboard.access.guard import needs
from services.dashboard.access.rights import Person, Right
from services.dashboard.desk import Desk, TheDesk
from services.dashboard.listing import seen_by
from services.dashboard.rendering import page, partial
from services.dashboard.saved import SavedViews
from services.dashboard.triage import LANES, SERIOUS, Line, Ordered, Query, chosen, paged
from services.dashboard.view.series import trends
from services.dashboard.view.serious import NONE
from shared.cases.model import TRANSITIONS
from shared.events import Alert

router = APIRouter()

TREND_DAYS = 28
Reader = Annotated[Person, needs(Right.SEE_ALERTS)]


@router.get("/")
def begin(_: Reader) -> Response:
    """Where people begin."""
    return RedirectResponse("/alerts", status_code=303)


@router.get("/alerts")
def alerts(request: Request, desk: TheDesk, who: Reader) -> Response:
    """The list, as the address wants it. A script gets the list without the page around it."""
    query, version = Query.of(request.query_params), desk.view.alerts.version
    everything = all_lines(desk, who)
    found = chosen(everything, query, who.name)
    shown, pages = paged(found, query)
    whole = not partial(request)
    return page(
        request, "alerts/page.html" if whole else "alerts/list.html",
        headers={"Vary": "HX-Request", "Cache-Control": "no-store"}, query=query, lines=shown,
        pages=pages, found=len(found), total=len(everything), lanes=LANES, states=list(TRANSITIONS), seriousness=SERIOUS,
        version=version, **_strip(desk),
        loading=not desk.view.alerts.caught_up.is_set(), trends=trends_of(desk, [line.alert for line in shown]),
        views=SavedViews(desk.database, who.name).all() if whole else [], words=query.but(),
    )  # fmt: skip


@router.get("/alerts/just-in")
def strip(request: Request, desk: TheDesk, _: Reader) -> Response:
    """The alerts that came last; or, where Kafka is away, that none can come."""
    return page(request, "alerts/just_in.html", **_strip(desk))


@router.get("/alerts/live", response_class=EventSourceResponse)
async def live(desk: TheDesk, _: Reader) -> AsyncIterator[ServerSentEvent]:
    """Which alerts have changed, one event each, as they are written; how it stands at the beginning, and when that changes.

    Each has the version of the alerts: by it a page tells whether it has missed anything.
    """
    followed = desk.view.alerts
    yield ServerSentEvent(comment="begins")
    async for change in followed.changes():
        told: dict[str, Any] = {"version": followed.version}
        if change is None:
            yield ServerSentEvent(event="standing", data=told | {"away": followed.trouble is not None})
        else:
            named = {"id": change.id, "new": change.new, "gone": change.alert is None}
            yield ServerSentEvent(event="alert", data=told | named)


@router.get("/alerts/{alert_id}/row")
def row(request: Request, desk: TheDesk, who: Reader, alert_id: str) -> Response:
    """One line of the list as it is now; nothing where the alert was taken back."""
    alert = desk.view.alerts.get(alert_id)
    if alert is None:
        return Response("")
    return page(
        request,
        "alerts/row.html",
        line=lines_of(desk, who, [alert])[0],
        fresh=True,
        words=Query.of(request.query_params).but(),
        trends=trends_of(desk, [alert]),
    )


def _strip(desk: Desk) -> dict[str, Any]:
    live = desk.view.alerts
    return {"just_in": live.last(), "trouble": live.trouble, "troubled_since": live.troubled_since}


def all_lines(desk: Desk, who: Person) -> Ordered:
    """All alerts with what people and posts say of them, as a person may see them."""
    dossiers = desk.dossiers.by_alert(desk.database, desk.trail)
    return desk.listing.seen_by(who, desk.view.alerts.all(), dossiers)


def lines_of(desk: Desk, who: Person, alerts: Iterable[Alert]) -> list[Line]:
    """Some alerts with what people and posts say of them, as a person may see them."""
    dossiers, wanted = desk.dossiers.by_alert(desk.database, desk.trail), list(alerts)
    posts = desk.view.serious.of(wanted)
    lines = [desk.line(one, dossiers.get(one.id), posts.get(one.id, NONE)) for one in wanted]
    return seen_by(lines, sees_cases=who.may(Right.SEE_CASES))


def trends_of(desk: Desk, alerts: list[Alert]) -> dict[str, list[int]]:
    """Posts a day of the pair of each alert, over the last days that alerting has closed; none before it closed any."""
    counted = desk.view.reports.now()
    end = counted.closed_until_ms
    if end is None:
        return {}
    table = trends(counted, [(one.drug.id, one.reaction.id) for one in alerts], end, TREND_DAYS)
    return dict(zip((one.id for one in alerts), table.tolist(), strict=True))
