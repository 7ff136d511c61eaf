"""Character n-grams of phrases, weighted by TF-IDF, as sparse rows: how near two phrases are without sharing a word.

tf is 1 + ln(count), idf is ln((1 + N) / (1 + n)) + 1, rows have length 1 (Salton and Buckley 1988, with scikit-learn's smoothing).
"""

from __future__ import annotations

import functools
import hashlib
from array import array
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


@functools.lru_cache(maxsize=32_768)
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
        return cls(np.asarray(keys, dtype=np.uint64), _idf(size, numbers))

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
        weights = _weights(rows, times[known], self.idf[columns], len(counts))
        # 32 bits, as scikit-learn wants them.
        pointers = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(counts)))]).astype(np.int32)
        shape = (len(counts), len(self.keys))
        return sparse.csr_array((weights, columns.astype(np.int32), pointers), shape=shape)


def index_by_ngrams(normals: Sequence[str], shortest: int, longest: int) -> tuple[TfIdf, sparse.csc_array]:
    """What `TfIdf.fit` learns from the n-grams of many phrases, and their weights: a row a phrase, by features.

    Phrases share their words, so each word's n-grams are counted once: a phrase has the sum of its words'.
    """
    listed = [normal.split() for normal in normals]
    place: dict[str, int] = {}
    words = _counts(([place.setdefault(word, len(place)) for word in phrase] for phrase in listed), len(listed))
    keys: dict[int, int] = {}
    features = _counts(
        (
            [keys.setdefault(feature_key(feature), len(keys)) for feature in character_ngrams(word, shortest, longest)]
            for word in place
        ),
        len(place),
    )
    order = np.argsort(np.fromiter(keys, dtype=np.uint64, count=len(keys)))
    counts = (words @ features)[:, order].tocoo()
    idf = _idf(len(listed), np.bincount(counts.col, minlength=len(keys)).astype(np.float64))
    weights = _weights(counts.row, counts.data.astype(np.float32), idf[counts.col], len(listed))
    weighted = sparse.coo_array((weights, (counts.row, counts.col)), shape=counts.shape).tocsc()
    return TfIdf(np.fromiter(keys, dtype=np.uint64, count=len(keys))[order], idf), weighted


def _counts(documents: Iterable[list[int]], rows: int) -> sparse.csr_array:
    """How often each document has each feature; documents are lists of the features' columns."""
    columns, pointers = array("i"), array("i", [0])
    for document in documents:
        columns.extend(document)
        pointers.append(len(columns))
    width = max(columns, default=-1) + 1
    counted = sparse.csr_array((np.ones(len(columns)), np.asarray(columns), np.asarray(pointers)), shape=(rows, width))
    counted.sum_duplicates()
    return counted


def _idf(documents: int, having: NDArray[np.float64]) -> NDArray[np.float32]:
    """Of features that so many of the documents have."""
    idf: NDArray[np.float32] = (np.log((1 + documents) / (1 + having)) + 1).astype(np.float32)
    return idf


def _weights(
    rows: NDArray[np.intp], times: NDArray[np.float32], idf: NDArray[np.float32], documents: int
) -> NDArray[np.float32]:
    """Weights of features that a document (its row) has so many times; those of a row have length 1."""
    weights = (1 + np.log(times)) * idf
    lengths = np.sqrt(np.bincount(rows, weights.astype(np.float64) ** 2, minlength=documents))
    normal: NDArray[np.float32] = (weights / lengths[rows]).astype(np.float32)
    return normal
