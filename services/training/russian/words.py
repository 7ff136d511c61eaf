"""What a Russian recogniser knows of each word beside its vectors: the features of Applied Sciences 12(1), 491 (2022), section 4.2.

Part of speech and morphology come from pymorphy3 (dictionary of OpenCorpora), which looks at a word alone: its likeliest reading
is taken. The dictionary is adrwatch's vocabulary of medicines and reactions, in place of the paper's MESHRUS, Vidal and MedDRA; the
words of feeling are ours (`emotions.toml`), in place of a dictionary that may not be passed on.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pymorphy3
from numpy.typing import NDArray

from shared.vocabulary.drugs import DrugLexicon, default_lexicon
from shared.vocabulary.languages import drugs_in, reactions_in
from shared.vocabulary.normaliser import ReactionNormaliser

Floats = NDArray[np.float32]
Row = tuple[float, ...]

_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*|[^\w\s]|_")
# OpenCorpora's parts of speech, then what it has none for.
PARTS = (
    *("NOUN", "ADJF", "ADJS", "COMP", "VERB", "INFN", "PRTF", "PRTS", "GRND", "NUMR", "ADVB", "NPRO", "PRED", "PREP"),
    *("CONJ", "PRCL", "INTJ", "LATN", "NUMB", "PNCT", "other"),
)
_CASES = ("nomn", "gent", "datv", "accs", "ablt", "loct", "voct", "gen2", "acc2", "loc2")
MORPHOLOGY = (
    *_CASES,
    *("sing", "plur", "masc", "femn", "neut", "anim", "inan", "perf", "impf", "tran", "intr"),
    *("past", "pres", "futr", "1per", "2per", "3per", "indc", "impr", "actv", "pssv", "Name", "Geox", "Abbr"),
)
# The paper's seven questions.
ORTHOGRAPHY: tuple[Callable[[str], bool], ...] = (
    str.isupper,
    str.islower,
    lambda word: word[:1].isupper(),
    lambda word: any(letter.isdigit() for letter in word),
    lambda word: 2 * sum(letter.isdigit() for letter in word) > len(word),
    str.isdigit,
    lambda word: word.isascii() and word.isalpha(),
)
EMOTIONS: Mapping[str, frozenset[str]] = {
    name: frozenset(listed)
    for name, listed in tomllib.loads((Path(__file__).parent / "emotions.toml").read_text(encoding="utf-8")).items()
}
_MARKERS = 6
# Names of reactions are looked for in so many words, as `LanguageReactions` knows few that are longer.
_LONGEST = 4
_SURE = ("phrase", "stems")
# Of a medicine, of a reaction: a word that begins a name, a word within one.
_DICTIONARY = 4
# Groups of features in the order of the columns, and how wide each is.
WIDTHS: Mapping[str, int] = {
    "speech": len(PARTS) + len(MORPHOLOGY),
    "orthography": len(ORTHOGRAPHY),
    "dictionary": _DICTIONARY,
    "emotion": len(EMOTIONS) + _MARKERS,
}


@dataclass(frozen=True)
class Words:
    """The words and signs of a text: characters [start, end) each, their forms, features [words, width of `WIDTHS` in all]."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    forms: list[str]
    features: Floats


