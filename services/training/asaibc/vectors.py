"""Vectors of characters: continuous bag of words (Mikolov et al. 2013) by gensim, over the characters of the corpora at hand."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from services.training.extra import with_extra

# The numbers of padding and of characters that were never seen.
PADDING, UNSEEN = 0, 1
_WINDOW, _PASSES = 5, 15


def characters(texts: Iterable[str]) -> str:
    """All characters of the texts, in the order of their code points."""
    return "".join(sorted(set().union(*texts)))


def vectors(texts: list[str], alphabet: str, width: int, seed: int) -> NDArray[np.float32]:
    """[characters + 2, width], of unit variance; row 0 zeros for padding, row 1 for characters that `texts` lack."""
    model = with_extra("gensim.models").Word2Vec(
        [list(text) for text in texts],
        vector_size=width,
        window=_WINDOW,
        min_count=1,
        sg=0,
        epochs=_PASSES,
        seed=seed,
        workers=1,  # with more the same seed gives other vectors
    )
    table = np.zeros((len(alphabet) + 2, width), dtype=np.float32)
    for number, character in enumerate(alphabet, start=2):
        if character in model.wv.key_to_index:
            table[number] = model.wv[character]
    return table / max(float(table.std()), 1e-6)
