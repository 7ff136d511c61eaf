"""What an assessor does on the page of one alert: each save goes through the books, with its reason, from what was seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from fastapi import APIRouter, BackgroundTasks, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import FormData

from services.cases import said
from services.cases.assessing import FieldError, assessed
from services.cases.casebook import Casebook
from services.dashboard.access.guard import needs
from services.dashboard.access.rights import Person, Right
from services.dashboard.desk import Desk, TheDesk
from services.dashboard.opened import Opened, at_work, found
from services.dashboard.pages.alert import words
from services.dashboard.rendering import page, partial
from services.dashboard.taking_up import Hand
from shared.cases.causality import forms
from shared.cases.model import CRITERIA, SERIOUSNESS, TRANSITIONS, State
from shared.errors import AdrwatchError
from shared.text.plain import plain

router = APIRouter()

Reader = Annotated[Person, needs(Right.SEE_ALERTS)]
Worker = Annotated[Person, needs(Right.WORK_ON_CASES)]
Reason = Annotated[str, Form()]
Seen = Annotated[str, Form(max_length=64)]


@router.post("/alerts/{alert_id}/open")
def open_case(
    request: Request, desk: TheDesk, who: Worker, later: BackgroundTasks, alert_id: str, reason: Reason
) -> Response:
    """Open a case from a single report."""

    def do() -> str:
        at_work(desk, who, alert_id, why_of(reason))
        later.add_task(Hand(desk, who).tell)
        return "The case is open"

    return _done(request, desk, who, alert_id, do)


@router.post("/alerts/{alert_id}/move")
def move(
    request: Request,
    desk: TheDesk,
    who: Reader,
    later: BackgroundTasks,
    alert_id: str,
    state: Annotated[str, Form(max_length=30)],
    reason: Reason,
    seen: Seen = "",
) -> Response:
    """Bring it to its next state. Alerting hears of a signal that was closed."""

    def do() -> str:
        wanted, why = _state(state), why_of(reason)
        book, dossier = at_work(desk, who, alert_id, why)
        book.move(dossier, wanted, why, seen or None)
        later.add_task(Hand(desk, who).tell)
        return f"It is now {wanted}"

    return _done(request, desk, who, alert_id, do)


@router.post("/alerts/{alert_id}/assign")
def assign(
    request: Request, desk: TheDesk, who: Reader, alert_id: str,
    assignee: Annotated[str, Form(max_length=100)] = "", me: Annotated[bool, Form()] = False, seen: Seen = "",
) -> Response:  # fmt: skip
    """Say who assesses it: oneself, somebody by name, or nobody."""

    def do() -> str:
        name = who.name if me else plain(assignee.strip(), "assignee") or None
        book, dossier = at_work(desk, who, alert_id, "assigned")
        book.change(
            dossier, "assign", "assigned", lambda one: msgspec.structs.replace(one, assignee=name), seen or None
        )
        return f"{name or 'Nobody'} assesses it"

    return _done(request, desk, who, alert_id, do)


@router.post("/alerts/{alert_id}/comment")
def comment(request: Request, desk: TheDesk, who: Reader, alert_id: str, text: Annotated[str, Form()]) -> Response:
    """Say something of it."""

    def do() -> str:
        try:
            noted = said.comment(text)
        except AdrwatchError as error:
            raise FieldError("text", error) from None
        book, dossier = at_work(desk, who, alert_id, "comment")
        book.comment(dossier, noted)
        return "Your comment is noted"

    return _done(request, desk, who, alert_id, do)


async def _typed(request: Request) -> FormData:
    return await request.form()


Typed = Annotated[FormData, Depends(_typed)]


@router.post("/alerts/{alert_id}/assess")
def assess(request: Request, desk: TheDesk, who: Worker, alert_id: str, typed: Typed) -> Response:
    """Say what is known of its case: what the form holds is changed, and nothing else."""

    def do() -> str:
        why, given = why_of(_word(typed, "reason") or ""), _given(typed)
        opened = _with_case(found(desk, alert_id, who))
        desk.book(Casebook, who).change(
            opened, "assess", why, lambda case: assessed(case, **given), _word(typed, "seen") or None
        )
        return "Saved"

    return _done(request, desk, who, alert_id, do)


@router.post("/alerts/{alert_id}/link")
def link(
    request: Request, desk: TheDesk, who: Worker, alert_id: str, other: Annotated[str, Form(max_length=40)],
    reason: Reason, linked: Annotated[bool, Form()] = True,
) -> Response:  # fmt: skip
    """Note that its case and another are of the same patient and reaction, or that they are not after all."""

    def do() -> str:
        why, case = why_of(reason), _with_case(found(desk, alert_id, who))
        try:
            desk.book(Casebook, who).link(case, other.strip(), why, linked=linked)
        except AdrwatchError as error:
            raise FieldError("other", error) from None
        return "Both cases name each other" if linked else "They are no longer linked"

    return _done(request, desk, who, alert_id, do)


def _done(request: Request, desk: Desk, who: Person, alert_id: str, do: Callable[[], str]) -> Response:
    """Do it, and answer with the head and the forms as they are then."""
    done = do()
    if not partial(request):
        return RedirectResponse(f"/alerts/{quote(alert_id)}", status_code=303)
    opened = found(desk, alert_id, who)
    trigger = {"adrwatch:said": {"text": done}, "adrwatch:changed": True}
    return page(
        request, "alert/saved.html", headers={"HX-Trigger": json.dumps(trigger), "Cache-Control": "no-store"},
        **words(desk, who, opened),
    )  # fmt: skip


def _with_case(opened: Opened) -> str:
    if opened.away is not None:
        raise opened.away
    if opened.case is None:
        raise AdrwatchError("there is no case yet", fix="open one from the single report first")
    return opened.case.id


def _given(typed: FormData) -> dict[str, Any]:
    """What a form holds, as `assessed` takes it. A box that is not ticked sends nothing: the form says that it has boxes."""
    given: dict[str, Any] = {
        name: _word(typed, name)
        for name in ("awareness", "who_umc", "listedness", "narrative", "source")
        if name in typed
    }
    for group, names in (("criteria", CRITERIA), ("seriousness", SERIOUSNESS)):
        words_of = {name: word for name in names if (word := _word(typed, f"{group}.{name}"))}
        if words_of:
            given[group] = words_of
    if "situations" in typed:
        given["situations"] = [word for each in typed.getlist("situations") if (word := str(each))]
    if any(name.startswith("naranjo.") for name in typed):
        given["naranjo"] = [_word(typed, f"naranjo.{number}") or "" for number in range(1, len(forms().naranjo) + 1)]
    if not given:
        raise AdrwatchError("the form says nothing", fix="fill in what you know")
    return given


def _word(typed: FormData, name: str) -> str | None:
    found_ = typed.get(name)
    return found_ if isinstance(found_, str) else None


def why_of(reason: str) -> str:
    """A reason. Raises FieldError where it is none."""
    try:
        return said.reason(reason)
    except AdrwatchError as error:
        raise FieldError("reason", error) from None


def _state(word: str) -> State:
    for state in TRANSITIONS:
        if state == word:
            return state
    raise FieldError("state", AdrwatchError(f"there is no state {word}", fix=f"states are {', '.join(TRANSITIONS)}"))
