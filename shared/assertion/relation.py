"""How a reaction and a medicine of one post belong together: caused by it, or only near it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from shared.assertion.text import Statement, cues
from shared.events import Span

_CUES = Path(__file__).with_name("cues.toml")
# What stands between the members of a list beside words.
_LIST_MARKS = re.compile(r"[,&+/#()\[\]\s-]+")
# Between a medicine and what it did there is no longer way than this; farther on something else is told.
_CAUSE_REACH = 80
_POINTS = {"cause": 100.0, "clause": 30.0, "sentence": 20.0, "before": 10.0}
_LEFT = -60.0


def closeness(statement: Statement, drug: Span, start: int, end: int, others: Sequence[Span]) -> float:
    """How strongly the post ties the reaction at [start, end) to a medicine among several; higher is stronger."""
    score = 0.0
    if caused(statement, drug, start, end, others):
        score += _POINTS["cause"]
    sentence, clause = statement.sentence(start), statement.clause(start)
    if clause.start <= drug.start < clause.end:
        score += _POINTS["clause"]
    if sentence.start <= drug.start < sentence.end:
        score += _POINTS["sentence"]
    elif drug.end <= start:
        score += _POINTS["before"]
    if _left(statement, drug):
        score += _LEFT
    distance = start - drug.end if drug.end <= start else drug.start - end
    return score - max(distance, 0) / 1000


def joined(statement: Statement, first: Span, second: Span) -> bool:
    """Whether two medicines stand side by side ("advil and nyquil"), so that what is said of one is said of both."""
    early, late = sorted((first, second), key=lambda span: span.start)
    between = _LIST_MARKS.sub(" ", statement.between(early.end, late.start)).strip()
    side_by_side = not between or cues(_CUES)["joined"].fullmatch(between) is not None
    return side_by_side and not (_left(statement, early) or _left(statement, late))


def caused(statement: Statement, drug: Span, start: int, end: int, others: Sequence[Span]) -> bool:
    """Whether the post says in so many words that the medicine did it, with no other medicine in between."""
    found = cues(_CUES)
    first, last = (drug.end, start) if drug.end <= start else (end, drug.start)
    if last - first > _CAUSE_REACH or any(first <= other.start < last for other in others):
        return False
    between = statement.between(first, last)
    if drug.end <= start:
        return bool(found["causes"].search(between))
    return bool(found["caused_by"].match(between.lstrip(" ,-#")))


def _left(statement: Statement, drug: Span) -> bool:
    """Whether the medicine is one that was left for another: "switched from it to", "instead of it"."""
    sentence = statement.sentence(drug.start)
    before = statement.between(sentence.start, drug.start).rstrip(" #")
    return any(match.end() == len(before) for match in cues(_CUES)["switched_from"].finditer(before))
