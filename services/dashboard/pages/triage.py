"""What people do with alerts from the list, one or many at once, and how they take it back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Form
from fastapi.responses import Response

from services.cases import said
from services.dashboard.access.guard import ForbiddenError, needs
from services.dashboard.access.rights import Person, Right
from services.dashboard.desk import Desk, TheDesk
from services.dashboard.taking_up import Hand
from services.dashboard.undo import Changed
from shared.cases.model import TRANSITIONS, State
from shared.errors import AdrwatchError, DependencyAway
from shared.events import Alert
from shared.text.plain import plain

router = APIRouter()

_MOST = 200
Reviewer = Annotated[Person, needs(Right.REVIEW_SIGNALS)]
Ids = Annotated[list[str], Form(min_length=1, max_length=_MOST)]


@router.post("/alerts/assign")
def assign(
    desk: TheDesk,
    who: Reviewer,
    later: BackgroundTasks,
    ids: Ids,
    assignee: Annotated[str, Form(max_length=100)] = "me",
) -> Response:
    """Say who assesses some alerts: `me`, nobody (empty), or a name."""
    name = who.name if assignee == "me" else plain(assignee, "assignee") or None
    return _all(
        desk, who, later, ids, f"assigned to {name or 'nobody'}", lambda hand, one: hand.assign(one, name, "assigned")
    )


@router.post("/alerts/move")
def move(
    desk: TheDesk, who: Reviewer, later: BackgroundTasks, ids: Ids, state: Annotated[str, Form()],
    reason: Annotated[str, Form()],
) -> Response:  # fmt: skip
    """Bring some alerts to their next state."""
    wanted, why = _state(state), said.reason(reason)
    return _all(desk, who, later, ids, f"now {wanted}", lambda hand, one: hand.move(one, wanted, why))


@router.post("/alerts/comment")
def comment(desk: TheDesk, who: Reviewer, ids: Ids, text: Annotated[str, Form()]) -> Response:
    """Add the same comment to some alerts."""
    noted, hand = said.comment(text), Hand(desk, who)
    found = _found(desk, who, ids)
    for alert in found:
        hand.comment(alert, noted)
    return told(f"{_many(len(found))} commented")


@router.post("/undo")
def undo(desk: TheDesk, who: Reviewer, token: Annotated[str, Form(max_length=100)]) -> Response:
    """Take back what the same person did last. What cannot be taken back now can be tried again."""
    deed = desk.deeds.take(token, who.name)
    hand = Hand(desk, who)
    left: list[Changed] = []
    failed: AdrwatchError | None = None
    for changed in deed.changed:
        if isinstance(failed, DependencyAway):
            # The rest would wait for it one by one.
            left.append(changed)
            continue
        try:
            hand.undo(changed, f"undone: {deed.what}")
        except AdrwatchError as error:
            left.append(changed)
            failed = error
    if failed is None:
        return told(f"Undone: {deed.what}")
    said = f"Undone for {len(deed.changed) - len(left)} of {len(deed.changed)}: {deed.what}; not for the rest: {failed}"
    return told(said, desk.deeds.note(who.name, deed.what, left), wrong=True)


def told(text: str, undo: str | None = None, *, wrong: bool = False) -> Response:
    """An answer without content: the page says the text, and looks at the alerts again."""
    said = {"adrwatch:said": {"text": text, "undo": undo, "wrong": wrong}, "adrwatch:changed": True}
    return Response(status_code=204, headers={"HX-Trigger": json.dumps(said)})


def _all(
    desk: Desk, who: Person, later: BackgroundTasks, ids: list[str], what: str, do: Callable[[Hand, Alert], Changed]
) -> Response:
    """Do it to each. Where one cannot be done, those before it stay done, and can be undone."""
    hand = Hand(desk, who)
    changed: list[Changed] = []
    failed: AdrwatchError | None = None
    for alert in _found(desk, who, ids):
        try:
            before, after = do(hand, alert)
        except AdrwatchError as error:
            failed = error
            break
        if before != after:
            changed.append((before, after))
    later.add_task(hand.tell)
    said = f"{_many(len(changed))} {what}" if changed else "Nothing has changed"
    # What was closed stays closed: alerting may know of it already.
    open_ones = [one for one in changed if one[1].state != "closed"]
    token = desk.deeds.note(who.name, said, open_ones)
    if failed is not None:
        said = f"{said}; then: {failed}"
    return told(said, token, wrong=failed is not None)


def _found(desk: Desk, who: Person, ids: list[str]) -> list[Alert]:
    found = []
    for one in dict.fromkeys(ids):
        alert = desk.view.alerts.get(one)
        if alert is None:
            raise AdrwatchError(f"there is no alert {one} any more", fix="load the list again")
        if alert.kind == "single_report" and not who.may(Right.WORK_ON_CASES):
            raise ForbiddenError(Right.WORK_ON_CASES)
        found.append(alert)
    return found


def _many(number: int) -> str:
    return "1 alert" if number == 1 else f"{number} alerts"


def _state(word: str) -> State:
    for state in TRANSITIONS:
        if state == word:
            return state
    raise AdrwatchError(f"there is no state {word}", fix=f"states are {', '.join(TRANSITIONS)}")
