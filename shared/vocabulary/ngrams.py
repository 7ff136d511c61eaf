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
        """One row a document."""
        rows = [self.row(document) for document in documents]
        # 32 bits, as scikit-learn wants them.
        pointers = np.cumsum([0, *(len(columns) for columns, _ in rows)], dtype=np.int32)
        columns = np.concatenate([np.empty(0, np.int32), *(columns for columns, _ in rows)]).astype(np.int32)
        weights = np.concatenate([np.empty(0, np.float32), *(weights for _, weights in rows)])
        return sparse.csr_array((weights, columns, pointers), shape=(len(rows), len(self.keys)))
