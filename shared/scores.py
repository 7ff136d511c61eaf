"""Scores by the field's rules, in numpy: positive-class P, R, F1, AUROC, AP, Brier; spans strict and overlapping."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Counts:
    """True positives, false positives, false negatives; precision and recall may count hits of their own kind.

    Overlapping matches are not one to one: `hits` are predicted spans that meet a gold one, `found` the reverse.
    """

    hits: int
    found: int
    predicted: int
    gold: int

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(a + b for a, b in zip(asdict(self).values(), asdict(other).values(), strict=True)))

    @property
    def precision(self) -> float:
        """NaN where nothing was predicted."""
        return self.hits / self.predicted if self.predicted else float("nan")

    @property
    def recall(self) -> float:
        """NaN where there is nothing to find."""
        return self.found / self.gold if self.gold else float("nan")

    @property
    def f1(self) -> float:
        """0 where nothing was found; NaN where there was nothing to find and nothing predicted."""
        if not self.predicted and not self.gold:
            return float("nan")
        if not self.hits:
            return 0.0
        return 2 * self.precision * self.recall / (self.precision + self.recall)


def strict(predicted: Iterable[Hashable], gold: Iterable[Hashable]) -> Counts:
    """The same things, each found once: spans with exact boundaries, as CoNLL and SemEval score; whole mentions; pairs."""
    ours, theirs = set(predicted), set(gold)
    return Counts(len(ours & theirs), len(ours & theirs), len(ours), len(theirs))


def overlapping(predicted: Iterable[Place], gold: Iterable[Place]) -> Counts:
    """Any common character counts, as #SMM4H's relaxed score."""
    ours, theirs = set(predicted), set(gold)
    hits = sum(any(_meet(a, b) for b in theirs) for a in ours)
    found = sum(any(_meet(a, b) for a in ours) for b in theirs)
    return Counts(hits, found, len(ours), len(theirs))


def decisions(labels: NDArray[np.int64], chosen: NDArray[np.bool_]) -> Counts:
    """Counts of the positive class."""
    hits = int((chosen & (labels == 1)).sum())
    return Counts(hits, hits, int(chosen.sum()), int((labels == 1).sum()))


def auroc(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    """Probability that a positive scores above a negative, ties count half; NaN with one class only."""
    positives, negatives = int((labels == 1).sum()), int((labels == 0).sum())
    if not positives or not negatives:
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[labels == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def average_precision(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    """Area under precision over recall in steps, equal scores taken together; NaN without positives."""
    if not (labels == 1).any():
        return float("nan")
    values, inverse = np.unique(-scores, return_inverse=True)
    hits = np.cumsum(np.bincount(inverse, weights=labels, minlength=len(values)))
    seen = np.cumsum(np.bincount(inverse, minlength=len(values)))
    gains = np.diff(np.concatenate([[0.0], hits]))
    return float((gains * hits / seen).sum() / hits[-1])


def brier(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    """Mean squared distance of probability and outcome."""
    return float(((scores - labels) ** 2).mean())


def best_threshold(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    """The threshold of highest F1, midway between two neighbouring scores, rounded to 4 decimals.

    Of the thresholds within .01 of the best F1 the middle one is taken: it depends less on single posts.
    """
    values = np.unique(scores)
    cuts = (values[1:] + values[:-1]) / 2 if len(values) > 1 else values
    quality = np.asarray([decisions(labels, scores >= cut).f1 for cut in cuts])
    good = cuts[quality >= np.nanmax(quality) - 0.01]
    return round(float(np.median(good)), 4)


def bootstrap(
    size: int, score: Callable[[NDArray[np.int64]], float], seed: int, rounds: int = 1000
) -> list[float] | None:
    """The 95 % interval of `score(indexes)` over posts drawn with replacement; None where it is never defined."""
    generator = np.random.default_rng(seed)
    values = [score(generator.integers(0, size, size)) for _ in range(rounds)]
    if np.isnan(values).all():
        return None
    return [round(float(value), 4) for value in np.nanquantile(values, [0.025, 0.975])]


def total(counts: Sequence[Counts]) -> Counts:
    """Micro-average: counts of all posts together."""
    return sum(counts, Counts(0, 0, 0, 0))


def _meet(a: Place, b: Place) -> bool:
    return a[0] < b[1] and b[0] < a[1]
