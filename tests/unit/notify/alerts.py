"""Alerts that we made up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from services.notify.notices import State, Telling, change_of, telling
from shared.events import Alert, Concept, Measure, Notified, Table

MOMENT = datetime(2026, 3, 2, 10, 17, 23, tzinfo=UTC)
DRUG, REACTION = Concept("D:1", "sertraline"), Concept("R:1", "Nausea")


def signal(name: str = "s1", a: int = 4, **changes: Any) -> Alert:
    alert = Alert(
        id=name, kind="disproportionality", drug=DRUG, reaction=REACTION, episode=MOMENT, evaluated_at=MOMENT,
        rules=("umc",), rule_version="1-x", examples=("own:1", "own:2"), window_hours=24, table=Table(a, 4, 0, 60), authors=a,
        measures={"prr": Measure(8.0, 2.0, 31.5)},
    )  # fmt: skip
    return replace(alert, **changes)


def single(name: str = "i1", lane: Any = "urgent", rules: tuple[str, ...] = ("death",), **changes: Any) -> Alert:
    alert = Alert(
        id=name, kind="single_report", drug=DRUG, reaction=REACTION, episode=MOMENT, evaluated_at=MOMENT, rules=rules,
        rule_version="1-x", examples=("own:3",), lane=lane,
    )  # fmt: skip
    return replace(alert, **changes)


def state(alert: Alert, offset: int = 0, published_ms: int = 0) -> State:
    return State(alert.id, alert, offset, published_ms)


def told_of(alert: Alert | None, before: Notified | None = None, alert_id: str = "s1", offset: int = 0) -> Telling:
    one = State(alert.id if alert else alert_id, alert, offset)
    change = change_of(one, before)
    assert change is not None
    return telling("desk", one, before, change, MOMENT)
