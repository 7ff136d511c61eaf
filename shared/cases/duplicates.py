"""Cases that may be of the same patient and reaction. Flagged for a person, never decided, never deleted. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from shared.cases.model import Case
from shared.events import UNMAPPED

# Two reports of one reaction by one patient come rarely further apart; a person may ask for another number.
DAYS = 14


class Trace(msgspec.Struct, frozen=True):
    """What is known of the post of a case: when it was written, the keyed hash of its author, the fingerprint of its words."""

    at: datetime
    author: str | None = None
    fingerprint: str | None = None


class Suspicion(msgspec.Struct, frozen=True):
    """Two cases, the earlier first, why they may be one, and whether a person linked them."""

    first: str
    second: str
    reasons: tuple[str, ...]
    linked: bool


def suspicions(cases: Sequence[Case], traces: Mapping[str, Trace], days: int = DAYS) -> list[Suspicion]:
    """Pairs of cases that may be one, and those that are linked; `traces` by post. Ordered by the second case, the latest first.

    Reasons: one post; one author; the same words; drug and reaction within `days`. Of several cases that share something, each
    is held against the one before it, so that all hang together. The time is that of the post, else that of opening.
    """
    order = sorted(cases, key=lambda case: (_at(case, traces), case.id))
    reasons: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    keys: dict[str, Callable[[Case], Hashable]] = {
        "one post": lambda case: case.post,
        "one author": lambda case: _trace(case, traces, "author"),
        "the same words": lambda case: _trace(case, traces, "fingerprint"),
        f"drug and reaction within {days} days": _named,
    }
    for reason, key in keys.items():
        near = key is _named
        before: dict[Hashable, Case] = {}
        for case in order:
            if (value := key(case)) is None:
                continue
            other = before.get(value)
            if other and not (near and _at(case, traces) - _at(other, traces) > timedelta(days=days)):
                reasons[other.id, case.id].append(reason)
            before[value] = case
    place = {case.id: number for number, case in enumerate(order)}
    linked = set(_linked(order, place))
    found = [
        Suspicion(first, second, tuple(reasons.get((first, second), ())), (first, second) in linked)
        for first, second in reasons.keys() | linked
    ]
    return sorted(found, key=lambda one: (place[one.second], place[one.first]), reverse=True)


def _linked(cases: Iterable[Case], place: Mapping[str, int]) -> Iterable[tuple[str, str]]:
    for case in cases:
        for other in case.duplicates:
            if other in place and place[other] < place[case.id]:
                yield other, case.id


def _at(case: Case, traces: Mapping[str, Trace]) -> datetime:
    trace = traces.get(case.post or "")
    return trace.at if trace else case.opened_at


def _trace(case: Case, traces: Mapping[str, Trace], name: str) -> str | None:
    trace = traces.get(case.post or "")
    found: str | None = getattr(trace, name) if trace else None
    return found


def _named(case: Case) -> Hashable:
    return None if UNMAPPED in (case.drug.id, case.reaction.id) else (case.drug.id, case.reaction.id)
