"""Medicines and reactions in languages other than English, by the same concepts: one signal, whatever language tells of it.

Russian, German and French phrases are compared by the set of their stems (Snowball, Porter 2001), so that cases and the order of
words do not matter. Chinese is written without spaces: its phrases are found as they stand, the longest first.
"""

from __future__ import annotations

import functools
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import ahocorasick
import snowballstemmer

from shared.errors import AdrwatchError
from shared.events import Concept
from shared.vocabulary import phrases
from shared.vocabulary.drugs import DrugLexicon, default_lexicon
from shared.vocabulary.normaliser import ReactionNormaliser
from shared.vocabulary.reactions import EXACT_ONLY, NONE, Match
from shared.vocabulary.table import DATA, read

ENGLISH, CHINESE = "en", "zh"
# By ISO 639-1, in the order of the columns of our own tables.
LANGUAGES = ("ru", CHINESE, "de", "fr")
DRUGS, REACTIONS = DATA / "drugs_languages.tsv.xz", DATA / "reactions_languages.tsv.xz"
# In place of an id: a name of the English lexicon that is an everyday word of the language.
NO_NAME = "-"

_STEMMERS = {"ru": "russian", "de": "german", "fr": "french"}
_WORDS: Mapping[str, Mapping[str, list[str]]] = tomllib.loads(
    (Path(__file__).parent / "languages.toml").read_text(encoding="utf-8")
)
# Reactions are phrases: in a longer text a part would be guessing.
_LONGEST, _LONGEST_PART = 25, 8
_CACHED = 16_384
# The lexicon in force and the one that it takes the place of, in every language.
_LEXICONS = 16
_NOTHING = Match(NONE, "none")


def check(language: str) -> str:
    """The language itself. Raises AdrwatchError where adrwatch has no vocabulary of it."""
    if language not in (ENGLISH, *LANGUAGES):
        raise AdrwatchError(
            f"there is no vocabulary of the language {language!r}",
            fix=f"languages are {', '.join((ENGLISH, *LANGUAGES))}",
        )
    return language


@functools.lru_cache(maxsize=_LEXICONS)
def drugs_in(language: str, lexicon: DrugLexicon) -> DrugLexicon:
    """The lexicon for posts of a language: its own names over those of `lexicon`, without everyday words of the language.

    Names of the team's own list stay. An ingredient that the lexicon has keeps its label and codes.
    """
    if check(language) == ENGLISH:
        return lexicon
    release, rows = _rows(DRUGS, language)
    dropped = {name for name, key, _ in rows if key == NO_NAME}
    shipped = default_lexicon().names
    names = {
        name: concept
        for name, concept in lexicon.names.items()
        if name not in dropped or name not in shipped or shipped[name].id != concept.id
    }
    own = {
        name: lexicon.ingredients.get(key, Concept(key, label))
        for name, key, label in rows
        if key != NO_NAME and name not in names
    }
    return lexicon.with_names({**own, **names}, f"{lexicon.release}+{language}-{release}", spaced=language != CHINESE)


@functools.lru_cache(maxsize=_LEXICONS)
def drugs_in_any(languages: tuple[str, ...], lexicon: DrugLexicon) -> DrugLexicon:
    """The names of `lexicon` with those of all these languages, to find posts whose language is to be found yet."""
    each = [drugs_in(language, lexicon) for language in languages]
    names = {name: concept for one in (*each, lexicon) for name, concept in one.names.items()}
    release = f"{lexicon.release}+{'+'.join(languages)}"
    return lexicon.with_names(names, release, spaced=CHINESE not in languages)


