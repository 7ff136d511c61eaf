"""Scores of whole mentions, and which type is taken for which.

A mention is its type and the set of its fragments, so that strictly a discontinuous one is found only as a whole (Dai et al.
2020): `shared.scores.strict` over tuples of fragments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from shared.corpora.readers import Mention, Place
from shared.scores import Counts

Places = tuple[Place, ...]
NONE = "none"


def overlapping(predicted: Iterable[Places], gold: Iterable[Places]) -> Counts:
    """Any common character of any fragments, as #SMM4H's relaxed score."""
    ours, theirs = set(predicted), set(gold)
    hits = sum(any(shared(a, b) for b in theirs) for a in ours)
    found = sum(any(shared(a, b) for a in ours) for b in theirs)
    return Counts(hits, found, len(ours), len(theirs))


def shared(one: Places, other: Places) -> int:
    """Number of characters that both hold."""
    return sum(max(0, min(a[1], b[1]) - max(a[0], b[0])) for a in one for b in other)


def places(mentions: Iterable[Mention], kind: str) -> list[Places]:
    """The fragments of each mention of a type."""
    return [mention.places for mention in mentions if mention.type == kind]


def discontinuous(mentions: Iterable[Places]) -> list[Places]:
    """Those of more than one fragment."""
    return [fragments for fragments in mentions if len(fragments) > 1]


@dataclass(frozen=True, slots=True)
class Pairing:
    """A gold mention and the predicted one that it is compared with; None where there is none on that side."""

    gold: Mention | None
    predicted: Mention | None

    @property
    def types(self) -> tuple[str, str]:
        """Gold and predicted type, `none` for a side without a mention."""
        return (self.gold.type if self.gold else NONE, self.predicted.type if self.predicted else NONE)


def pairings(predicted: Sequence[Mention], gold: Sequence[Mention]) -> list[Pairing]:
    """Every gold mention with the predicted one that shares most characters, and every predicted one that meets no gold one.

    One of the same type is preferred, however little it shares: models may give several types to the same words.
    """

    def closeness(mention: Mention) -> Callable[[Mention], tuple[bool, int]]:
        return lambda other: (other.type == mention.type, shared(mention.places, other.places))

    found = []
    for mention in gold:
        near = [other for other in predicted if shared(mention.places, other.places)]
        found.append(Pairing(mention, max(near, key=closeness(mention), default=None)))
    for mention in predicted:
        if not any(shared(mention.places, other.places) for other in gold):
            found.append(Pairing(None, mention))
    return found


def confusion(pairs: Iterable[Pairing], types: Sequence[str]) -> list[list[int]]:
    """Counts [gold type or none, predicted type or none], in the order of `types` and then none."""
    names = [*types, NONE]
    counts = Counter(pair.types for pair in pairs)
    return [[counts[gold, predicted] for predicted in names] for gold in names]
