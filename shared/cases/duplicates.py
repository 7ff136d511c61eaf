"""Cases that may be of the same patient and reaction. Flagged for a person, never decided, never deleted. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from shared.cases.model import Case, Flag
from shared.cases.sketch import NUMBERS, numbers
from shared.events import UNMAPPED

# Two reports of one reaction by one patient come rarely further apart; a person may ask for another number.
DAYS = 14
# From this share of words in common on, two posts are similar. In the pairs that we wrote (tests/unit/cases/near_pairs.py) it is
# 0.60 and more for one report in other words, 0.27 and less for two reports: 0.5 leaves two standard errors of the estimate below
# the former, five above the latter.
SIMILAR = 0.5
ONE_POST, ONE_AUTHOR, SAME_WORDS, SIMILAR_WORDS = "one post", "one author", "the same words", "similar words"


class Marks(msgspec.Struct, frozen=True):
    """What is known of a post: when it was written, the keyed hash of its author, the fingerprint and the sketch of its words."""

    at: datetime | None = None
    author: str | None = None
    fingerprint: str | None = None
    sketch: bytes | None = None


class Trace(NamedTuple):
    """What cases are held against each other by: the hash of the post, the drug's id, and the post's marks."""

    case: str
    drug: str
    post: str
    author: str | None
    fingerprint: str | None
    sketch: bytes | None


class Pair(NamedTuple):
    """Two cases that may be one, the one that was looked at first in front, and why."""

    first: str
    second: str
    reasons: tuple[str, ...]
    similarity: float | None


class Suspicion(msgspec.Struct, frozen=True):
    """Two cases, the earlier first, why they may be one, and whether a person linked them. `similarity`: of the words, 0 to 1."""

    first: str
    second: str
    reasons: tuple[str, ...]
    linked: bool
    similarity: float | None = None


def pairs(traces: Iterable[Trace], wanted: Collection[str] | None = None) -> Iterator[Pair]:
    """Pairs of cases that may be one; only those whose second case is `wanted`. `traces` in the order of opening.

    Of several cases that share a post, an author or all words, each is held against the one before it, so that all hang together;
    of those with similar words, against the most similar one. Similar words are looked for among cases of one drug, for a post is
    seldom told again with another one: the work grows with the cases of a drug, not with all.
    """
    latest: dict[tuple[str, str], str] = {}
    blocks: defaultdict[str, _Block] = defaultdict(_Block)
    for trace in traces:
        keys = {
            reason: (reason, value)
            for reason, value in ((ONE_POST, trace.post), (ONE_AUTHOR, trace.author), (SAME_WORDS, trace.fingerprint))
            if value is not None
        }
        if wanted is None or trace.case in wanted:
            found: defaultdict[str, list[str]] = defaultdict(list)
            for reason, key in keys.items():
                if key in latest:
                    found[latest[key]].append(reason)
            near = None
            if trace.sketch is not None and keys.get(SAME_WORDS) not in latest:
                near = blocks[trace.drug].nearest(trace.sketch)
            if near is not None:
                found[near[0]].append(SIMILAR_WORDS)
            for other, reasons in found.items():
                yield Pair(other, trace.case, tuple(reasons), near[1] if near and near[0] == other else None)
        latest |= dict.fromkeys(keys.values(), trace.case)
        if trace.sketch is not None:
            blocks[trace.drug].add(trace.case, trace.sketch)


class _Block:
    """The sketches of the cases of one drug."""

    def __init__(self) -> None:
        self._cases: list[str] = []
        self._numbers: NDArray[np.uint32] = np.empty((16, NUMBERS), dtype=np.uint32)

    def add(self, case: str, sketch: bytes) -> None:
        """Take in a case."""
        if len(self._cases) == len(self._numbers):
            self._numbers = np.concatenate([self._numbers, np.empty_like(self._numbers)])
        self._numbers[len(self._cases)] = numbers(sketch)
        self._cases.append(case)

    def nearest(self, sketch: bytes) -> tuple[str, float] | None:
        """The most similar case, the latest of several, with its similarity; None where none is similar."""
        if not self._cases:
            return None
        # From the latest on, for of equals the first is taken.
        agree = np.count_nonzero(self._numbers[: len(self._cases)] == numbers(sketch), axis=1)[::-1]
        best = int(np.argmax(agree))
        similarity = round(float(agree[best]) / NUMBERS, 2)
        return (self._cases[-1 - best], similarity) if similarity >= SIMILAR else None


def flagged(case: Case, other: str, pair: Pair) -> Case:
    """The case with the flag that a pair gives it; reasons that it had for the same other case stay."""
    before = next((flag for flag in case.flags if flag.case == other), Flag(other, ()))
    reasons = tuple(dict.fromkeys((*before.reasons, *pair.reasons)))
    flag = Flag(other, reasons, before.similarity if pair.similarity is None else pair.similarity)
    kept = [each for each in case.flags if each.case != other]
    return msgspec.structs.replace(case, flags=tuple(sorted((*kept, flag), key=lambda each: each.case)))


def because(reasons: Sequence[str], similarity: float | None) -> str:
    """Why two cases may be one, for people."""
    return ", ".join(
        f"{reason} ({similarity:.2f})" if reason == SIMILAR_WORDS and similarity is not None else reason
        for reason in reasons
    )


def suspicions(cases: Iterable[Case], written: Mapping[str, datetime], days: int = DAYS) -> list[Suspicion]:
    """Pairs of cases that are flagged, that are linked, or that have drug and reaction within `days`; the latest case first.

    `written`: when the posts were written, by case; where that is not known, the time of opening stands in. Of several cases with
    one drug and reaction, each is held against the one before it.
    """
    order = sorted(cases, key=lambda case: (case.opened_at, case.id))
    place = {case.id: number for number, case in enumerate(order)}
    reasons: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    similarities: dict[tuple[str, str], float | None] = {}
    linked = set()
    for case in order:
        for flag in case.flags:
            if place.get(flag.case, len(place)) < place[case.id]:
                reasons[flag.case, case.id] += flag.reasons
                similarities[flag.case, case.id] = flag.similarity
        linked |= {(other, case.id) for other in case.duplicates if place.get(other, len(place)) < place[case.id]}
    for one, other in _named_alike(order, written, timedelta(days=days)):
        first, second = sorted((one, other), key=place.__getitem__)
        reasons[first, second].append(f"drug and reaction within {days} days")
    found = [
        Suspicion(*pair, tuple(reasons.get(pair, ())), pair in linked, similarities.get(pair))
        for pair in reasons.keys() | linked
    ]
    return sorted(found, key=lambda one: (place[one.second], place[one.first]), reverse=True)


def _named_alike(
    cases: Iterable[Case], written: Mapping[str, datetime], within: timedelta
) -> Iterator[tuple[str, str]]:
    before: dict[Hashable, tuple[datetime, str]] = {}
    for at, name, case in sorted((written.get(case.id, case.opened_at), case.id, case) for case in cases):
        if UNMAPPED in (case.drug.id, case.reaction.id):
            continue
        key = (case.drug.id, case.reaction.id)
        if key in before and at - before[key][0] <= within:
            yield before[key][1], name
        before[key] = (at, name)
