"""Which medicine each word for a medicine means: mention ranking over the medicines that the post named before it.

Ordinals and "the other one" follow the order of naming; everything else goes to the candidate with the most points (the ranking of
Denis and Baldridge 2008, with points that were set by hand: docs/attribution.md tells what learned ones gave).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

from shared.assertion.text import Statement
from shared.assertion.anaphora import PLACES, Anaphor, anaphora, classes, cue
from shared.events import Span

# Characters before and after a name in which it is said what became of it.
_BEFORE, _AFTER = 32, 48
_IS = re.compile(r"(?:'s|\s+(?:is|was|are|were))\s+(?:my |the |now )?#?")
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
    """A word for a medicine, and the medicines that it means: more than one for "both"."""

    anaphor: Anaphor
    entities: tuple[Hashable, ...]


@dataclass(slots=True)
class Candidate:
    """A medicine named so far: its names, and where it was last spoken of (by a name or a word for it)."""

    entity: Hashable
    label: str
    names: list[Span] = field(default_factory=list)
    last: int = 0


def resolve(statement: Statement, names: Iterable[Name]) -> list[Link]:
    """The words for medicines that can be told, in the order of the text. Nothing where fewer than two medicines are named."""
    named = sorted(names, key=lambda name: name.span.start)
    if len({name.entity for name in named}) < 2:
        return []
    links: list[Link] = []
    candidates: dict[Hashable, Candidate] = {}
    waiting = list(named)
    for anaphor in anaphora(statement):
        while waiting and waiting[0].span.end <= anaphor.span.start:
            name = waiting.pop(0)
            candidate = candidates.setdefault(name.entity, Candidate(name.entity, name.label.lower()))
            candidate.names.append(name.span)
            candidate.last = name.span.start
        if _names_itself(statement, anaphor, named):
            continue
        meant = _meant(statement, anaphor, list(candidates.values()), named)
        for entity in meant:
            candidates[entity].last = anaphor.span.start
        if meant:
            links.append(Link(anaphor, meant))
    return links


def _names_itself(statement: Statement, anaphor: Anaphor, named: Sequence[Name]) -> bool:
    """Whether the words hold a name, or one is given right after them: "the zoloft pill", "the new one is zoloft"."""
    return any(
        anaphor.span.start < name.span.end
        and (name.span.start < anaphor.span.end or _IS.fullmatch(statement.between(anaphor.span.end, name.span.start)))
        for name in named
    )


def clusters(names: Sequence[Name], links: Sequence[Link]) -> list[list[Span]]:
    """Spans that mean one medicine, in order; medicines with one span are left out. "Both" belongs to no cluster."""
    found: dict[Hashable, set[Span]] = {}
    for name in names:
        found.setdefault(name.entity, set()).add(name.span)
    for link in links:
        if len(link.entities) == 1:
            found.setdefault(link.entities[0], set()).add(link.anaphor.span)
    return [sorted(spans, key=lambda span: span.start) for spans in found.values() if len(spans) > 1]


def _meant(
    statement: Statement, anaphor: Anaphor, candidates: Sequence[Candidate], named: Sequence[Name]
) -> tuple[Hashable, ...]:
    if not candidates:
        return ()
    if anaphor.kind == "all":
        return tuple(candidate.entity for candidate in candidates) if len(candidates) > 1 else ()
    if anaphor.kind == "place":
        place = next(PLACES[word] for word in anaphor.says if word in PLACES)
        return (candidates[place].entity,) if place < len(candidates) > 1 else ()
    if anaphor.kind == "other":
        return _other(statement, anaphor, candidates, named)
    best = max(candidates, key=lambda one: (score(features(statement, anaphor, one, candidates)), one.last))
    return (best.entity,)


def _other(
    statement: Statement, anaphor: Anaphor, candidates: Sequence[Candidate], named: Sequence[Name]
) -> tuple[Hashable, ...]:
    """The one of two that its sentence does not speak of, or that was not spoken of last."""
    sentence = statement.sentence(anaphor.span.start)
    here = {name.entity for name in named if sentence.start <= name.span.start < sentence.end}
    rest = [one for one in candidates if one.entity not in here]
    if len(rest) != 1:
        rest = [one for one in candidates if one.last < max(other.last for other in candidates)]
    return (rest[0].entity,) if len(rest) == 1 else ()


def score(found: dict[str, float]) -> float:
    """The sum of points."""
    return sum(POINTS[name] * value for name, value in found.items())


def features(
    statement: Statement, anaphor: Anaphor, candidate: Candidate, candidates: Sequence[Candidate]
) -> dict[str, float]:
    """What speaks for and against a candidate. `recent`: spoken of last. `left`: given up, or did not do. `new`: taken up.
    `aside`: in a phrase beside what the clause is about. `told`: words of the anaphor stand
    beside its name. `old`: left, and an old one is meant.
    """
    name = candidate.names[-1]
    before = statement.between(max(statement.sentence(name.start).start, name.start - _BEFORE), name.start).rstrip(" #")
    after = statement.between(name.end, min(name.end + _AFTER, anaphor.span.start))
    left = bool(_ends("left_before").search(before) or _starts("left_after").match(after))
    return {
        "recent": candidate.last == max(other.last for other in candidates),
        "left": left,
        "new": bool(_ends("new").search(before)),
        "aside": bool(_ends("aside").search(before)),
        "told": _told(statement, anaphor, candidate, candidates),
        "old": left and "old" in anaphor.says,
    }


def _told(statement: Statement, anaphor: Anaphor, candidate: Candidate, candidates: Sequence[Candidate]) -> bool:
    """Whether what was said of the medicine, up to the next one, has words of the anaphor."""
    sought = anaphor.says - {"old", "new"}
    name = candidate.names[0]
    ends = [other.names[0].start for other in candidates if other.names[0].start >= name.end]
    end = min([*ends, statement.sentence(name.start).end, anaphor.span.start])
    said, itself = statement.between(name.end, end), f"{statement.between(name.start, name.end)} {candidate.label}"
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
