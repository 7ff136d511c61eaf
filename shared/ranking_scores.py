"""Scores of probabilities, for many bootstrap rounds at once: AUROC, average precision, Brier score, calibration error; curves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.resampling import Floats, Scores

BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Posts whose probabilities lie in one bin: mean probability, share of positives, number of posts."""

    probability: float
    observed: float
    posts: int


def ranking(labels: NDArray[np.int64], probabilities: Floats) -> Scores:
    """AUROC (ties count half) and average precision (equal scores taken together), as `shared.scores` defines them."""
    order = np.argsort(-probabilities, kind="stable")
    positive = (labels[order] == 1).astype(np.float64)
    # The first place of each run of equal scores.
    starts = np.flatnonzero(np.concatenate([[True], np.diff(probabilities[order]) != 0]))

    def scores(weights: Floats) -> dict[str, Floats]:
        drawn = weights[:, order]
        hits = np.add.reduceat(drawn * positive, starts, axis=1)
        misses = np.add.reduceat(drawn, starts, axis=1) - hits
        hits_so_far, misses_so_far = hits.cumsum(axis=1), misses.cumsum(axis=1)
        all_hits, all_misses = hits_so_far[:, -1], misses_so_far[:, -1]
        with np.errstate(invalid="ignore", divide="ignore"):
            below = all_misses[:, None] - misses_so_far + misses / 2
            auroc = (hits * below).sum(axis=1) / (all_hits * all_misses)
            seen = hits_so_far + misses_so_far
            steps = np.where(hits > 0, hits * hits_so_far / seen, 0.0)
            precision = steps.sum(axis=1) / all_hits
        return {"auroc": auroc, "average precision": precision}

    return scores


def calibration(labels: NDArray[np.int64], probabilities: Floats) -> Scores:
    """Brier score, and expected calibration error in ten bins of equal width (Naeini et al. 2015; Guo et al. 2017)."""
    distance = (probabilities - labels) ** 2
    gap = np.zeros((len(labels), BINS))
    gap[np.arange(len(labels)), bins(probabilities)] = probabilities - labels

    def scores(weights: Floats) -> dict[str, Floats]:
        drawn = weights.sum(axis=1)
        return {
            "brier": weights @ distance / drawn,
            "expected calibration error": np.abs(weights @ gap).sum(axis=1) / drawn,
        }

    return scores


def bins(probabilities: Floats) -> NDArray[np.int64]:
    """The bin [0, 10) of each probability; 1.0 belongs to the last."""
    return np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)


def calibration_curve(labels: NDArray[np.int64], probabilities: Floats) -> list[Bin]:
    """The bins that hold posts, from low to high."""
    place = bins(probabilities)
    found = []
    for number in range(BINS):
        inside = place == number
        if inside.any():
            found.append(
                Bin(
                    round(float(probabilities[inside].mean()), 4),
                    round(float(labels[inside].mean()), 4),
                    int(inside.sum()),
                )
            )
    return found


def precision_recall_curve(
    labels: NDArray[np.int64], probabilities: Floats, most: int = 200
) -> list[tuple[float, float, float]]:
    """(threshold, precision, recall) from the highest threshold to the lowest, `most` of them; empty without positives.

    Where there are more, those are kept that are spread evenly over the posts that stand above them.
    """
    positives = int((labels == 1).sum())
    if not positives:
        return []
    order = np.argsort(-probabilities, kind="stable")
    hits = np.cumsum(labels[order] == 1)
    last = np.flatnonzero(np.concatenate([np.diff(probabilities[order]) != 0, [True]]))
    if len(last) > most:
        last = last[np.unique(np.linspace(0, len(last) - 1, most).round().astype(np.int64))]
    return [
        (float(probabilities[order[at]]), round(float(hits[at] / (at + 1)), 4), round(float(hits[at] / positives), 4))
        for at in last.tolist()
    ]
