"""Finds medicines in a post by their names: brands, ingredients, misspellings, common vaccines; hashtags and possessives.

One pass of an Aho-Corasick automaton over the lower-cased post (Aho and Corasick 1975), then the longest names at word
boundaries, from left to right.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path

import ahocorasick
import msgspec

from shared.events import Concept, Span
from shared.text.clean import model_text
from shared.vocabulary.context import near
from shared.vocabulary.table import DATA, read

FILE = DATA / "drugs.tsv.xz"
# Short names may not run into a dose ("seroquel300") or take a plural: "yaz2" and "mmrs" are something else.
_LONG = 5
_STRAIGHT = str.maketrans("’‘–—\u00a0", "''-- ")


class DrugMention(msgspec.Struct, frozen=True):
    """A medicine named in a post: characters `span` of its text, and the ingredient."""

    span: Span
    concept: Concept


class DrugLexicon:
    """Names of medicines. `release` tells which build of the lexicon it is.

    `needing`: names that count only in a medicine's context (`context.py`). `own`: the version of the team's own list in it; empty
    without one. `spaced`: false for posts that are written without spaces, in which any Chinese letter ends a name.
    """

    def __init__(
        self,
        names: Iterable[tuple[str, Concept]],
        release: str,
        needing: Collection[str] = (),
        own: str = "",
        *,
        spaced: bool = True,
    ) -> None:
        self.release = release
        self.own = own
        self._spaced = spaced
        self._names = dict(names)
        self._needing = frozenset(needing)
        self._automaton = ahocorasick.Automaton()
        for name, concept in self._names.items():
            self._automaton.add_word(name, (name, concept))
        self._automaton.make_automaton()

    @classmethod
    def load(cls, path: Path = FILE) -> DrugLexicon:
        """Read the lexicon that adrwatch ships with, or another of its form: name, id, label."""
        release, rows = read(path, 3)
        return cls(((name, Concept(key, label)) for name, key, label in rows), release)

    def __len__(self) -> int:
        return len(self._automaton)

    def rows(self) -> Iterator[tuple[str, Concept]]:
        """Every name, lower case, with its ingredient."""
        yield from self._names.items()

    def concept(self, name: str) -> Concept | None:
        """The ingredient of one name, lower case, or None."""
        return self._names.get(name)

    @property
    def names(self) -> Mapping[str, Concept]:
        """Every name, in normal form, with its ingredient."""
        return self._names

    @functools.cached_property
    def ingredients(self) -> Mapping[str, Concept]:
        """Every ingredient by its id."""
        return {concept.id: concept for concept in self._names.values()}

    def with_codes(self, codes: Mapping[str, tuple[str, ...]]) -> DrugLexicon:
        """The same names, their concepts with the codes of their ids."""
        coded = {
            concept: msgspec.structs.replace(concept, codes=codes[concept.id])
            for concept in self._names.values()
            if concept.id in codes
        }
        names = ((name, coded.get(concept, concept)) for name, concept in self._names.items())
        return DrugLexicon(names, self.release, self._needing, self.own, spaced=self._spaced)

    def with_names(self, names: Mapping[str, Concept], release: str, *, spaced: bool = True) -> DrugLexicon:
        """Other names by the same own list."""
        return DrugLexicon(names.items(), release, self._needing, self.own, spaced=spaced)

    def find(self, text: str) -> list[DrugMention]:
        """Every medicine that the text names, in order, without overlaps."""
        lowered = normal(text)
        matches = self._matches(lowered)
        if not matches:
            return []
        if self._needing:
            matches = list(self._in_context(matches, lowered))
        found: list[DrugMention] = []
        if len(matches) > 1:
            matches.sort(key=lambda match: (match[0], -match[1]))
        for start, end, concept in matches:
            if not found or start >= found[-1].span.end:
                found.append(DrugMention(Span(start, end), concept))
        return found

    def _matches(self, lowered: str) -> list[tuple[int, int, Concept]]:
        unspaced = not self._spaced
        return [
            (start, last + 1, concept)
            for last, (name, concept) in self._automaton.iter(lowered)
            if ((start := last + 1 - len(name)) == 0 or not lowered[start - 1].isalnum()
                or (unspaced and _parted(lowered, start)))
            and (_ends(lowered, last + 1, len(name)) or (unspaced and _parted(lowered, last + 1)))
        ]  # fmt: skip

    def _in_context(self, matches: list[tuple[int, int, Concept]], lowered: str) -> Iterator[tuple[int, int, Concept]]:
        certain = [match[:2] for match in matches if lowered[match[0] : match[1]] not in self._needing]
        for match in matches:
            if lowered[match[0] : match[1]] not in self._needing or near(lowered, match[0], match[1], certain):
                yield match


def normal(text: str) -> str:
    """The form in which names are compared, of the same length: lower case, straight quotes, plain hyphens and spaces."""
    lowered = model_text(text)
    return lowered if lowered.isascii() else lowered.translate(_STRAIGHT)


def chinese(letter: str) -> bool:
    """Whether a letter is one of the Chinese script (Unicode's unified ideographs)."""
    return "\u4e00" <= letter <= "\u9fff" or "\u3400" <= letter <= "\u4dbf"


def _parted(lowered: str, place: int) -> bool:
    """Whether a name may begin or end at a place between two letters, as one of them is Chinese."""
    return chinese(lowered[place - 1]) or chinese(lowered[place])


def _ends(lowered: str, end: int, length: int) -> bool:
    """Whether a name may end here: at a word boundary, before a dose, or before a plural s."""
    if end == len(lowered) or not lowered[end].isalnum():
        return True
    if length < _LONG:
        return False
    plural = lowered[end] == "s" and (end + 1 == len(lowered) or not lowered[end + 1].isalnum())
    return plural or lowered[end].isdecimal()


@functools.cache
def default_lexicon() -> DrugLexicon:
    """The lexicon of this process, loaded once."""
    return DrugLexicon.load()
