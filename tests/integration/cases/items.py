"""Items of the single-report queue that we made."""

from __future__ import annotations

from datetime import UTC, datetime

from services.cases.casebook import Casebook
from shared.cases.model import Case
from shared.events import Alert, Concept

MOMENT = datetime(2026, 3, 1, 9, tzinfo=UTC)


def item(number: int = 1, rules: tuple[str, ...] = ("designated_event", "death", "overdose")) -> Alert:
    return Alert(
        id=f"item-{number}",
        kind="single_report",
        drug=Concept("DB:1", "amoxicillin"),
        reaction=Concept("HP:1", "Anaphylactic shock"),
        episode=MOMENT,
        evaluated_at=MOMENT,
        rules=rules,
        rule_version="1-5c0c6598",
        overrides=("preset=umc", "policy.authors=2"),
        examples=(f"own:{number}",),
        lane="urgent",
    )


def opened(book: Casebook, number: int = 1) -> Case:
    return book.open(item(number), ("designated_event", "death"), ("overdose",), "opened from the queue")
