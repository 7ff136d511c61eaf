"""Candidates: concepts that a phrase may mean, each with the known phrase that speaks for it. One small interface.

`PhraseIndex` finds the phrases whose character n-grams are nearest, and measures each by Ratcliff and Obershelp, by which
Sboev et al. 2022 (paper 002) group mentions. A trained normaliser is another source (shared.vocabulary.normaliser).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shared.events import Concept
from shared.vocabulary.ngrams import TfIdf, character_ngrams, index_by_ngrams

SHORTEST, LONGEST = 2, 4
# Known phrases that are compared by Ratcliff and Obershelp, which is slow: those with the nearest n-grams.
NEAREST = 40
# Mentions of one group are alike by this much in paper 002.
ALIKE = 0.8


@dataclass(frozen=True, slots=True)
class Candidate:
    """A concept that a phrase may mean. `score` is 0 to 1; `phrase` is the known phrase that speaks for it, if one does."""

    concept: Concept
    score: float
    source: str
    phrase: str = ""


@dataclass(frozen=True, slots=True)
class Near:
    """A known phrase near to a phrase: cosine of n-grams and Ratcliff/Obershelp similarity, both 0 to 1."""

    phrase: str
    concept: Concept
    cosine: float
    similarity: float


class PhraseIndex:
    """Known phrases by their character n-grams. The index is made at the first question."""

    def __init__(self, phrases: Iterable[tuple[str, Concept]]) -> None:
        """Phrases are normal already: `" ".join(words(phrase))`."""
        self._phrases = list(phrases)

    def near(self, normal: str, limit: int = NEAREST) -> list[Near]:
        """The nearest known phrases by cosine, the nearest first; none that shares no n-gram."""
        weighting, _ = self._index
        columns, weights = weighting.row(character_ngrams(normal, SHORTEST, LONGEST))
        cosines = self._cosines(columns, weights)
        if not len(cosines):
            return []
        chosen = np.argpartition(-cosines, min(limit, len(cosines) - 1))[:limit]
        # Equal cosines in the order of the phrases, so that the answer is always the same.
        chosen = chosen[np.lexsort((chosen, -cosines[chosen]))]
        # Obershelp's matcher keeps its second sequence, the first is changed.
        matcher = SequenceMatcher(None, autojunk=False)
        matcher.set_seq2(normal)
        found = []
        for index in chosen:
            if cosines[index] <= 0:
                break
            phrase, concept = self._phrases[index]
            matcher.set_seq1(phrase)
            found.append(Near(phrase, concept, min(1.0, float(cosines[index])), matcher.ratio()))
        return found

    def _cosines(self, columns: NDArray[np.intp], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of every known phrase, by the few columns that the question has."""
        cosines = np.zeros(len(self._phrases), dtype=np.float32)
        _, by_feature = self._index
        for column, weight in zip(columns, weights, strict=True):
            part = slice(by_feature.indptr[column], by_feature.indptr[column + 1])
            cosines[by_feature.indices[part]] += by_feature.data[part] * weight
        return cosines

    @cached_property
    def _index(self) -> tuple[TfIdf, sparse.csc_array]:
        """The weighting, and the phrases' weights by feature."""
        return index_by_ngrams([phrase for phrase, _ in self._phrases], SHORTEST, LONGEST)
