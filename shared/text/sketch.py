"""What is kept of a post's words to tell how much two posts have in common, and nothing that a text could be read from. Pure.

It is the MinHash (A. Broder, On the resemblance and containment of documents, 1997) of the set of four-character pieces of the
words: of two sketches, the share of numbers that agree estimates the Jaccard similarity of the sets. The pieces are hashed with a
key: without one, whoever sees a sketch could try a dictionary on it word by word. Kept in bits, one of each number (P. Li, C.
König, b-Bit Minwise Hashing, 2010), it is small enough to stand in every report; two numbers that differ agree in every second bit.

The numbers are those of the package datasketch, whose permutations these are; it takes twice as long for a text as short as a post.

Pieces of four characters bear other spellings, other endings and another order of sentences, and need no spaces between words.
"""

from __future__ import annotations

import functools
import hashlib
import re
import unicodedata

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

_MOST_HASHES = 1 << 16

Numbers = NDArray[np.uint32]


def minhash(text: str, key: bytes, count: int, least: int) -> Numbers | None:
    """So many numbers of a masked text; None where it has fewer than `least` different pieces. `key`: 1 to 64 bytes."""
    words = " ".join([word for word in _WORD.findall(text.lower()) if word not in _MASKS])
    pieces = {words[start : start + PIECE] for start in range(len(words) - PIECE + 1)}
    if len(pieces) < least:
        return None
    factors, terms = _permutations(count)
    mixed = _mixed(np.array(list(map(_hashes(key).__getitem__, pieces)), dtype=np.uint32))
    # Whole numbers of 32 bits that run over: that is the permutation.
    permuted = mixed[:, np.newaxis] * factors
    permuted += terms
    numbers: Numbers = permuted.min(axis=0)
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


def _mixed(hashes: Numbers) -> Numbers:
    """The finalizer of MurmurHash3 (A. Appleby, public domain), with which datasketch begins each of its permutations."""
    hashes = (hashes ^ (hashes >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    hashes = (hashes ^ (hashes >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return hashes ^ (hashes >> np.uint32(16))


@functools.cache
def _permutations(count: int) -> tuple[Numbers, Numbers]:
    from datasketch import MinHash

    factors, terms = MinHash(num_perm=count, seed=1, scheme="affine32").permutations
    return factors, terms


class _Hashes(dict[str, int]):
    """The hashes of pieces by one key. Most pieces of a text are those of any text: nine in ten are found here."""

    def __init__(self, key: bytes) -> None:
        super().__init__()
        self._key = key

    def __missing__(self, piece: str) -> int:
        if len(self) >= _MOST_HASHES:
            self.clear()
        digest = hashlib.blake2b(piece.encode(), digest_size=4, key=self._key).digest()
        self[piece] = found = int.from_bytes(digest, "little")
        return found


_hashes = functools.lru_cache(maxsize=4)(_Hashes)
