"""Bootstrap intervals (Efron and Tibshirani 1993, percentile method), many rounds at a time.

A round draws as many posts as there are, with replacement. It is a row of weights: how often each post was drawn. A score is a
function of weights [rounds, posts] to values [rounds]; with all weights 1 it is the score itself, so that the score and its
interval cannot be computed in two ways.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Scores = Callable[[Floats], Mapping[str, Floats]]
ROUNDS = 1000
# Numbers of a block of rounds: 32 MB.
_BLOCK = 4_000_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A score and its 95 % interval. NaN where it is undefined; None where no round defines it."""

    value: float
    interval: list[float] | None


def estimates(posts: int, scores: Scores, seed: int, rounds: int = ROUNDS) -> dict[str, Estimate]:
    """Each of `scores` by name, on the posts as they are and with the interval over posts drawn with replacement.

    Rounds in which a score is undefined are left out of its interval.
    """
    points = scores(np.ones((1, posts)))
    blocks = [scores(weights) for weights in draws(posts, seed, rounds)]
    found = {}
    for name, point in points.items():
        values = np.concatenate([block[name] for block in blocks])
        defined = values[~np.isnan(values)]
        interval = [round(float(edge), 4) for edge in np.quantile(defined, [0.025, 0.975])] if defined.size else None
        found[name] = Estimate(round(float(point[0]), 4), interval)
    return found


def draws(posts: int, seed: int, rounds: int = ROUNDS) -> Iterator[Floats]:
    """Weights [some rounds, posts] of all rounds, in blocks that fit in memory."""
    generator = np.random.default_rng(seed)
    size = max(1, _BLOCK // max(1, posts))
    for first in range(0, rounds, size):
        number = min(size, rounds - first)
        drawn = generator.integers(0, posts, (number, posts)) + np.arange(number)[:, None] * posts
        counts = np.bincount(drawn.ravel(), minlength=number * posts)
        yield counts.reshape(number, posts).astype(np.float64)


def count_scores(table: NDArray[np.int64], prefix: str = "") -> Scores:
    """Precision, recall and F1 of counts [posts, 4]: hits, found, predicted, gold of each post (see `shared.scores.Counts`)."""
    numbers = np.asarray(table, dtype=np.float64).reshape(-1, 4)

    def scores(weights: Floats) -> dict[str, Floats]:
        hits, found, predicted, gold = (weights @ numbers).T
        with np.errstate(invalid="ignore", divide="ignore"):
            precision, recall = hits / predicted, found / gold
            f1 = np.where(hits > 0, 2 * precision * recall / (precision + recall), 0.0)
        f1 = np.where((predicted == 0) & (gold == 0), np.nan, f1)
        return {f"{prefix}precision": precision, f"{prefix}recall": recall, f"{prefix}f1": f1}

    return scores


def together(parts: Sequence[Scores]) -> Scores:
    """Several scores as one, on the same rounds. Their names must differ."""
    return lambda weights: {name: values for part in parts for name, values in part(weights).items()}
