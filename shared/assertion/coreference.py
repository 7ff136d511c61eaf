"""Which medicine each word for a medicine means: mention ranking over the medicines that the post named before it.

Ordinals and "the other one" follow the order of naming; everything else goes to the candidate with the most points (the ranking of
Denis and Baldridge 2008, with points that were set by hand: docs/attribution.md tells what learned ones gave).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.assertion.anaphora import PLACES, Anaphor, anaphora, classes, cue
from shared.assertion.text import Statement
from shared.events import Span

# Characters before and after a name in which it is said what became of it.
_BEFORE, _AFTER = 32, 48
_FOR = re.compile(r"\s+(?:out )?(?:for|with)\b")
_IS = re.compile(r"(?:'s|\s+(?:is|was|are|were))\s+(?:my |the |now )?#?")
# Words that tell by what became of a medicine, and not by what was said of it.
_STAGES = frozenset({"old", "new"})
_TWO = frozenset({"both", "two"})
# What speaks for a candidate and against it, in points: the highest sum wins, of equals the one that was spoken of last.
POINTS = {"recent": 1.0, "left": -2.0, "new": 0.5, "aside": -1.2, "told": 3.0, "old": 4.0}


@dataclass(frozen=True, slots=True)
class Name:
    """A medicine named at `span`; names of one medicine have one `entity`. `label`: its ingredient, where it is known."""

    span: Span
    entity: Hashable
    label: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A word for a medicine, and the last names before it of the medicines that it means: more than one for "both"."""

    anaphor: Anaphor
    antecedents: tuple[Name, ...]


@dataclass(slots=True)
class Candidate:
    """A medicine named so far: its first and its latest name, and where it was last spoken of, by a name or a word for it."""

    first: Name
    name: Name
    last: int


def resolve(statement: Statement, names: Iterable[Name]) -> list[Link]:
    """The words for medicines that can be told, in the order of the text. Nothing where fewer than two medicines are named."""
    named = sorted(names, key=lambda name: name.span.start)
    if len({name.entity for name in named}) < 2:
        return []
    links: list[Link] = []
    candidates: dict[Hashable, Candidate] = {}
    at = 0
    for anaphor in anaphora(statement):
        while at < len(named) and named[at].span.end <= anaphor.span.start:
            name = named[at]
            candidate = candidates.setdefault(name.entity, Candidate(name, name, 0))
            candidate.name, candidate.last = name, name.span.start
            at += 1
        if at < len(named) and _names_itself(statement, anaphor, named[at]):
            continue
        meant = _meant(statement, anaphor, list(candidates.values()), named)
        for candidate in meant:
            candidate.last = anaphor.span.start
        if meant:
            links.append(Link(anaphor, tuple(candidate.name for candidate in meant)))
    return links


def clusters(names: Sequence[Name], links: Sequence[Link]) -> list[list[Span]]:
    """Spans that mean one medicine, in order; medicines with one span are left out. "Both" belongs to no cluster."""
    found: dict[Hashable, set[Span]] = {}
    for name in names:
        found.setdefault(name.entity, set()).add(name.span)
    for link in links:
        if len(link.antecedents) == 1:
            found.setdefault(link.antecedents[0].entity, set()).add(link.anaphor.span)
    return [sorted(spans, key=lambda span: span.start) for spans in found.values() if len(spans) > 1]


def _names_itself(statement: Statement, anaphor: Anaphor, following: Name) -> bool:
    """Whether the words hold a name, or one is given right after them: "the zoloft pill", "the new one is zoloft"."""
    between = statement.between(anaphor.span.end, following.span.start)
    return following.span.start < anaphor.span.end or _IS.fullmatch(between) is not None


def _meant(
    statement: Statement, anaphor: Anaphor, candidates: Sequence[Candidate], named: Sequence[Name]
) -> Sequence[Candidate]:
    if not candidates:
        return ()
    if anaphor.kind == "all":
        latest = sorted(candidates, key=lambda one: one.last)[-2:] if anaphor.says & _TWO else candidates
        return latest if len(latest) > 1 else ()
    if anaphor.kind == "place":
        place = next(PLACES[word] for word in anaphor.says if word in PLACES)
        return (candidates[place],) if place < len(candidates) > 1 else ()
    if anaphor.kind == "other":
        return _other(statement, anaphor, candidates, named)

    def rank(one: Candidate) -> tuple[float, int]:
        return points(features(statement, anaphor, one, candidates)), one.last

    return (max(candidates, key=rank),)


def _other(
    statement: Statement, anaphor: Anaphor, candidates: Sequence[Candidate], named: Sequence[Name]
) -> Sequence[Candidate]:
    """The one of two that its sentence does not speak of, or that was not spoken of last."""
    sentence = statement.sentence(anaphor.span.start)
    here = {name.entity for name in named if sentence.start <= name.span.start < sentence.end}
    rest = [one for one in candidates if one.name.entity not in here]
    if len(rest) != 1:
        latest = max(one.last for one in candidates)
        rest = [one for one in candidates if one.last < latest]
    return rest if len(rest) == 1 else ()


def points(found: Mapping[str, bool]) -> float:
    """The sum of what speaks for a candidate and against it."""
    return sum(POINTS[name] for name, holds in found.items() if holds)


def features(
    statement: Statement, anaphor: Anaphor, candidate: Candidate, candidates: Sequence[Candidate]
) -> dict[str, bool]:
    """What speaks for and against a candidate. `recent`: spoken of last. `left`: given up, or did not do. `new`: taken up.
    `aside`: in a phrase beside what the clause is about. `told`: words of the anaphor stand beside its name, or name its class.
    `old`: left, and an old one is meant.
    """
    span = candidate.name.span
    before = statement.between(max(statement.sentence(span.start).start, span.start - _BEFORE), span.start)
    before = before.rstrip(" #")
    after = statement.between(span.end, min(span.end + _AFTER, anaphor.span.start))
    exchanged = _FOR.match(after) and _ends("exchanged").search(before)
    left = bool(exchanged or _ends("left_before").search(before) or _starts("left_after").match(after))
    return {
        "recent": all(other.last <= candidate.last for other in candidates),
        "left": left,
        "new": bool(_ends("new").search(before)),
        "aside": bool(_ends("aside").search(before)),
        "told": _told(statement, anaphor, candidate, candidates),
        "old": left and "old" in anaphor.says,
    }


def _told(statement: Statement, anaphor: Anaphor, candidate: Candidate, candidates: Sequence[Candidate]) -> bool:
    """Whether what was said of the medicine, up to the next one, has words of the anaphor, or its name those of a class."""
    sought = anaphor.says - _STAGES
    if not sought:
        return False
    first = candidate.first.span
    ends = [other.first.span.start for other in candidates if other.first.span.start >= first.end]
    said = statement.between(first.end, min([*ends, statement.sentence(first.start).end, anaphor.span.start]))
    itself = f"{statement.between(first.start, first.end)} {candidate.first.label.lower()}"
    return any(re.search(rf"\b{re.escape(word)}", said) or _of_class(word, itself) for word in sought)


def _of_class(word: str, name: str) -> bool:
    """Whether a medicine's name ends as those of a class do: "simvastatin" is a "statin"."""
    stems = classes().get(word.removesuffix("s"))
    return stems is not None and stems.search(name) is not None


@functools.cache
def _ends(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^|\W)(?:{cue(name)})(?:\s+(?:my|the|some|a|an|her|his))?$")


@functools.cache
def _starts(name: str) -> re.Pattern[str]:
    return re.compile(rf"\s*(?:{cue(name)})")
