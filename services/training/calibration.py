"""From logits to calibrated probabilities, and thresholds for what a team wants most."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from shared.models.classifier import BALANCED, RECALL, calibrated
from shared.models.metadata import Calibration
from shared.scores import best_threshold, decisions

# What share of the reports the policy `recall` finds, and what share of the alarms of `precision` are right, on the posts given.
_WANTED = 0.9
PRECISION = "precision"


def calibration(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> Calibration:
    """Of highest likelihood on these posts, which no network has learned from (Platt 1999); thresholds on the same posts."""

    def loss(parameters: NDArray[np.float64]) -> float:
        values = logits * parameters[0] + parameters[1]
        return float(np.mean(np.logaddexp(0.0, values) - labels * values))

    def slope(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        error = expit(logits * parameters[0] + parameters[1]) - labels
        return np.asarray([np.mean(error * logits), np.mean(error)])

    scale, bias = minimize(loss, np.asarray([1.0, 0.0]), jac=slope, method="L-BFGS-B").x
    temperature, shift = round(1.0 / max(float(scale), 1e-3), 6), round(float(bias), 6)
    probabilities = calibrated(logits, temperature, shift)
    policies = {
        BALANCED: best_threshold(labels, probabilities),
        RECALL: threshold_for(labels, probabilities, recall=_WANTED),
        PRECISION: threshold_for(labels, probabilities, precision=_WANTED),
    }
    return Calibration(temperature, shift, policies)


def threshold_for(
    labels: NDArray[np.int64], scores: NDArray[np.float64], *, recall: float = 0.0, precision: float = 0.0
) -> float:
    """The threshold of best F1 among those that reach a recall or a precision, rounded to 4 decimals.

    Where none does, the one that comes nearest.
    """
    values = np.unique(scores)
    cuts = np.concatenate([values[:1], (values[1:] + values[:-1]) / 2])
    counted = [decisions(labels, scores >= cut) for cut in cuts]
    short = np.asarray([max(recall - (c.recall or 0.0), precision - (c.precision or 0.0), 0.0) for c in counted])
    quality = np.asarray([c.f1 for c in counted])
    good = np.flatnonzero(short <= short.min() + 1e-12)
    return round(float(cuts[good[np.argmax(quality[good])]]), 4)
