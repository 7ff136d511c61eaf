"""Character n-grams of phrases, weighted by TF-IDF, as sparse rows: how near two phrases are without sharing a word.

tf is 1 + ln(count), idf is ln((1 + N) / (1 + n)) + 1, rows have length 1 (Salton and Buckley 1988, with scikit-learn's smoothing).
"""

from __future__ import annotations

import functools
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


def character_ngrams(normal: str, shortest: int, longest: int) -> list[str]:
    """The n-grams of each word with its edges: "sleep" has " s" and "p "."""
    found = []
    for word in normal.split():
        edged = f" {word} "
        for size in range(shortest, longest + 1):
            found += [edged[start : start + size] for start in range(len(edged) - size + 1)]
    return found


@functools.lru_cache(maxsize=1 << 17)
def feature_key(feature: str) -> int:
    """A feature as a number of 64 bits, so that files of weights hold no words of a corpus."""
    return int.from_bytes(hashlib.blake2b(feature.encode(), digest_size=8).digest(), "big")


@dataclass(frozen=True)
class TfIdf:
    """Known features (sorted keys) and their idf."""

    keys: NDArray[np.uint64]
    idf: NDArray[np.float32]

    @classmethod
    def fit(cls, documents: Iterable[Iterable[str]]) -> TfIdf:
        """Learn features and idf from the documents' features."""
        counts: Counter[str] = Counter()
        size = 0
        for document in documents:
            counts.update(set(document))
            size += 1
        seen = {feature_key(feature): count for feature, count in counts.items()}
        keys = sorted(seen)
        numbers = np.asarray([seen[key] for key in keys], dtype=np.float64)
        return cls(np.asarray(keys, dtype=np.uint64), (np.log((1 + size) / (1 + numbers)) + 1).astype(np.float32))

    def row(self, features: Iterable[str]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Columns and weights of one document; features that were not learned are left out."""
        counts = Counter(features)
        if not counts or not len(self.keys):
            return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.float32)
        keys = np.fromiter(map(feature_key, counts), dtype=np.uint64, count=len(counts))
        columns = np.searchsorted(self.keys, keys)
        known = self.keys[np.minimum(columns, len(self.keys) - 1)] == keys
        columns = columns[known]
        times = np.fromiter(counts.values(), dtype=np.float32, count=len(counts))[known]
        weights = (1 + np.log(times)) * self.idf[columns]
        length = float(np.linalg.norm(weights))
        return columns, weights / length if length else weights

    def matrix(self, documents: Sequence[Iterable[str]]) -> sparse.csr_array:
        """One row a document, as `row` gives it."""
        counts = [Counter(document) for document in documents]
        size = sum(map(len, counts))
        keys = np.fromiter((feature_key(feature) for one in counts for feature in one), dtype=np.uint64, count=size)
        times = np.fromiter((number for one in counts for number in one.values()), dtype=np.float32, count=size)
        rows = np.repeat(np.arange(len(counts)), [len(one) for one in counts])
        columns = np.searchsorted(self.keys, keys)
        known = (
            self.keys[np.minimum(columns, len(self.keys) - 1)] == keys if len(self.keys) else np.zeros(size, dtype=bool)
        )
        rows, columns = rows[known], columns[known]
        weights = (1 + np.log(times[known])) * self.idf[columns]
        weights = weights / np.sqrt(np.bincount(rows, weights.astype(np.float64) ** 2, minlength=len(counts)))[rows]
        # 32 bits, as scikit-learn wants them.
        pointers = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(counts)))]).astype(np.int32)
        shape = (len(counts), len(self.keys))
        return sparse.csr_array((weights.astype(np.float32), columns.astype(np.int32), pointers), shape=shape)
