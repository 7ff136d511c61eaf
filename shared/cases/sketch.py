"""The sketch of the words of a case's post: the numbers of its MinHash, whole (`shared.text.sketch`). Pure."""

from __future__ import annotations

import numpy as np

from shared.text.sketch import Numbers, minhash

# The standard error of the estimate is at most 0.5 / sqrt(128) = 0.044.
NUMBERS = 128
# About eight words. Shorter texts are little more than a drug and a reaction, and many people write just that.
LEAST_PIECES = 40


def sketch(text: str, key: bytes) -> bytes | None:
    """The sketch of a masked text, 512 bytes; None for a text that is too short to be held against others. `key`: 1 to 64 bytes."""
    found = minhash(text, key, NUMBERS, LEAST_PIECES)
    return None if found is None else found.astype("<u4").tobytes()


def numbers(sketch: bytes) -> Numbers:
    """The numbers of a sketch."""
    return np.frombuffer(sketch, dtype="<u4")