class LanguageReactions:
    """Names reactions of one language by the vocabulary in force, like `ReactionNormaliser` does for English."""

    def __init__(self, language: str, rows: Iterable[tuple[str, Concept]], normaliser: ReactionNormaliser) -> None:
        """Rows are phrase and concept of the open vocabulary; the first concept of a phrase keeps it."""
        self._normaliser = normaliser
        self._by_phrase: dict[str, Concept] = {}
        self._by_stems: dict[frozenset[str], Concept] = {}
        self._known: ahocorasick.Automaton | None = None
        self._reduce = _Reduction(language)
        between = "" if language == CHINESE else " "
        for phrase, concept in rows:
            listed = self._reduce.words(phrase)
            self._by_phrase.setdefault(between.join(listed), concept)
            if concept.id not in EXACT_ONLY:
                self._by_stems.setdefault(self._reduce.stems(listed), concept)
        if language == CHINESE:
            self._known = ahocorasick.Automaton()
            for phrase, concept in self._by_phrase.items():
                self._known.add_word(phrase, (phrase, concept))
            self._known.make_automaton()
        self._cached = functools.lru_cache(maxsize=_CACHED)(self._match)

    def concept(self, key: str) -> Concept | None:
        """The concept of an id, or None: ids are those of every language."""
        return self._normaliser.concept(key)

    def match(self, phrase: str) -> Match:
        """The preferred concept of a reaction as written, `unmapped` where none is sure."""
        return self._cached(" ".join(self._reduce.words(phrase)))

    def widened(self, text: str, start: int, end: int) -> tuple[int, int]:
        """A place in a text with the longest known phrase that it is a part of; the same where nothing marks where words end.

        A model of Chinese that has learned from other languages finds a part of a word more often than the whole.
        """
        if self._known is None:
            return start, end
        first = max(0, start - _LONGEST)
        # A letter that becomes two when it is small would move the places behind it.
        near = "".join(
            small if len(small := letter.lower()) == 1 else letter for letter in text[first : end + _LONGEST]
        )
        phrases = [
            (first + last + 1 - len(phrase), first + last + 1)
            for last, (phrase, concept) in self._known.iter(near)
            if concept.id not in EXACT_ONLY
        ]
        over = [place for place in phrases if place[0] < end and place[1] > start]
        one, other = max(over, key=lambda place: place[1] - place[0], default=(start, end))
        return min(start, one), max(end, other)

    def _match(self, normal: str) -> Match:
        found = self._inside(normal) if self._known is not None else self._of_words(normal.split())
        if found.concept is NONE or self._normaliser.bridge is None:
            return found
        joined = self._normaliser.bridge[found.concept.id]
        return Match(joined, found.how) if joined else _NOTHING

    def _of_words(self, listed: list[str]) -> Match:
        if not listed or len(listed) > _LONGEST:
            return _NOTHING
        if concept := self._by_phrase.get(" ".join(listed)):
            return Match(concept, "phrase")
        kept = self._reduce.telling(listed)
        if not self._reduce.tells(kept):
            # "потом" is "then", and by its stem a case of "sweat".
            return _NOTHING
        if concept := self._by_stems.get(self._reduce.stems(kept)):
            return Match(concept, "stems")
        parts = (self._by_stems.get(self._reduce.stems(part)) for part in self._reduce.parts(kept))
        concept = next((one for one in parts if one), None)
        return Match(concept, "part") if concept else _NOTHING

    def _inside(self, normal: str) -> Match:
        text = normal.replace(" ", "")
        if concept := self._by_phrase.get(text):
            return Match(concept, "phrase")
        found = [
            (-len(phrase), last, concept)
            for last, (phrase, concept) in (self._known.iter(text) if self._known else ())
            if concept.id not in EXACT_ONLY and not self._reduce.denied(text[: last + 1 - len(phrase)])
        ]
        return Match(min(found, key=lambda one: one[:2])[2], "part") if found else _NOTHING


def reactions_in(language: str, normaliser: ReactionNormaliser) -> ReactionNormaliser | LanguageReactions:
    """What names reactions of a language: in English the normaliser itself."""
    if check(language) == ENGLISH:
        return normaliser
    _, rows = _rows(REACTIONS, language)
    return LanguageReactions(language, ((phrase, Concept(key, label)) for phrase, key, label in rows), normaliser)


class _Reduction:
    """Brings phrases of one language to a form in which ways of saying the same thing meet."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._empty = frozenset(map(self._folded, _WORDS[language]["empty"]))
        self._negations = tuple(map(self._folded, _WORDS[language]["negations"]))
        stemmer = _STEMMERS.get(language)
        stem = snowballstemmer.stemmer(stemmer).stemWord if stemmer else str
        self._stem = functools.lru_cache(maxsize=_CACHED)(stem)

    def words(self, phrase: str) -> list[str]:
        """The words of a phrase in their normal form."""
        # An elided article is a word of its own in French.
        return phrases.words(self._folded(phrase).replace("'", " ").replace("’", " "))

    def _folded(self, text: str) -> str:
        """Without what people leave out: the dots of ё, French accents."""
        text = unicodedata.normalize("NFC", text.lower())
        if self._language == "ru":
            return text.replace("ё", "е")
        return unaccented(text) if self._language == "fr" else text

    def telling(self, listed: list[str]) -> list[str]:
        """The words that say something; all where none does."""
        return [word for word in listed if word not in self._empty] or listed

    def tells(self, listed: list[str]) -> bool:
        """Whether any word says something."""
        return not self._empty.issuperset(listed)

    def stems(self, listed: list[str]) -> frozenset[str]:
        """The stems of the words that say something; all negations are one."""
        telling = self.telling(listed)
        return frozenset(phrases.NO if word in self._negations else self._stem(word) for word in telling)

    def parts(self, listed: list[str]) -> Iterator[list[str]]:
        """Contiguous parts, the longest first, each with all negations: "not tired" is no fatigue."""
        places = [place for place, word in enumerate(listed) if word in self._negations]
        first, last = (places[0], places[-1]) if places else (len(listed), -1)
        for size in range(min(len(listed) - 1, _LONGEST_PART), 0, -1):
            for start in range(len(listed) - size + 1):
                if start <= first and last < start + size:
                    yield listed[start : start + size]

    def denied(self, before: str) -> bool:
        """Whether what stands right before a phrase negates it."""
        return before.endswith(self._negations)


def unaccented(text: str) -> str:
    """Without accents, ligatures as two letters: as many people type French."""
    parted = unicodedata.normalize("NFD", text.replace("œ", "oe").replace("æ", "ae"))
    return "".join(letter for letter in parted if not unicodedata.combining(letter))


@functools.cache
def _rows(path: Path, language: str) -> tuple[str, list[tuple[str, str, str]]]:
    release, rows = read(path, 4)
    return release, [(name, key, label) for name, key, label, of in rows if of == language]
