"""What is kept of a post's words to tell how much two posts have in common, and nothing that a text could be read from. Pure.

It is the MinHash (A. Broder, On the resemblance and containment of documents, 1997) of the set of four-character pieces of the
words: of two sketches, the share of numbers that agree estimates the Jaccard similarity of the sets. The pieces are hashed with a
key: without one, whoever sees a sketch could try a dictionary on it word by word. Kept in bits, one of each number (P. Li, C.
König, b-Bit Minwise Hashing, 2010), it is small enough to stand in every report; two numbers that differ agree in every second bit.

Pieces of four characters bear other spellings, other endings and another order of sentences, and need no spaces between words.
"""

from __future__ import annotations

import functools
import hashlib
import re
import unicodedata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.secret_file import Secret, kept
from shared.settings import Settings
from shared.text.clean import URL_MASK

PIECE = 4
# About twelve words. Many people tell the same of one drug in shorter texts, each of their own accord.
LEAST_PIECES = 60
# The standard error of the similarity that bits estimate is at most 1 / sqrt(256) = 0.063, and 0.050 at 0.6.
BITS = 256
SKETCH_BYTES = BITS // 8
SECRET_FILE = "sketch.secret"  # noqa: S105 - a file's name
_SECRET = Secret(
    "sketch secret", "ADRWATCH_SKETCH_SECRET", "with a new one, no near-duplicate of an earlier post is recognised"
)
_WORD = re.compile(r"\w+")
# What masks and reposts put into a text is not of its words.
_MASKS = frozenset({"httpurl", "user", "email", "rt"})
_HASHTAGS_FIRST = re.compile(r"(?:\s*#\w+)+")
_HASHTAG_OR_LINK = re.compile(rf"#\w+|{URL_MASK}")

Numbers = NDArray[np.uint32]


def minhash(text: str, key: bytes, count: int, least: int) -> Numbers | None:
    """So many numbers of a masked text; None where it has fewer than `least` different pieces. `key`: 1 to 64 bytes."""
    from datasketch import MinHash

    words = " ".join(word for word in _WORD.findall(text.lower()) if word not in _MASKS)
    pieces = {words[start : start + PIECE] for start in range(len(words) - PIECE + 1)}
    if len(pieces) < least:
        return None
    found = MinHash(
        num_perm=count,
        seed=1,
        hashfunc=functools.partial(_hash, key),
        scheme="affine32",
        permutations=_permutations(count),
    )
    found.update_batch(pieces)
    numbers: Numbers = found.hashvalues
    return numbers


def near_sketch(text: str, key: bytes) -> bytes | None:
    """The sketch of a report in 32 bytes, made of the masked text alone; None where the text is too short.

    Hashtags and links at the ends are left out, and letters of other styles are letters.
    """
    numbers = minhash(without_hashtags_at_the_ends(unicodedata.normalize("NFKC", text)), key, BITS, LEAST_PIECES)
    # The parity of all bits of a number: the lowest one is the same function of a piece in every permutation.
    return None if numbers is None else np.packbits(np.bitwise_count(numbers) & 1).tobytes()


def without_hashtags_at_the_ends(text: str) -> str:
    """The text without hashtags before its words, and without hashtags and links behind them.

    Among words they are words; a run of them at an end is how a copy is spread. The time grows with the length alone, whatever
    the text is: one search for a run that ends the text would begin anew at each of its hashtags.
    """
    first = _HASHTAGS_FIRST.match(text)
    begin, end = first.end() if first else 0, len(text)
    for found in reversed(list(_HASHTAG_OR_LINK.finditer(text, begin))):
        last = found.end()
        while last < end and text[last].isspace():
            last += 1
        if last < end:
            break
        end = found.start()
    return text[begin:end]


def agreeing(similarity: float) -> int:
    """The bits in which two sketches agree at a similarity of their texts, 0 to 1."""
    return round(BITS * (1 + similarity) / 2)


def estimate(one: bytes, other: bytes) -> float:
    """The similarity of two texts, 0 to 1, by their sketches."""
    differing = (int.from_bytes(one) ^ int.from_bytes(other)).bit_count()
    return max(0.0, 1 - 2 * differing / BITS)


def sketch_key(settings: Settings) -> bytes:
    """The key of the sketches of reports: of the setting, else of `<data_dir>/sketch.secret`, which is made once.

    All workers of the pipeline must have the same. Raises AdrwatchError as `shared.secret_file.kept` does.
    """
    secret = kept(_SECRET, settings.sketch_secret, settings.data_dir / SECRET_FILE)
    return hashlib.blake2b(secret.encode(), digest_size=32, person=b"adrwatch sketch").digest()


@functools.cache
def _permutations(count: int) -> Any:
    from datasketch import MinHash

    return MinHash(num_perm=count, seed=1, scheme="affine32").permutations


# Most pieces of a text are those of any text: nine in ten are found here.
@functools.lru_cache(maxsize=1 << 16)
def _hash(key: bytes, piece: str) -> int:
    return int.from_bytes(hashlib.blake2b(piece.encode(), digest_size=4, key=key).digest(), "little")
