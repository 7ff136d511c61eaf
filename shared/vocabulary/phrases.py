"""Brings a phrase to a form in which ways of saying the same thing meet: "couldn't sleep", "can't sleep", "no sleep".

`words` keeps the order and only mends spelling conventions; `stems` goes further, to the set of stems of what matters.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

from shared.text.clean import model_text

_STRAIGHT = str.maketrans("’‘`´", "''''")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_DRAWN_OUT = re.compile(r"(.)\1{2,}")
_LISTS = tomllib.loads((Path(__file__).parent / "words.toml").read_text(encoding="utf-8"))
_WEIGHT = frozenset(_LISTS["weight"])
_EMPTY = frozenset(_LISTS["empty"])
_TOO_LITTLE = frozenset(_LISTS["too_little"])
_CLASSES: dict[str, str] = {word: head for head, listed in _LISTS["classes"].items() for word in (head, *listed)}
_BRIDGE = frozenset(_LISTS["bridge"])
NO = "no"
# Words of these lists are spelt right, whatever a vocabulary says.
KNOWN = frozenset({*_WEIGHT, *_EMPTY, *_CLASSES, *_BRIDGE, *_LISTS["functions"]})
_SHORT = 3
# Stems that are kept: the words of the vocabularies are fewer, and come again and again.
_CACHED = 16_384
_SUFFIXES = ("iness", "ness", "ings", "ing", "edly", "ies", "ied", "ed", "es", "ly", "s", "y", "in")


def words(phrase: str) -> list[str]:
    """The words of a phrase, lower-case, drawn-out letters shortened, hashtags and quotes without their marks."""
    # Released corpora and some sources part "do n't"; people do not.
    straight = model_text(phrase.translate(_STRAIGHT).replace(" n't", "n't"))
    found = _WORD.findall(straight)
    return [_shortened(word) for word in found] if _DRAWN_OUT.search(straight) else found


def located_words(text: str) -> list[tuple[str, int, int]]:
    """The words of a text as `words` gives them, each with its characters [start, end) in the text."""
    straight = model_text(text).translate(_STRAIGHT)
    found = [(m.group(), m.start(), m.end()) for m in _WORD.finditer(straight)]
    if not _DRAWN_OUT.search(straight):
        return found
    return [(_shortened(word), start, end) for word, start, end in found]


def _shortened(word: str) -> str:
    return _DRAWN_OUT.sub(r"\1\1", word)


def normal_form(phrase: str) -> str:
    """A phrase as vocabularies compare it: its words, one space between them."""
    return " ".join(words(phrase))


def stems(phrase: Iterable[str]) -> frozenset[str]:
    """The stems of the words that matter. Where nothing matters ("feel like it"), the stems of all words."""
    listed = list(phrase)
    kept = [word for word in listed if word not in _EMPTY]
    return frozenset(stem(word) for word in kept or listed)


def without_empty_ends(listed: list[str]) -> Iterator[list[str]]:
    """The words as they are, then with fewer of those at both ends that say nothing ("the worst night sweats"), the longest first.

    What is left is all that matters, so "night sweats" are found before stems make "sweats" of them.
    """
    telling_places = [place for place, word in enumerate(listed) if word not in _EMPTY]
    if not telling_places:
        yield listed
        return
    first, last = telling_places[0], telling_places[-1] + 1
    for size in range(len(listed), last - first - 1, -1):
        for start in range(max(0, last - size), min(first, len(listed) - size) + 1):
            yield listed[start : start + size]


@functools.lru_cache(maxsize=_CACHED)
def stem(word: str) -> str:
    """One word's stem. Weights in any unit are `weight`; words of one class, such as negations, are its head."""
    if word in _WEIGHT:
        return "weight"
    if word in _CLASSES:
        return _CLASSES[word]
    word = word.removesuffix("'s").replace("'", "")
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            root = word.removesuffix(suffix)
            if suffix in ("ing", "ings", "ed", "in") and not re.search("[aeiouy]", root):
                continue
            word = root
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiouls":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word


def telling(found: frozenset[str]) -> bool:
    """Whether a set of stems says something by itself, and is not only "up", "no", "lose"."""
    return any(len(word) >= 3 and word not in _TOO_LITTLE for word in found)


def says_nothing(phrase: str) -> bool:
    """Whether a phrase is only grammar ("so", "it is"), as spans of a model sometimes are."""
    return all(len(word) <= _SHORT and word in _EMPTY for word in words(phrase))


def negated(phrase: Iterable[str]) -> bool:
    """Whether a word of the phrase negates ("no appetite", "not tired")."""
    return any(_CLASSES.get(word, word) == NO for word in phrase)


def is_function(word: str) -> bool:
    """Whether a word is something that a body or mind should do ("sleep"), so that a "can't" before it is the reaction."""
    return stem(word) in _FUNCTIONS


def bridges(word: str) -> bool:
    """Whether a word may stand between "can't" and such a function ("can't even fall asleep")."""
    return word in _BRIDGE


_FUNCTIONS = frozenset(stem(word) for word in _LISTS["functions"])
