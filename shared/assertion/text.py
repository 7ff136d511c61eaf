"""A post cut into sentences and clauses, and cue phrases as patterns. All offsets count in the post's text."""

from __future__ import annotations

import functools
import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from shared.text.clean import model_text

_STRAIGHT = str.maketrans("’‘`´“”–—\u00a0", "''''\"\"-- ")
# A dot ends a sentence before white space only, so that "2.5 mg" stays whole. A line ends one too, and a dot
# between two words of some length, after which the space was forgotten.
_SENTENCE = re.compile(r"[.!?…]+[\"')\]]*(?:\n+|(?=\s|$))|\n+|[!?]+|(?<=[a-z]{3})\.(?=[a-z]{3})")
# Commas part clauses, and so do conjunctions after which a new statement begins.
_CLAUSE = re.compile(
    r"[,;:()]\s*|\s-+\s|\b(?:but|although|though|however|whereas|except|yet|and now|and then|so now|and i|and im|and i'm"
    r"|and it|and he|and she|and my|because|bc|cuz|since|until|till|which|im|i'm|i am|ive|i've)\b"
)
_GAP = r"(?:\W+[\w']+){0,3}?\W+"


@dataclass(frozen=True, slots=True)
class Part:
    """Characters [start, end) of a post: a sentence or a clause. `sentence` counts sentences from 0."""

    start: int
    end: int
    sentence: int


class Statement:
    """One post ready for cues: lower-cased with the same length, cut into sentences and clauses."""

    def __init__(self, text: str) -> None:
        self.lowered = model_text(text).translate(_STRAIGHT)
        self.sentences = self._sentences()
        self.clauses = [clause for sentence in self.sentences for clause in self._clauses(sentence)]
        self._sentence_starts = [part.start for part in self.sentences]
        self._clause_starts = [part.start for part in self.clauses]

    def sentence(self, at: int) -> Part:
        """The sentence around a character."""
        return self.sentences[max(bisect_right(self._sentence_starts, at) - 1, 0)]

    def clause(self, at: int) -> Part:
        """The clause around a character."""
        return self.clauses[max(bisect_right(self._clause_starts, at) - 1, 0)]

    def between(self, start: int, end: int) -> str:
        """The lower-cased text [start, end)."""
        return self.lowered[start:end]

    def near(self, at: int, sentences: int) -> tuple[int, int]:
        """Characters from the beginning of some sentences before `at` to the end of as many after it."""
        here = self.sentence(at).sentence
        last = len(self.sentences) - 1
        return self.sentences[max(here - sentences, 0)].start, self.sentences[min(here + sentences, last)].end

    def _sentences(self) -> list[Part]:
        ends = sorted({match.end() for match in _SENTENCE.finditer(self.lowered)} | {len(self.lowered)})
        starts = [0, *ends[:-1]]
        return [Part(start, end, number) for number, (start, end) in enumerate(zip(starts, ends, strict=True))]

    def _clauses(self, sentence: Part) -> list[Part]:
        # A conjunction belongs to the clause that it opens, a mark to the one that it closes: both cut before a word.
        cuts = {sentence.start}
        for match in _CLAUSE.finditer(self.lowered, sentence.start, sentence.end):
            cuts.add(match.start() if match[0][0].isalpha() else match.end())
        starts = sorted(cut for cut in cuts if cut < sentence.end or cut == sentence.start)
        return [
            Part(start, end, sentence.sentence) for start, end in zip(starts, [*starts[1:], sentence.end], strict=True)
        ]


def pattern(phrases: Iterable[str]) -> re.Pattern[str]:
    """One pattern for many cue phrases, the longest first. `*` is the rest of a word, `...` up to three words.

    Phrases with the same kind of ends share their boundaries: tested once a place, and not once a phrase, they cost a
    tenth of the time.
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for phrase in sorted(phrases, key=lambda phrase: (-len(phrase), phrase)):
        body = re.escape(phrase.strip()).replace(r"\ \.\.\.\ ", _GAP).replace(r"\*", r"[\w']*").replace(r"\ ", r"\s+")
        # "n't" is the end of a word; all other cues begin where a word begins.
        before = r"(?<![\w'])" if phrase[0].isalnum() and not phrase.startswith("n't") else ""
        after = r"(?![\w'])" if phrase.strip()[-1].isalnum() else ""
        groups.setdefault((before, after), []).append(body)
    return re.compile("|".join(f"{before}(?:{'|'.join(bodies)}){after}" for (before, after), bodies in groups.items()))


@functools.cache
def cues(file: Path) -> dict[str, re.Pattern[str]]:
    """The cue lists of one TOML file, by name."""
    return {name: pattern(phrases) for name, phrases in tomllib.loads(file.read_text(encoding="utf-8")).items()}
