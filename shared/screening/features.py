"""What the advert model sees of a post: words, pairs of words, pieces of words and a few counts, hashed.

Names of medicines are taken out, so that no medicine by itself makes an advertisement; case is not seen, as in all models here.
The hash is CRC-32, the same on every platform and run.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import NamedTuple
from zlib import crc32

from shared.text.clean import EMAIL_MASK, HANDLE_MASK, URL_MASK, model_text
from shared.vocabulary.drugs import DrugMention

# Places of the hash. A power of two is of no importance; twice as many made no difference on the posts that it learns from.
BUCKETS = 8192
_DRUG = "<drug>"
_URL, _HANDLE, _EMAIL = URL_MASK.lower(), HANDLE_MASK.lower(), EMAIL_MASK.lower()
_TOKEN = re.compile(r"<drug>|@user|[^\W\d_]+(?:'[^\W\d_]+)?|\d+|[#$€£%!?:+&]")
_PIECE = 4
# Counts above this are the same to the model.
_MANY = 3
_COUNTED = {_URL: "url", _HANDLE: "handle", _EMAIL: "email", _DRUG: "drug", **dict.fromkeys("$€£", "price")}
_COUNTED |= {mark: mark for mark in "#%!?:"}
# Of the length in words, upper ends.
_LENGTHS = (6, 12, 20, 35)
# The hash goes on from here for the first word.
_BEGIN = crc32(b"^ ")


def hashed(text: str, drugs: Sequence[DrugMention]) -> list[int]:
    """The distinct places of a post's features, in no order that means anything. `drugs` are those that the text names."""
    words = _TOKEN.findall(_without_names(model_text(text), drugs))
    found: set[int] = set()
    counts: dict[str, int] = {}
    before = _BEGIN
    for each in words:
        word = _known(each)
        found.update(word.places)
        found.add(crc32(word.encoded, before) % BUCKETS)
        before = word.opened
        if word.counted:
            counts[word.counted] = counts.get(word.counted, 0) + 1
    found.add(crc32(b"$end", before) % BUCKETS)
    found.update(_place(f"{kind}={min(count, _MANY)}") for kind, count in counts.items())
    found.add(_place(f"length={sum(len(words) > most for most in _LENGTHS)}"))
    return list(found)


class _Word(NamedTuple):
    """What one word gives wherever it stands: the places of itself and its pieces, and what it counts as.

    The hash of a pair of words goes on from that of the first with the space behind it: `opened` of one, `encoded` of the next.
    """

    places: tuple[int, ...]
    encoded: bytes
    opened: int
    counted: str


@functools.lru_cache(maxsize=16_384)
def _known(token: str) -> _Word:
    word = token if not token[0].isdigit() else "0"
    pieces: list[str] = []
    if len(word) > _PIECE and word not in _COUNTED:
        padded = f"<{word}>"
        pieces = [f"-{padded[at : at + _PIECE]}" for at in range(len(padded) - _PIECE + 1)]
    encoded = word.encode()
    counted = _COUNTED.get(word, "number" if word == "0" else "")
    return _Word(tuple({_place(feature) for feature in (word, *pieces)}), encoded, crc32(encoded + b" "), counted)


def _place(feature: str) -> int:
    return crc32(feature.encode()) % BUCKETS


def _without_names(lowered: str, drugs: Sequence[DrugMention]) -> str:
    for drug in reversed(drugs):
        lowered = f"{lowered[: drug.span.start]} {_DRUG} {lowered[drug.span.end :]}"
    return lowered
