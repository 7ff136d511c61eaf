"""Everyday English words: what a misspelling of a medicine must not be. The list is built from wordfreq (ATTRIBUTION.md)."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from services.vocabulary.drugs import EVERYDAY, SHORTEST
from shared.vocabulary.table import DATA, read

FILE = DATA / "everyday.tsv.xz"


def chosen(zipf: Mapping[str, float]) -> list[str]:
    """The words of the list: letters only, long enough to be a name, no rarer than an everyday word. In order."""
    return sorted(
        word
        for word, frequency in zipf.items()
        if frequency >= EVERYDAY and len(word) >= SHORTEST and word.isascii() and word.isalpha()
    )


@functools.cache
def everyday() -> frozenset[str]:
    """The shipped list. Raises AdrwatchError where it is damaged."""
    _, rows = read(FILE, 1)
    return frozenset(word for (word,) in rows)
