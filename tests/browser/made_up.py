"""Alerts that the tests write themselves, to see what comes in."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from shared.events import Alert, Concept, Table

WORDS = "Stomatitis of the browser"


def signal(drug: str, reaction: str = WORDS) -> Alert:
    """A signal that comes now; its id sorts nowhere in particular."""
    now = datetime.now(UTC).replace(microsecond=0)
    return Alert(
        id=_id(), kind="disproportionality", drug=Concept(f"DB:{drug}", drug), reaction=Concept("HP:1", reaction),
        episode=now, evaluated_at=now, rules=("evans",), rule_version="1-5c0c6598", examples=("own:1",), window_hours=24,
        table=Table(4, 10, 5, 3000), authors=4,
    )  # fmt: skip


def single(drug: str, reaction: str = WORDS) -> Alert:
    """A report of one patient that comes now, whose post tells of a stay in hospital."""
    now = datetime.now(UTC).replace(microsecond=0)
    return Alert(
        id=_id(), kind="single_report", drug=Concept(f"DB:{drug}", drug), reaction=Concept("HP:1", reaction), episode=now,
        evaluated_at=now, rules=("hospitalisation",), rule_version="1-5c0c6598", examples=("own:1",), lane="urgent",
    )  # fmt: skip


def _id() -> str:
    return f"browser-{uuid.uuid4().hex[:8]}"
