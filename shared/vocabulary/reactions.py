"""Finds the preferred concept of a reaction as people write it, or none: what is not known is never guessed.

The cascade, from strict to loose: the phrase itself, or without words at its ends that say nothing; its stems; the same with
misspelt words mended; its longest part that is known. A part is not taken out of a negated phrase: "not tired" is no fatigue.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rapidfuzz import process
from rapidfuzz.distance import OSA

from shared.events import UNMAPPED, Concept
from shared.vocabulary.phrases import KNOWN, negated, stems, telling, without_empty_ends, words
from shared.vocabulary.table import DATA, read

FILE = DATA / "reactions.tsv.xz"
NONE = Concept(UNMAPPED, UNMAPPED)

# The cascade's own steps, then those of shared.vocabulary.normaliser.
How = Literal["phrase", "stems", "spelling", "part", "none", "trained", "ranked"]
# A misspelt word has one wrong letter from 5 letters on, two from 10; shorter words are too close to one another.
_ONE_EDIT, _TWO_EDITS = 5, 10
_LONGEST_PART = 8
# Found only by a phrase as it stands: "felt like death" and "dead tired" are no deaths.
EXACT_ONLY = frozenset({"ADRW:0009"})
# Feeling bad, and "crazy": a part that says more is preferred ("fucks up my sleep", "crazy dreams").
VAGUE = frozenset({"HP:0033834", "HP:0000709"})
# Reactions are phrases. A longer span is a sentence, in which a part would be guessing.
_LONGEST = 25
_CACHED = 16_384


@dataclass(frozen=True, slots=True)
class Match:
    """A concept and the step of the cascade that found it."""

    concept: Concept
    how: How


class ReactionVocabulary:
    """Phrases and their concepts. `release` tells which build of the vocabulary it is."""

    def __init__(self, rows: Iterable[tuple[str, Concept, int]], release: str) -> None:
        """Rows are phrase, concept and rank: the lower rank wins where two concepts share a phrase."""
        self.release = release
        self._phrases: dict[str, Concept] = {}
        self._stems: dict[frozenset[str], Concept] = {}
        self._labels: dict[str, Concept] = {}
        known: set[str] = set()
        reduced: list[tuple[int, int, bool, str, frozenset[str]]] = []
        for phrase, concept, rank in sorted(rows, key=lambda row: (row[2], row[1].id, row[0])):
            listed = words(phrase)
            self._phrases.setdefault(" ".join(listed), concept)
            self._labels.setdefault(concept.id, concept)
            known.update(listed)
            found = stems(listed)
            if concept.id not in EXACT_ONLY and telling(found):
                reduced.append((rank, len(listed) - len(found), sorted(found) != sorted(listed), concept.id, found))
        # Where phrases of two concepts have the same stems, the one that lost least in the reduction keeps them.
        for *_, key, found in sorted(reduced, key=lambda row: row[:4]):
            self._stems.setdefault(found, self._labels[key])
        self._spelling = _Speller(known | KNOWN)
        self._cached = functools.lru_cache(maxsize=_CACHED)(self._match)

    @classmethod
    def load(cls, path: Path = FILE) -> ReactionVocabulary:
        """Read the vocabulary that adrwatch ships with, or another of its form: phrase, id, label, rank."""
        release, rows = read(path, 4)
        return cls(((phrase, Concept(key, label), int(rank)) for phrase, key, label, rank in rows), release)

    def __len__(self) -> int:
        return len(self._phrases)

    def concept(self, key: str) -> Concept | None:
        """The concept of an id such as `HP:0002018`, or None."""
        return self._labels.get(key)

    def phrases(self) -> Iterator[tuple[str, Concept]]:
        """Every phrase in its normal form, with its concept."""
        yield from self._phrases.items()

    def concepts_of_parts(self, phrase: str, longest: int = 3) -> list[str]:
        """Ids of the concepts that parts of a phrase name, parts of at most `longest` words; sorted."""
        listed = words(phrase)
        parts = (
            listed[start : start + size] for size in range(1, longest + 1) for start in range(len(listed) - size + 1)
        )
        return sorted({direct.concept.id for part in parts if (direct := self._direct(part))})

    def match(self, phrase: str) -> Match:
        """The preferred concept of a reaction as written, `unmapped` where none is sure."""
        return self._cached(" ".join(words(phrase)))

    def _match(self, normal: str) -> Match:
        listed = normal.split()
        if not listed or len(listed) > _LONGEST:
            return Match(NONE, "none")
        direct = self._direct(listed)
        if direct:
            return direct
        mended = [self._spelling.mend(word) for word in listed]
        if mended != listed and (direct := self._direct(mended)):
            return Match(direct.concept, "spelling")
        return self._longest_part(mended) if not negated(mended) else Match(NONE, "none")

    def _longest_part(self, listed: list[str]) -> Match:
        vague: Match | None = None
        for part in _parts(listed):
            direct = self._direct(part)
            if direct and direct.concept.id not in EXACT_ONLY:
                if direct.concept.id not in VAGUE:
                    return Match(direct.concept, "part")
                vague = vague or Match(direct.concept, "part")
        return vague or Match(NONE, "none")

    def _direct(self, listed: list[str]) -> Match | None:
        for part in without_empty_ends(listed):
            concept = self._phrases.get(" ".join(part))
            if concept and (part == listed or concept.id not in EXACT_ONLY):
                return Match(concept, "phrase")
        concept = self._stems.get(stems(listed))
        return Match(concept, "stems") if concept else None


def _parts(listed: list[str]) -> Iterator[list[str]]:
    """Contiguous parts of a phrase, the longest first; among equals the last, where English has the head."""
    for size in range(min(len(listed) - 1, _LONGEST_PART), 0, -1):
        for start in range(len(listed) - size, -1, -1):
            yield listed[start : start + size]


class _Speller:
    """Mends words that are close to exactly one word of the vocabulary with the same first letter."""

    def __init__(self, known: set[str]) -> None:
        self._known = known
        self._by_start: dict[tuple[str, int], list[str]] = defaultdict(list)
        for word in sorted(known):
            self._by_start[word[0], len(word)].append(word)

    def mend(self, word: str) -> str:
        if word in self._known or len(word) < _ONE_EDIT:
            return word
        edits = 2 if len(word) >= _TWO_EDITS else 1
        near = [w for size in range(-edits, edits + 1) for w in self._by_start[word[0], len(word) + size]]
        best = process.extractOne(word, near, scorer=OSA.distance, score_cutoff=edits)
        return str(best[0]) if best else word


@functools.cache
def default_vocabulary() -> ReactionVocabulary:
    """The vocabulary of this process, loaded once."""
    return ReactionVocabulary.load()
