"""What a medicine is taken for or does good to: an indication or a benefit, and no reaction to that medicine."""

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
# Characters after a reaction in which it is said to be over, and in which it is said how.
_AFTER, _HOW = 40, 60


def treated(
    statement: Statement, drug: Span, start: int, end: int, others: Sequence[Span] = (), *, caused: bool = False
) -> bool:
    """Whether the medicine is taken for what stands at [start, end), or mends it. `others`: further medicines.

    `caused`: the post says in so many words that the medicine did it, so that a chronic condition may be a reaction.
    """
    if left_off(statement, drug):
        return False
    if _better(statement, drug, start, end):
        return True
    if not caused and (_is_condition(statement, drug, start, end) or _had_before(statement, start, end)):
        return True
    if drug.end <= start:
        return _treats(statement, drug, start, end, others) or _wanted(statement, drug, start, others)
    return drug.start >= end and _taken_against(statement, drug, start, end)


def left_off(statement: Statement, drug: Span) -> bool:
    """Whether the medicine is stopped right here: what then went away was its doing, and so was the reason to stop."""
    sentence = statement.sentence(drug.start)
    return _ends_with(cues(_CUES)["stopped"], statement.between(sentence.start, drug.start))


def _treats(statement: Statement, drug: Span, start: int, end: int, others: Sequence[Span]) -> bool:
    if statement.sentence(drug.start) != statement.sentence(start):
        return False
    between = statement.between(drug.end, start)
    found = cues(_CUES)
    if any(drug.end <= other.start < start for other in others):
        return False
    if _purpose(found["kills"], between, _REASON_REACH) is not None:
        return found["unwanted"].match(statement.between(start, end)) is not None
    if found["causes"].search(between):
        return False
    for name, reach in (("treats", _PURPOSE_REACH), ("reasons", _REASON_REACH)):
        match = _purpose(found[name], between, reach)
        if match is not None:
            blamed = found["blamed"].search(between[: match.start()]) or _blames(statement, drug)
            return not (match[0] == "for" and blamed)
    return False


def _purpose(pattern: re.Pattern[str], between: str, reach: int) -> re.Match[str] | None:
    """The cue that stands near the medicine and tells what the words after it are to the medicine."""
    for match in pattern.finditer(between):
        if len(_WORD.findall(between[: match.start()])) <= reach and _PURPOSE.fullmatch(between[match.end() :]):
            return match
    return None


def _blames(statement: Statement, drug: Span) -> bool:
    clause = statement.clause(drug.start)
    return bool(cues(_CUES)["blamed"].search(statement.between(clause.start, drug.start)))


def _better(statement: Statement, drug: Span, start: int, end: int) -> bool:
    """Whether the sentence says that it is over, or that the body works again, and not by itself."""
    found = cues(_CUES)
    sentence = statement.sentence(start)
    if sentence != statement.sentence(drug.start) and not (
        drug.start >= sentence.end
        and found["thanks"].fullmatch(statement.between(sentence.end, drug.start).strip(" #"))
    ):
        return False
    after = statement.between(end, sentence.end).lstrip(" -#")
    if found["resolved"].match(after[:_AFTER]):
        return not found["adjusted"].search(after[:_HOW])
    before = statement.between(sentence.start, start)
    return bool(_ends_with(found["able_before"], before) and found["regained_after"].match(after[:_AFTER]))


def _is_condition(statement: Statement, drug: Span, start: int, end: int) -> bool:
    """A condition that people have before the medicine, and that the post does not call new."""
    found = cues(_CUES)
    if not found["conditions"].search(statement.between(start, end)):
        return False
    clause = statement.clause(start)
    new = _ends_with(found["onset"], statement.between(clause.start, start))
    apart = statement.between(drug.end, start) if drug.end <= start else statement.between(end, drug.start)
    return not new and not found["onset_between"].search(apart)


def _had_before(statement: Statement, start: int, end: int) -> bool:
    """Whether the words around it say that it is treated, or that people have it: "treatment of", "patients with"."""
    sentence = statement.sentence(start)
    found = cues(_CUES)
    if found["treated_after"].match(statement.between(end, sentence.end).lstrip(" -")):
        return True
    before = statement.between(max(sentence.start, start - _AFTER), start)
    return any(_PURPOSE.fullmatch(before[match.end() :]) for match in found["had_before"].finditer(before))


def _wanted(statement: Statement, drug: Span, start: int, others: Sequence[Span]) -> bool:
    """Whether the medicine is called for: "need a xanax, panic attack incoming"."""
    sentence = statement.sentence(drug.start)
    if sentence != statement.sentence(start) or any(drug.end <= other.start < start for other in others):
        return False
    if cues(_CUES)["causes"].search(statement.between(drug.end, start)):
        return False
    return _ends_with(cues(_CUES)["wanted"], statement.between(sentence.start, drug.start))


def _taken_against(statement: Statement, drug: Span, start: int, end: int) -> bool:
    if statement.sentence(drug.start).sentence - statement.sentence(start).sentence > 1:
        return False
    between = statement.between(end, drug.start)
    found = cues(_CUES)
    return bool(found["taken_against"].search(between)) and not found["came_after"].search(between)


def _ends_with(pattern: re.Pattern[str], text: str) -> bool:
    trimmed = text.rstrip(" #\"'")
    return any(match.end() == len(trimmed) for match in pattern.finditer(trimmed, max(len(trimmed) - _AFTER, 0)))
