"""Who may see no case gets an alert as if nobody had opened one, and of a single report not the exact time of its post."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import HTTPException

from services.dashboard.access.rights import Person, Right, Role, rights_of
from services.dashboard.api import models
from services.dashboard.listing import seen_by
from services.dashboard.opened import found
from services.dashboard.triage import Line
from shared.cases.model import Case
from shared.events import Alert, Concept

AT = datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)
DRUG, REACTION = Concept("DB:1", "sertraline"), Concept("HP:1", "Insomnia")
ITEM = Alert(
    id="a", kind="single_report", drug=DRUG, reaction=REACTION, episode=AT, evaluated_at=AT, rules=(), rule_version="1",
    examples=("x:1",), lane="urgent",
)  # fmt: skip
CASE = Case(
    id="c", alert="a", post=None, drug=DRUG, reaction=REACTION, opened_at=AT, opened_by="me", source="x", state="confirmed",
    assignee="me",
)  # fmt: skip


def person(role: Role) -> Person:
    return Person("p", frozenset({role}), rights_of([role]), "session")


def desk(alert: Alert | None) -> Any:
    alerts = SimpleNamespace(get=lambda _: alert, caught_up=SimpleNamespace(is_set=lambda: True))
    return SimpleNamespace(
        view=SimpleNamespace(alerts=alerts), dossiers=SimpleNamespace(by_alert=lambda *_: {"a": CASE}), database=None, trail=None
    )  # fmt: skip


@pytest.mark.parametrize("role", [Role.viewer, Role.operator])
def test_no_case_and_no_exact_time_without_the_rights(role: Role) -> None:
    (line,) = seen_by([Line(ITEM, AT, CASE, None)], sees_cases=person(role).may(Right.SEE_CASES))
    sent = models.Alert.of(line, evidence=False)
    assert (sent.state, sent.assignee, sent.due) == ("new", None, None)
    assert sent.episode == sent.evaluated_at == AT.replace(minute=0, second=0)
    assert found(desk(ITEM), "a", person(role)).dossier is None
    with pytest.raises(HTTPException) as refused:
        found(desk(None), "a", person(role))
    assert refused.value.status_code == 404


def test_an_assessor_sees_both() -> None:
    (line,) = seen_by([Line(ITEM, AT, CASE, None)], sees_cases=person(Role.assessor).may(Right.SEE_CASES))
    sent = models.Alert.of(line, evidence=True)
    assert (sent.state, sent.assignee, sent.episode) == ("confirmed", "me", AT)
    assert found(desk(None), "a", person(Role.assessor)).dossier is CASE
