"""What the advert model sees of a post: words, pairs of words, pieces of words and a few counts, hashed.

Names of medicines are taken out, so that no medicine by itself makes an advertisement; case is not seen, as in all models here.
The hash is CRC-32, the same on every platform and run.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence

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


def hashed(text: str, drugs: Sequence[DrugMention]) -> list[int]:
    """The distinct places of a post's features, in no order that means anything. `drugs` are those that the text names."""
    return list({zlib.crc32(feature.encode()) % BUCKETS for feature in _features(text, drugs)})


def _features(text: str, drugs: Sequence[DrugMention]) -> Iterator[str]:
    words = _TOKEN.findall(_without_names(model_text(text), drugs))
    counts: dict[str, int] = {}
    before = "^"
    for found in words:
        word = found if not found[0].isdigit() else "0"
        if (kind := _COUNTED.get(word, "number" if word == "0" else "")) != "":
            counts[kind] = counts.get(kind, 0) + 1
        yield word
        yield f"{before} {word}"
        before = word
        if len(word) > _PIECE and word not in _COUNTED:
            padded = f"<{word}>"
            yield from (f"-{padded[at : at + _PIECE]}" for at in range(len(padded) - _PIECE + 1))
    yield f"{before} $end"
    yield from (f"{kind}={min(count, _MANY)}" for kind, count in counts.items())
    yield f"length={sum(len(words) > most for most in _LENGTHS)}"


def _without_names(lowered: str, drugs: Sequence[DrugMention]) -> str:
    for drug in reversed(drugs):
        lowered = f"{lowered[: drug.span.start]} {_DRUG} {lowered[drug.span.end :]}"
    return lowered
