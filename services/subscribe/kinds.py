"""What can be subscribed to: the topic, which moment of an event counts, what takes an event back, and its columns in a file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from services.subscribe.feed import Arrived
from shared.events import Alert, Deletion, Mention, decode
from shared.forgetting import version_of
from shared.signals.wording import NAMES, number
from shared.topics import ALERTS, DELETIONS, MENTIONS, Topic

E_ = TypeVar("E_", Alert, Mention)
# Of a column: its type in DuckDB, and the way to it in the event's JSON.
Columns = dict[str, tuple[str, str]]
_TEXT, _TEXTS, _NUMBER, _WHOLE, _YES_NO, TIME = "VARCHAR", "VARCHAR[]", "DOUBLE", "BIGINT", "BOOLEAN", "TIMESTAMPTZ"


@dataclass(frozen=True)
class TakenBack:
    """Events that stand no longer: those of one post, or the alert of one id.

    `for_good`: whatever is written of it later does not stand either. Else `at` says until when: in ms since 1970 of a post, by the
    offset of an alert.
    """

    source: str
    at: int
    for_good: bool


@dataclass(frozen=True)
class Kind(Generic[E_]):
    """One kind of events. `goes_by`: the column by which they are taken back; `deletions`: the topic that does it, if another."""

    topic: Topic
    event: type[E_]
    columns: Columns
    goes_by: str
    deletions: Topic | None = None

    def moment(self, event: E_) -> datetime:
        """The time by which events are chosen and ordered."""
        return event.created_at if isinstance(event, Mention) else event.evaluated_at

    def source(self, event: E_) -> str:
        """What an event goes by when it is taken back: a mention by its post, an alert by its own id."""
        return str(getattr(event, self.goes_by))

    def takes_back(self, record: Arrived) -> TakenBack | None:
        """What a record takes back; None for one that is to be an event. Raises BadMessage for a deletion that is none."""
        if record.deletion:
            deletion = decode(record.value, Deletion)
            # Of a post that was edited a later version may come, which stands.
            return TakenBack(deletion.id, record.written_ms, for_good=not deletion.edited)
        if record.value is None and self.deletions is None:
            return TakenBack((record.key or b"").decode(errors="replace"), record.offset, for_good=False)
        return None

    def at(self, record: Arrived) -> int:
        """When an event was written, or the post that it is of, to be compared with TakenBack's."""
        return record.offset if self.deletions is None else version_of(record.headers, record.written_ms)


def _concept(name: str) -> Columns:
    return {
        f"{name}_id": (_TEXT, f"{name}.id"), f"{name}_label": (_TEXT, f"{name}.label"),
        f"{name}_version": (_TEXT, f"{name}.version"), f"{name}_codes": (_TEXTS, f"{name}.codes"),
    }  # fmt: skip


def _measure(name: str) -> Columns:
    return {
        f"{name}{ending}": (_NUMBER, f"measures.{name}.{part}")
        for ending, part in (("", "value"), ("_lower", "lower"), ("_upper", "upper"))
    }


_TERMS: Columns = {
    "aggregates_only": (_YES_NO, "terms.aggregates_only"), "case_export": (_YES_NO, "terms.case_export"),
    "schema_version": (_WHOLE, "schema_version"),
}  # fmt: skip

MENTION_COLUMNS: Columns = {
    "id": (_TEXT, "id"), "post_id": (_TEXT, "post_id"), "created_at": (TIME, "created_at"),
    **_concept("drug"), **_concept("reaction"),
    "drug_start": (_WHOLE, "drug_span.start"), "drug_end": (_WHOLE, "drug_span.end"),
    "reaction_start": (_WHOLE, "reaction_span.start"), "reaction_end": (_WHOLE, "reaction_span.end"),
    "score": (_NUMBER, "score"), "person": (_TEXT, "person"),
    "serious": (_TEXTS, "serious"), "situations": (_TEXTS, "situations"), "language": (_TEXT, "language"),
    "author": (_TEXT, "author"), "fingerprint": (_TEXT, "fingerprint"), "model_version": (_TEXT, "model_version"),
    **_TERMS,
}  # fmt: skip

ALERT_COLUMNS: Columns = {
    "id": (_TEXT, "id"), "kind": (_TEXT, "kind"), "lane": (_TEXT, "lane"),
    "episode": (TIME, "episode"), "evaluated_at": (TIME, "evaluated_at"),
    **_concept("drug"), **_concept("reaction"),
    "window_hours": (_WHOLE, "window_hours"),
    "drug_and_reaction": (_WHOLE, "table.a"), "drug_only": (_WHOLE, "table.b"),
    "reaction_only": (_WHOLE, "table.c"), "neither": (_WHOLE, "table.d"), "authors": (_WHOLE, "authors"),
    **{column: place for name in NAMES for column, place in _measure(name).items()},
    "rules": (_TEXTS, "rules"), "rule_version": (_TEXT, "rule_version"), "overrides": (_TEXTS, "overrides"),
    "examples": (_TEXTS, "examples"), "previous": (_TEXT, "previous"),
    **_TERMS,
}  # fmt: skip

MENTION = Kind(MENTIONS, Mention, MENTION_COLUMNS, "post_id", DELETIONS)
ALERT = Kind(ALERTS, Alert, ALERT_COLUMNS, "id")


def cells(event: Alert | Mention) -> dict[str, str]:
    """What people see of an event: heading and words."""
    if isinstance(event, Mention):
        return {
            "written": f"{event.created_at:%Y-%m-%d %H:%M}", "drug": event.drug.label, "reaction": event.reaction.label,
            "score": f"{event.score:.2f}", "whose": event.person or "",
            "flags": ", ".join((*event.serious, *event.situations)), "id": event.id,
        }  # fmt: skip
    ic = event.measures.get("ic")
    return {
        "evaluated": f"{event.evaluated_at:%Y-%m-%d %H:%M}", "lane": event.lane, "drug": event.drug.label,
        "reaction": event.reaction.label, "reports": str(event.table.a) if event.table else "",
        "IC025": number(ic.lower if ic else None), "rules": ", ".join(event.rules), "id": event.id,
    }  # fmt: skip
