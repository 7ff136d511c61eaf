"""Why a reaction was put down to a medicine, and which cues around it were read: the steps' own rules, asked once more. Pure.

What is told is what the rules see in the text. The extractor's spans are those of the mention; why a network marked them nobody
can say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shared.assertion.coreference import Name, resolve
from shared.assertion.relation import caused, closeness, joined
from shared.assertion.status import status, widened
from shared.assertion.text import Statement, cues
from shared.assertion.treatment import treated
from shared.events import Span

_CUES = Path(__file__).with_name("cues.toml")
Kind = Literal["drug", "reaction", "negation", "hypothetical", "cause"]
# Where two marks meet, the one that says more of the report stands.
_ORDER: tuple[Kind, ...] = ("drug", "reaction", "cause", "negation", "hypothetical")


@dataclass(frozen=True)
class Mark:
    """Characters [start, end) of the text, and what they are."""

    start: int
    end: int
    kind: Kind


@dataclass(frozen=True)
class Piece:
    """A part of the text as it is shown; `kind` is None where nothing is marked."""

    text: str
    kind: Kind | None


@dataclass(frozen=True)
class Explanation:
    """The marks, none over another, in order, and the reasons in words."""

    marks: tuple[Mark, ...]
    reasons: tuple[str, ...]

    def pieces(self, text: str) -> list[Piece]:
        """The text cut at its marks."""
        found, at = [], 0
        for mark in self.marks:
            if at < mark.start:
                found.append(Piece(text[at : mark.start], None))
            found.append(Piece(text[mark.start : mark.end], mark.kind))
            at = mark.end
        return found + ([Piece(text[at:], None)] if at < len(text) else [])


def explain(text: str, drug: Span, reaction: Span, others: Sequence[Span] = ()) -> Explanation:
    """Why the reaction belongs to the drug; `others` are the spans of further medicines of the post."""
    if not text or max(drug.end, reaction.end) > len(text):
        return Explanation((), ("the places of the mention do not fit this text",))
    statement = Statement(text)
    named = 1 + len(others)
    marks = [Mark(drug.start, drug.end, "drug"), Mark(reaction.start, reaction.end, "reaction")]
    reasons = []
    drug, others = _spoken_of(statement, drug, reaction, others)
    if drug.start != marks[0].start:
        marks.append(Mark(drug.start, drug.end, "drug"))
        reasons.append(f"“{text[drug.start : drug.end]}” is read as another word for the drug")
    sentence, clause = statement.sentence(reaction.start), statement.clause(reaction.start)
    found = cues(_CUES)
    cued: dict[Kind, list[str]] = {}
    doubts: tuple[Kind, ...] = ("negation", "hypothetical")
    # Within the reaction's sentence: no cue reaches further.
    for kind in doubts:
        for match in found[kind].finditer(statement.lowered, sentence.start, sentence.end):
            if not any(match.start() < span.end and span.start < match.end() for span in (drug, reaction)):
                marks.append(Mark(match.start(), match.end(), kind))
                cued.setdefault(kind, []).append(match[0])
    cause = _cause(statement, drug, reaction, others)
    if cause is not None:
        marks.append(Mark(cause.start(), cause.end(), "cause"))
        reasons.append(f"the words between them say that one brought the other about: “{cause[0].strip()}”")
    if clause.start <= drug.start < clause.end:
        reasons.append("drug and reaction stand in one clause")
    elif sentence.start <= drug.start < sentence.end:
        reasons.append("drug and reaction stand in one sentence")
    elif drug.end <= reaction.start:
        reasons.append("the drug is named in a sentence before the reaction")
    else:
        reasons.append("the drug is named in a sentence after the reaction")
    reasons += _among(statement, drug, reaction, others, named)
    if treated(statement, drug, reaction.start, reaction.end, others, caused=cause is not None):
        reasons.append("by the rules in force now the drug is taken for this, or helps against it")
    stands = status(statement, widened(statement, reaction.start, reaction.end), reaction.end)
    if stands != "asserted":
        reasons.append(f"by the rules in force now the reaction is {stands}, and not asserted")
    else:
        for kind, word in zip(doubts, ("negation", "possibility"), strict=True):
            if words := dict.fromkeys(cued.get(kind, ())):
                reasons.append(f"{word} in the sentence, which does not reach the reaction: “{'”, “'.join(words)}”")
    return Explanation(_apart(marks), tuple(reasons))


def _spoken_of(statement: Statement, drug: Span, reaction: Span, others: Sequence[Span]) -> tuple[Span, Sequence[Span]]:
    """Where the text speaks of the medicine most closely to the reaction, by its name or a word for it; and of medicines else."""
    names = [Name(span, statement.between(span.start, span.end)) for span in (drug, *others)]
    links = resolve(statement, names)
    places = [drug, *others, *(link.anaphor.span for link in links)]
    own = [
        drug,
        *(link.anaphor.span for link in links if any(one.entity == names[0].entity for one in link.antecedents)),
    ]

    def tied(span: Span) -> float:
        return closeness(statement, span, reaction.start, reaction.end, [one for one in places if one != span])

    nearest = max(own, key=tied)
    return nearest, [span for span in places if span != nearest]


def _among(statement: Statement, drug: Span, reaction: Span, others: Sequence[Span], named: int) -> list[str]:
    """Why this medicine, of all that the text names."""
    if named == 1:
        return ["the text names no other drug that adrwatch knows"]
    everything = [drug, *others]
    scores = [
        closeness(statement, one, reaction.start, reaction.end, [other for other in everything if other != one])
        for one in everything
    ]
    if scores[0] == max(scores):
        return [f"of {named} drugs that the text names, this one is tied most closely to the reaction"]
    if joined(statement, drug, everything[scores.index(max(scores))]):
        return ["it stands side by side with the drug that is tied most closely to the reaction"]
    return ["by the rules in force now another drug of the text is tied more closely to the reaction"]


def _cause(statement: Statement, drug: Span, reaction: Span, others: Sequence[Span]) -> re.Match[str] | None:
    """The words by which the post says that the drug did it."""
    if not caused(statement, drug, reaction.start, reaction.end, others):
        return None
    found = cues(_CUES)
    if drug.end <= reaction.start:
        return found["causes"].search(statement.lowered, drug.end, reaction.start)
    return found["caused_by"].search(statement.lowered, reaction.end, drug.start)


def _apart(marks: Sequence[Mark]) -> tuple[Mark, ...]:
    """Those that do not lie over one that says more."""
    kept: list[Mark] = []
    for mark in sorted(marks, key=lambda one: (_ORDER.index(one.kind), one.start)):
        if mark.start < mark.end and not any(mark.start < one.end and one.start < mark.end for one in kept):
            kept.append(mark)
    return tuple(sorted(kept, key=lambda one: one.start))
