"""Ranks the known phrases near to a phrase by a few plain features, weighed by the logistic function of `rank.toml`.

A negated phrase and one that is not never meet ("not tired" is no fatigue). What is found by whole phrases only is no candidate.
"""

from __future__ import annotations

import math
import tomllib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from shared.errors import AdrwatchError
from shared.events import Concept
from shared.vocabulary.candidates import ALIKE, Candidate, Near, PhraseIndex
from shared.vocabulary.phrases import negated, normal_form, stems
from shared.vocabulary.reactions import EXACT_ONLY

FILE = Path(__file__).parent / "rank.toml"
FEATURES = ("cosine", "similarity", "alike", "covered", "covering", "support")


@dataclass(frozen=True, slots=True)
class Weights:
    """A weight for each of FEATURES, the constant, and the score below which nothing is said."""

    weights: tuple[float, ...]
    constant: float
    threshold: float

    @classmethod
    def load(cls, path: Path = FILE) -> Weights:
        """Read a file of weights. Raises AdrwatchError where it has another form."""
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
            listed = tuple(float(table["weights"][name]) for name in FEATURES)
            return cls(listed, float(table["constant"]), float(table["threshold"]))
        except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
            raise AdrwatchError(
                f"{path} is no file of weights: {error}", fix="`adrwatch train rank` writes one"
            ) from None


def measure(normal: str, near: Iterable[Near]) -> list[tuple[Near, tuple[float, ...]]]:
    """Known phrases that are candidates for a phrase, each with its features in the order of FEATURES, 0 to 1.

    `alike`: the similarity is that of one group in paper 002; `covered`: the share of the phrase's stems that the known
    one has; `covering`: the share of the known phrase's stems that this one has; `support`: the share of all cosines that
    goes to known phrases of the same concept.
    """
    asked = normal.split()
    kept = [
        known
        for known in near
        if known.concept.id not in EXACT_ONLY and negated(asked) == negated(known.phrase.split())
    ]
    votes: defaultdict[str, float] = defaultdict(float)
    for known in kept:
        votes[known.concept.id] += known.cosine
    total, ours = sum(votes.values()), stems(asked)
    return [(known, _features(ours, known, votes[known.concept.id] / total)) for known in kept]


def _features(ours: frozenset[str], known: Near, support: float) -> tuple[float, ...]:
    theirs = stems(known.phrase.split())
    both = len(ours & theirs)
    return (
        known.cosine,
        known.similarity,
        float(known.similarity > ALIKE),
        both / max(1, len(ours)),
        both / max(1, len(theirs)),
        support,
    )


class Ranker:
    """A source of candidates: the nearest known phrases, the best one of each concept."""

    def __init__(self, phrases: Iterable[tuple[str, Concept]], weights: Weights) -> None:
        self._index = PhraseIndex(phrases)
        self._weights = weights

    def sure(self, phrase: str) -> Candidate | None:
        """The best candidate, where it is alike (paper 002) and its score reaches the threshold; else None: never a guess."""
        ranked = self._ranked(normal_form(phrase))
        if not ranked:
            return None
        best, alike = ranked[0]
        return best if alike and best.score >= self._weights.threshold else None

    def candidates(self, phrase: str, limit: int = 5) -> list[Candidate]:
        """At most `limit` concepts, the likeliest first."""
        return [candidate for candidate, _ in self._ranked(normal_form(phrase))[:limit]]

    def _ranked(self, normal: str) -> list[tuple[Candidate, bool]]:
        best: dict[str, tuple[Candidate, bool]] = {}
        for near, features in measure(normal, self._index.near(normal)):
            score = self._score(features)
            if near.concept.id not in best or score > best[near.concept.id][0].score:
                candidate = Candidate(near.concept, score, "near", near.phrase)
                best[near.concept.id] = candidate, near.similarity > ALIKE
        return sorted(best.values(), key=lambda found: (-found[0].score, found[0].concept.id))

    def _score(self, features: tuple[float, ...]) -> float:
        weighed = zip(self._weights.weights, features, strict=True)
        return 1 / (1 + math.exp(-self._weights.constant - sum(weight * value for weight, value in weighed)))
