"""Likely misspellings of a medicine's name, and those of them that are nothing else.

As Pimpalkhute et al. (2014) and RedMed (Lavertu and Altman 2019) do, names are misspelt by one slip of the finger (a letter
left out, doubled, exchanged with the next one or with its neighbour on the keyboard) or by one spelling by sound. Two slips are
not tried: what they make is too often another word.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import OSA

from services.vocabulary.sources import DrugRow
from shared.vocabulary.drugs import DrugLexicon

# Of shorter names nearly every slip is another word or name.
SHORTEST = 5
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
# Spellings of one sound in English, to be read both ways.
_SOUNDS = (
    ("ph", "f"), ("y", "i"), ("c", "k"), ("c", "s"), ("s", "z"), ("x", "ks"), ("x", "cks"), ("x", "z"), ("qu", "kw"),
    ("ck", "k"), ("th", "t"), ("ei", "ie"), ("ai", "ay"), ("ae", "e"), ("oe", "e"), ("ee", "e"), ("ee", "i"),
    ("oo", "u"), ("ou", "u"), ("a", "e"), ("a", "o"), ("a", "i"), ("e", "i"), ("e", "o"), ("i", "o"), ("o", "u"),
    ("a", "u"), ("e", "u"), ("rr", "r"), ("g", "j"), ("ine", "in"), ("ine", "ene"), ("ane", "an"), ("one", "on"),
    ("ide", "id"), ("ate", "at"), ("v", "b"), ("m", "n"), ("er", "or"), ("er", "re"), ("le", "el"), ("tion", "shun"),
    ("dg", "g"), ("h", ""),
)  # fmt: skip


def variants(name: str) -> set[str]:
    """All slips and spellings by sound of one word, lower case; its first letter stays, but for one sound ("f" for "ph")."""
    slips = {one for one in _slips(name) if one[0] == name[0]}
    return {one for one in slips | set(_sounds(name)) if len(one) >= SHORTEST - 1 and one != name}


def misspellings(name: str, drug: str, lexicon: DrugLexicon, words: Collection[str]) -> list[str]:
    """The variants of one name of the ingredient with the id `drug` that are nothing else, in order.

    Left out is what is an everyday word (`words`), or is, or is as near as one letter to, a name of another ingredient. A name of
    several words, with other signs than letters, or shorter than five letters has none.
    """
    if len(name) < SHORTEST or not (name.isascii() and name.isalpha()):
        return []
    others = [other for other, concept in lexicon.names.items() if concept.id != drug and " " not in other]
    return sorted(one for one in variants(name) if one not in words and not _taken(one, others))


def _taken(word: str, others: list[str]) -> bool:
    return process.extractOne(word, others, scorer=OSA.distance, score_cutoff=1) is not None


def _slips(name: str) -> Iterator[str]:
    near = _neighbours()
    for at, letter in enumerate(name):
        before, after = name[:at], name[at + 1 :]
        yield before + after
        yield before + letter + letter + after
        if after:
            yield before + after[0] + letter + after[1:]
        for other in near.get(letter, ""):
            yield before + other + after


def _sounds(name: str) -> Iterator[str]:
    for one, other in _SOUNDS:
        for written, heard in ((one, other), (other, one)):
            for found in re.finditer(written, name) if written else ():
                at = found.start()
                if at > 0 or written == "ph":
                    yield name[:at] + heard + name[at + len(written) :]


def _neighbours() -> dict[str, str]:
    """The letters beside each one in its row, and those above and below it."""
    found = {}
    for row, letters in enumerate(_ROWS):
        for at, letter in enumerate(letters):
            beside = letters[max(0, at - 1) : at] + letters[at + 1 : at + 2]
            above = _ROWS[row - 1][at : at + 2] if row > 0 else ""
            below = _ROWS[row + 1][max(0, at - 1) : at + 1] if row + 1 < len(_ROWS) else ""
            found[letter] = beside + above + below
    return found


@dataclass(frozen=True, slots=True)
class Recall:
    """How many misspellings that people really wrote the variants hold: `found` of `written`; `slips`: those one letter away."""

    written: int
    found: int
    slips: int
    slips_found: int


def recall(rows: Iterable[DrugRow], lexicon: DrugLexicon, words: Collection[str]) -> Recall:
    """RedMed's misspellings of the lexicon's ingredients, against those that are made of the names it knows."""
    written, found, slips, slips_found = 0, 0, 0, 0
    for row in rows:
        if row.id not in lexicon.ingredients:
            continue
        names = {
            name for name in (row.label, *row.known) if name.isascii() and name.isalpha() and len(name) >= SHORTEST
        }
        others = [other for other, concept in lexicon.names.items() if concept.id != row.id and " " not in other]
        made = set().union(*map(variants, names))
        for word in {one for one in row.misspelt if one.isascii() and one.isalpha()} - names:
            near = any(OSA.distance(name, word, score_cutoff=1) <= 1 for name in names)
            good = word in made and word not in words and not _taken(word, others)
            written, found = written + 1, found + good
            slips, slips_found = slips + near, slips_found + (near and good)
    return Recall(written, found, slips, slips_found)