class WordReader:
    """Reads texts into words with features. What it found out of a word it keeps."""

    def __init__(self, lexicon: DrugLexicon | None = None, normaliser: ReactionNormaliser | None = None) -> None:
        """Another lexicon and vocabulary of reactions than those that adrwatch ships with, if any."""
        self._analyser = pymorphy3.MorphAnalyzer(lang="ru")
        self._drugs = drugs_in("ru", lexicon or default_lexicon())
        self._reactions = reactions_in("ru", normaliser or ReactionNormaliser.open())
        self._of_word = functools.lru_cache(maxsize=None)(self._analysed)

    def read(self, text: str) -> Words:
        """The words of a text. Nothing but this text decides what they are."""
        places = [match.span() for match in _WORD.finditer(text)]
        if not places:
            none = np.zeros(0, dtype=np.int64)
            return Words(none, none, [], np.zeros((0, sum(WIDTHS.values())), dtype=np.float32))
        forms = [text[start:end] for start, end in places]
        analysed = [self._of_word(form) for form in forms]
        spans = np.asarray(places, dtype=np.int64).reshape(-1, 2)
        columns = [
            np.asarray([row for _, row in analysed], dtype=np.float32),
            self._dictionary(text, spans, forms),
            np.asarray([self._feelings(lemma) for (lemma, _) in analysed], dtype=np.float32),
            np.tile(np.asarray(_markers([row for _, row in analysed], forms), dtype=np.float32), (len(forms), 1)),
        ]
        return Words(spans[:, 0], spans[:, 1], forms, np.concatenate(columns, axis=1))

    def _analysed(self, form: str) -> tuple[str, Row]:
        """Dictionary form and the numbers of speech, morphology and orthography."""
        parse = self._analyser.parse(form)[0]
        grammemes = frozenset(map(str, parse.tag.grammemes))
        part = next((name for name in PARTS if name in grammemes), "other")
        speech = [name == part for name in PARTS]
        morphology = [name in grammemes for name in MORPHOLOGY]
        return str(parse.normal_form), tuple(map(float, [*speech, *morphology, *(asks(form) for asks in ORTHOGRAPHY)]))

    def _dictionary(self, text: str, spans: NDArray[np.int64], forms: Sequence[str]) -> Floats:
        found = np.zeros((len(forms), _DICTIONARY), dtype=np.float32)
        for mention in self._drugs.find(text):
            inside = np.flatnonzero((spans[:, 0] < mention.span.end) & (spans[:, 1] > mention.span.start))
            _mark(found[:, :2], inside)
        at = 0
        while at < len(forms):
            size = next((size for size in range(_LONGEST, 0, -1) if self._is_name(text, spans, at, size)), 0)
            _mark(found[:, 2:], range(at, at + size))
            at += max(1, size)
        return found

    def _is_name(self, text: str, spans: NDArray[np.int64], at: int, size: int) -> bool:
        """Whether so many words from one on are the name of a reaction, and each word at its ends is needed for that."""
        name = self._named(text, spans, at, size)
        inner = ((at + 1, size - 1), (at, size - 1)) if size > 1 else ()
        return name is not None and all(self._named(text, spans, *part) != name for part in inner)

    def _named(self, text: str, spans: NDArray[np.int64], at: int, size: int) -> str | None:
        """The reaction that so many words from one on name, and nothing beside it."""
        if at + size > len(spans):
            return None
        phrase = text[spans[at, 0] : spans[at + size - 1, 1]]
        # A sign parts phrases; a number is none.
        if not all(letter.isalpha() or letter in " -" for letter in phrase):
            return None
        match = self._reactions.match(phrase)
        return match.concept.id if match.how in _SURE else None

    @staticmethod
    def _feelings(lemma: str) -> list[float]:
        return [float(lemma in listed) for listed in EMOTIONS.values()]


def _mark(columns: Floats, words: Iterable[int]) -> None:
    for number, word in enumerate(words):
        columns[word] = (number == 0, number > 0)


def _markers(rows: Sequence[Row], forms: Sequence[str]) -> list[float]:
    """The paper's markers of a text, each from 0 to 1.

    Share of verbs among verbs and adjectives, and among verbs and nouns; share of verb forms among words; question marks and
    exclamation marks a word or sign; words of a sentence, of fifty.
    """
    count = dict(zip(PARTS, np.sum([row[: len(PARTS)] for row in rows], axis=0).tolist(), strict=True))
    verbs = count["VERB"] + count["INFN"]
    adjectives = count["ADJF"] + count["ADJS"]
    of_verbs = verbs + count["PRTF"] + count["PRTS"] + count["GRND"]
    words = len(forms) - count["PNCT"]
    sentences = max(1, sum(form in ".!?…" for form in forms))
    return [
        verbs / max(1.0, verbs + adjectives),
        verbs / max(1.0, verbs + count["NOUN"]),
        of_verbs / max(1.0, words),
        forms.count("?") / len(forms),
        forms.count("!") / len(forms),
        min(1.0, words / sentences / 50),
    ]


def columns(groups: Iterable[str]) -> NDArray[np.int64]:
    """The columns of `Words.features` that hold these groups, in order."""
    wanted = set(groups)
    owner = [name for name, width in WIDTHS.items() for _ in range(width)]
    return np.asarray([place for place, name in enumerate(owner) if name in wanted], dtype=np.int64)
