"""How the system runs, and the dead letters, which people look at and send back."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from services.cases import said
from services.dashboard.access.guard import needs
from services.dashboard.access.rights import Person, Right
from services.dashboard.desk import Desk, TheDesk
from services.dashboard.operations import flow
from services.dashboard.operations.letters import chosen, kinds, recorded
from services.dashboard.rendering import page
from services.dashboard.view.delays import DAY_MS, HOUR_MS, SINCE, UNTIL
from services.ingest.inbox import Line, of_a_file
from shared.console import printable
from shared.errors import AdrwatchError
from shared.topics import ALERTS, DEAD_LETTERS, DELETIONS, MENTIONS, OUTCOMES, POSTS

router = APIRouter(prefix="/operations")

_ON_A_PAGE = 50
_SLOWEST = 5
# What each topic of the flow is the work of.
_FLOW = {
    POSTS.suffix: "ingest: posts taken in",
    OUTCOMES.suffix: "pipeline: posts screened, classified, extracted",
    MENTIONS.suffix: "pipeline: pairs of drug and reaction",
    ALERTS.suffix: "alerting: alerts and their updates",
    DELETIONS.suffix: "posts taken back",
    DEAD_LETTERS.suffix: "dead letters, and tombstones of those done",
}
_NO_STORE = {"Cache-Control": "no-store"}
Operator = Annotated[Person, needs(Right.SEE_OPERATIONS)]
Replayer = Annotated[Person, needs(Right.REPLAY_DEAD_LETTERS)]
Word = Annotated[str, Query(max_length=200)]
Ids = Annotated[list[str], Query(max_length=_ON_A_PAGE)]


@router.get("")
def show(request: Request, desk: TheDesk, _: Operator) -> Response:
    """The page; its parts refresh themselves."""
    return page(request, "operations/page.html", headers=_NO_STORE, **_now(desk))


@router.get("/now")
def now(request: Request, desk: TheDesk, _: Operator) -> Response:
    """What changes of the page."""
    return page(request, "operations/now.html", headers=_NO_STORE, **_now(desk))


@router.get("/dead-letters")
def letters(
    request: Request, desk: TheDesk, _: Operator, stage: Word = "", reason: Word = "", at: Annotated[int, Query(ge=1)] = 1
) -> Response:  # fmt: skip
    """The list, without what people wrote."""
    desk.needs_kafka()
    lines = desk.operations.letters.lines()
    found = chosen(lines, (), stage, reason)
    pages = max(1, -(-len(found) // _ON_A_PAGE))
    at = min(at, pages)
    return page(
        request, "operations/letters.html", headers=_NO_STORE, kinds=kinds(lines), total=len(lines), found=len(found),
        lines=found[(at - 1) * _ON_A_PAGE : at * _ON_A_PAGE], at=at, pages=pages, stage=stage, reason=reason,
        query=urlencode({"stage": stage, "reason": reason}),
    )  # fmt: skip


@router.get("/dead-letters/one")
def letter(request: Request, desk: TheDesk, who: Operator, letter_id: Annotated[str, Query(alias="id")]) -> Response:
    """One letter. What a person wrote is shown to those who may see evidence; that they looked is in the audit trail."""
    desk.needs_kafka()
    held = desk.operations.letters.one(letter_id)
    payload = None
    if who.may(Right.SEE_EVIDENCE) and held.letter.payload:
        recorded(desk.trail, desk.database, who.name, "look", _subject(letter_id), "the payload of a dead letter")
        payload = printable(held.letter.payload.decode(errors="backslashreplace"))
    return page(
        request, "operations/letter.html", headers=_NO_STORE, held=held, of_a_file=of_a_file(held.letter), payload=payload,
        key=(held.letter.key or b"").decode(errors="replace") if who.may(Right.SEE_EVIDENCE) else None,
    )  # fmt: skip


@router.get("/dead-letters/replay")
def ask(
    request: Request,
    desk: TheDesk,
    _: Replayer,
    ids: Ids = [],  # noqa: B006
    stage: Word = "",
    reason: Word = "",
    everything: bool = False,
) -> Response:
    """What a replay would do, before it is done."""
    _picked(ids, everything)
    found = _there(desk, ids, stage, reason)
    return page(
        request, "operations/sure.html", headers=_NO_STORE, found=len(found), ids=ids, stage=stage, reason=reason,
        files=sum(line.of_a_file for line in found), kinds=kinds(found), again=sum(line.attempts > 0 for line in found),
    )  # fmt: skip


@router.post("/dead-letters/replay")
def replay(
    request: Request,
    desk: TheDesk,
    who: Replayer,
    why: Annotated[str, Form()],
    ids: Annotated[list[str], Form(max_length=_ON_A_PAGE)] = [],  # noqa: B006
    stage: Annotated[str, Form(max_length=200)] = "",
    reason: Annotated[str, Form(max_length=200)] = "",
    everything: Annotated[bool, Form()] = False,
) -> Response:
    """Send back those that are there, with a row of the audit trail before, and one of what came of it."""
    _picked(ids, everything)
    mended = said.reason(why)
    # The trail names what there is, and nothing that somebody made up.
    found = [line.id for line in _there(desk, ids, stage, reason)]
    ids = found if ids else []
    subject = _subject(ids[0]) if len(ids) == 1 else "dead-letters"
    which = " ".join((*ids, *(word for word in (stage, reason) if word))) or "all"
    recorded(desk.trail, desk.database, who.name, "replay", subject, f"{mended} ({which})")
    try:
        account = desk.operations.letters.send_back(found)
    except AdrwatchError as error:
        recorded(desk.trail, desk.database, who.name, "replay failed", subject, error.message)
        raise
    recorded(desk.trail, desk.database, who.name, "replayed", subject, json.dumps(account.as_dict()))
    return page(request, "operations/replayed.html", headers=_NO_STORE, account=account)


def _delays(desk: Desk) -> dict[str, Any]:
    """How long it took in the last day: each beside the last hour, and by source with that from which it is counted."""
    at = int(time.time() * 1000)
    hour, day = (
        {(one.until, one.since, one.source): one for one in desk.view.mentions.delays(at - length)}
        for length in (HOUR_MS, DAY_MS)
    )
    sources = sorted(
        {(source, since) for _, since, source in day if source}, key=lambda one: (one[0], SINCE.index(one[1]))
    )
    return {
        "delays": [(one, hour.get(name)) for name, one in day.items() if not one.source],
        "by_source": [(*one, [day.get((until, one[1], one[0])) for until in UNTIL]) for one in sources],
    }


def _picked(ids: list[str], everything: bool) -> None:
    """Nothing picked is not everything."""
    if not (ids or everything):
        raise AdrwatchError("no dead letter is picked", fix="go back and tick those that are to be replayed")


def _there(desk: Desk, ids: list[str], stage: str, reason: str) -> list[Line]:
    desk.needs_kafka()
    found = chosen(desk.operations.letters.lines(), ids, stage, reason)
    if not found:
        raise AdrwatchError("none of these dead letters is there any more", fix="load the list again")
    return found


def _subject(letter_id: str) -> str:
    return f"dead-letter:{letter_id}"


def _now(desk: Desk) -> dict[str, Any]:
    operations = desk.operations
    samples = operations.sampler.samples.all()
    lines, receipts = operations.lines, operations.receipts
    return {
        "standings": operations.standings(), "rates": flow.rates(samples, _FLOW), "flow": _FLOW,
        "groups": flow.lags(samples), "recent": operations.sampler.recent(), "sources": operations.sources,
        "kinds": None if lines is None else kinds(lines), "receipts": None if receipts is None else receipts[:_SLOWEST],
        "deletions": len(receipts or ()), "versions": operations.versions,
        **_delays(desk), "mentions": desk.view.follower.state.health(), "kafka": operations.sampler.state.health(),
    }  # fmt: skip
