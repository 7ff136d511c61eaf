"""From logits to calibrated probabilities, and thresholds for what a team wants most."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from shared.scores import decisions


def calibrate(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> tuple[float, float]:
    """Temperature and bias of highest likelihood: p = sigmoid(logit / temperature + bias) (Platt 1999)."""
    values = torch.from_numpy(logits)
    target = torch.from_numpy(labels).double()
    scale = torch.ones(1, dtype=torch.double, requires_grad=True)
    bias = torch.zeros(1, dtype=torch.double, requires_grad=True)
    optimiser = torch.optim.LBFGS([scale, bias], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = functional.binary_cross_entropy_with_logits(values * scale + bias, target)
        torch.autograd.backward(loss)
        return loss

    optimiser.step(closure)
    return round(1.0 / max(scale.item(), 1e-3), 6), round(bias.item(), 6)


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
