"""A sketch of a post's words: enough to say how much two posts have in common, and nothing that a text could be read from. Pure.

It is the MinHash (A. Broder, On the resemblance and containment of documents, 1997) of the set of four-character pieces of the
words: of two sketches, the share of numbers that agree estimates the Jaccard similarity of the sets. The pieces are hashed with a
key, so that nobody without it can find out whether a word is there.

Pieces of four characters bear other spellings, other endings and another order of sentences, and need no spaces between words.
"""

from __future__ import annotations

import functools
import hashlib
import re

import numpy as np
from numpy.typing import NDArray

# The standard error of the estimate is at most 0.5 / sqrt(128) = 0.044.
NUMBERS = 128
PIECE = 4
# About eight words. Shorter texts are little more than a drug and a reaction, and many people write just that.
LEAST_PIECES = 40
_WORD = re.compile(r"\w+")
# What masks and reposts put into a text is not of its words.
_MASKS = frozenset({"httpurl", "user", "email", "rt"})


def sketch(text: str, key: bytes) -> bytes | None:
    """The sketch of a masked text, 512 bytes; None for a text that is too short to be held against others. `key`: 1 to 64 bytes."""
    from datasketch import MinHash

    words = " ".join(word for word in _WORD.findall(text.lower()) if word not in _MASKS)
    pieces = {words[start : start + PIECE].encode() for start in range(len(words) - PIECE + 1)}
    if len(pieces) < LEAST_PIECES:
        return None
    found = MinHash(num_perm=NUMBERS, seed=1, hashfunc=functools.partial(_hash, key), scheme="affine32")
    found.update_batch(sorted(pieces))
    packed: bytes = found.hashvalues.astype("<u4").tobytes()
    return packed


def numbers(sketch: bytes) -> NDArray[np.uint32]:
    """The numbers of a sketch."""
    return np.frombuffer(sketch, dtype="<u4")


def _hash(key: bytes, piece: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(piece, digest_size=4, key=key).digest(), "little")
