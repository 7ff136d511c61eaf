"""How much each sentence of the source task counts: how its words resemble entities of the target task. No torch.

The paper's formulas, in words: two runs of words are as similar as the most words that they share in one order, divided by the
number of words of the longer; so are their parts of speech. A sentence weighs α times the one and β = 1 - α times the other, and
is left out below a threshold δ. The paper does not say which runs of the source it compares, for its sentences have no entities:
here they are those of nouns and names, and a sentence's similarities are the means over its runs, each with the entity nearest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

Words = tuple[str, ...]
# Parts of speech as ICTCLAS names them: nouns and names begin with n.
_NOUN = "n"
Tagger = Callable[[str], Sequence[tuple[str, str]]]


def common(one: Sequence[str], other: Sequence[str]) -> int:
    """The length of the longest sequence that both hold in its order."""
    row = [0] * (len(other) + 1)
    for left in one:
        before = row[:]
        for at, right in enumerate(other):
            row[at + 1] = before[at] + 1 if left == right else max(before[at + 1], row[at])
    return row[-1]


def similarity(one: Sequence[str], other: Sequence[str]) -> float:
    """What two runs of words (or of parts of speech) share in one order, of the longer of them; 0 to 1."""
    return common(one, other) / max(len(one), len(other), 1)


def runs(words: Sequence[str], parts: Sequence[str]) -> list[tuple[Words, Words]]:
    """The longest runs of nouns and names in a sentence: words and parts of speech of each."""
    found: list[tuple[list[str], list[str]]] = []
    inside = False
    for word, part in zip(words, parts, strict=True):
        if part.startswith(_NOUN):
            if not inside:
                found.append(([], []))
            found[-1][0].append(word)
            found[-1][1].append(part)
        inside = part.startswith(_NOUN)
    return [(tuple(each), tuple(their)) for each, their in found]


def parts_of(words: Iterable[str], tagger: Tagger) -> Words:
    """The part of speech of each word by itself; of one that the tagger cuts further, its last part's, which is its head."""
    return tuple(tagger(word)[-1][1] for word in words)


def weights(
    sentences: Sequence[Words], entities: Iterable[str], tagger: Tagger, alpha: float, threshold: float
) -> NDArray[np.float64]:
    """The weight of each source sentence, 0 to 1; 0 for those below `threshold` and those without a noun or name.

    `entities`: the texts of the target's mentions. `tagger`: gives a text's words with their parts of speech.
    """
    told = sorted({tuple(tagger(entity)) for entity in entities if entity.strip()})
    by_words = sorted({tuple(word for word, _ in entity) for entity in told})
    by_parts = sorted({tuple(part for _, part in entity) for entity in told})
    tag = cache(lambda word: parts_of((word,), tagger)[0])
    holding: dict[str, list[Words]] = {}
    for entity in by_words:
        for word in set(entity):
            holding.setdefault(word, []).append(entity)
    # Those that share no word are not similar at all.
    near_words = cache(
        lambda run: max((similarity(run, entity) for word in set(run) for entity in holding.get(word, ())), default=0.0)
    )
    near_parts = cache(lambda run: max((similarity(run, entity) for entity in by_parts), default=0.0))
    found = np.zeros(len(sentences))
    for at, words in enumerate(sentences):
        of = runs(words, [tag(word) for word in words])
        if of:
            by_entity = float(np.mean([near_words(run) for run, _ in of]))
            by_part = float(np.mean([near_parts(run) for _, run in of]))
            found[at] = alpha * by_entity + (1 - alpha) * by_part
    return np.where(found < threshold, 0.0, found)
