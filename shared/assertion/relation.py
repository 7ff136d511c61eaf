"""How a reaction and a medicine of one post belong together: caused, treated, or only near one another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from shared.assertion.text import Statement, cues
from shared.events import Span

_CUES = Path(__file__).with_name("cues.toml")
# Words between "for" and what it is for: "for my really bad headaches", but not "for my crohn's it felt like".
_PURPOSE = re.compile(
    r"(?:[^\w,;:]+(?!(?:it|i|he|she|they|we|you|which|and|but|so|now|then|is|was|are|were|feel|felt)\b)[\w']+){0,3}[^\w,;:]*$"
)
_WORD = re.compile(r"[\w']+")
# Words between the medicine and what tells its purpose.
_PURPOSE_REACH, _REASON_REACH = 6, 2
# What stands between the members of a list beside words.
_LIST_MARKS = re.compile(r"[,&+/#\s]+")
# Between a medicine and what it did there is no longer way than this; farther on something else is told.
_CAUSE_REACH = 80
_POINTS = {"cause": 100.0, "clause": 30.0, "sentence": 20.0, "before": 10.0}
_LEFT = -60.0


def treated(statement: Statement, drug: Span, start: int, end: int, others: Sequence[Span] = ()) -> bool:
    """Whether the medicine is taken for the reaction at [start, end), or mends it. `others`: further medicines."""
    if drug.end <= start:
        return _treats(statement, drug, start, others) or _resolved(statement, drug, start, end)
    return drug.start >= end and _taken_against(statement, drug, start, end)


def closeness(statement: Statement, drug: Span, start: int, end: int, others: Sequence[Span]) -> float:
    """How strongly the post ties the reaction at [start, end) to a medicine among several; higher is stronger."""
    score = 0.0
    if _caused(statement, drug, start, end, others):
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


def _treats(statement: Statement, drug: Span, start: int, others: Sequence[Span]) -> bool:
    if statement.sentence(drug.start) != statement.sentence(start):
        return False
    between = statement.between(drug.end, start)
    found = cues(_CUES)
    if found["causes"].search(between) or any(drug.end <= other.start < start for other in others):
        return False
    for name, reach in (("treats", _PURPOSE_REACH), ("reasons", _REASON_REACH)):
        for match in found[name].finditer(between):
            ahead = between[: match.start()]
            if len(_WORD.findall(ahead)) <= reach and _PURPOSE.fullmatch(between[match.end() :]):
                return not (match[0] == "for" and (found["blamed"].search(ahead) or _blames(statement, drug)))
    return False


def _blames(statement: Statement, drug: Span) -> bool:
    clause = statement.clause(drug.start)
    return bool(cues(_CUES)["blamed"].search(statement.between(clause.start, drug.start)))


def _resolved(statement: Statement, drug: Span, start: int, end: int) -> bool:
    sentence = statement.sentence(start)
    after = statement.between(end, sentence.end)[:40].strip()
    same = sentence == statement.sentence(drug.start)
    return same and cues(_CUES)["resolved"].match(after) is not None


def _taken_against(statement: Statement, drug: Span, start: int, end: int) -> bool:
    if statement.sentence(drug.start).sentence - statement.sentence(start).sentence > 1:
        return False
    between = statement.between(end, drug.start)
    found = cues(_CUES)
    return bool(found["taken_against"].search(between)) and not found["came_after"].search(between)


def _caused(statement: Statement, drug: Span, start: int, end: int, others: Sequence[Span]) -> bool:
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
