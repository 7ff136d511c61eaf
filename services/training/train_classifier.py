"""Trains the classifier: does a post report an adverse drug reaction that somebody had? One calibrated probability."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from services.training.fitting import (
    Optimiser,
    build_trunk,
    continue_from,
    feature_spec,
    load_tokenizer,
    readings,
    shuffled_batches,
    tensors,
)
from services.training.networks import Classifier, Sizes
from shared.corpora.readers import LabelledPost
from shared.corpora.splits import Split
from shared.models.classifier import calibrated, post_logits
from shared.models.features import FeatureBuilder
from shared.scores import auroc, average_precision, best_threshold, decisions
from shared.text.parse import default_parser

# Of the negatives, which are nine in ten, each epoch reads this share, others each time.
_NEGATIVES = 0.5
# A share of the gradient goes to PsyTAR's sentences, whose label means nearly the same; the last epoch reads tweets only.
_FORUM_WEIGHT = 0.5
_SMOOTHING = 0.03
# Weights that are already close need smaller steps.
_CONTINUED = 0.7


def train(
    tweets: Split[LabelledPost],
    forum: Split[LabelledPost],
    encoder: str,
    out: Path,
    *,
    epochs: int,
    seed: int,
    start: Path | None = None,
    freeze: int = 0,
    without: frozenset[str] = frozenset(),
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Train, choose epoch, calibration and threshold on the held-out months, write `out` (a torch file); its content.

    `start`: a trained extractor, whose trunk the classifier begins with. `freeze`: layers of the encoder that stay.
    `without`: levels left out (characters, pairs).
    """
    torch.manual_seed(seed)
    generator = random.Random(seed)
    parser = default_parser()
    spec = feature_spec(parser)
    builder = FeatureBuilder(load_tokenizer(encoder), spec)
    posts = [*tweets.train, *forum.train]
    # Training reads the first window of a long post; serving reads all and keeps the highest.
    windows = [reading.windows[0] for reading in readings(builder, parser, [post.text for post in posts])]
    sizes = replace(Sizes(labels=len(spec.labels)), **dict.fromkeys(without, 0))
    model = Classifier(build_trunk(encoder, sizes, freeze=freeze), sizes.hidden)
    if start is not None:
        continue_from(model, start)
    lengths = [window.pieces + 2 for window in windows]
    plan = [epoch_posts(posts, len(tweets.train), epoch == epochs - 1, generator) for epoch in range(epochs)]
    steps = sum(len(list(shuffled_batches([lengths[i] for i in part], 1024, random.Random(1)))) for part in plan)
    optimiser = Optimiser(model, steps, scale=_CONTINUED if start else 1.0)
    best: dict[str, Any] = {"score": -1.0}
    for epoch, part in enumerate(plan):
        model.train()
        began, losses = time.monotonic(), []
        for batch in shuffled_batches([lengths[i] for i in part], 1024, generator):
            chosen = [part[index] for index in batch]
            with torch.autocast("cpu", torch.bfloat16):
                logits = model(*tensors([windows[index] for index in chosen]))[:, 0].float()
            labels = torch.tensor([float(posts[index].label) for index in chosen])
            weights = torch.tensor([1.0 if index < len(tweets.train) else _FORUM_WEIGHT for index in chosen])
            target = labels * (1 - 2 * _SMOOTHING) + _SMOOTHING
            loss = (functional.binary_cross_entropy_with_logits(logits, target, reduction="none") * weights).mean()
            optimiser.step(loss)
            losses.append(loss.item())
            if len(losses) % 50 == 0:
                say(f"classify epoch {epoch} step {len(losses)} loss {np.mean(losses[-50:]):.4f}")
        averaged = optimiser.averaged()
        logits = score(averaged, builder, [post.text for post in tweets.held_out])
        gold = np.asarray([post.label for post in tweets.held_out])
        temperature, bias = calibrate(logits, gold)
        probabilities = calibrated(logits, temperature, bias)
        threshold = best_threshold(gold, probabilities)
        counts = decisions(gold, probabilities >= threshold)
        precision = average_precision(gold, probabilities)
        say(
            f"classify epoch {epoch} {time.monotonic() - began:.0f}s held-out F1 {counts.f1:.4f} P {counts.precision:.3f} "
            f"R {counts.recall:.3f} AUC {auroc(gold, probabilities):.4f} AP {precision:.4f} "
            f"T {temperature:.2f} bias {bias:.2f} threshold {threshold}"
        )
        # Average precision uses the whole ranking, so it picks an epoch with less noise than F1 at one threshold.
        if precision > best["score"]:
            best = {
                "score": precision,
                "state": averaged.state_dict(),
                "sizes": sizes,
                "spec": spec,
                "encoder": encoder,
                "temperature": temperature,
                "bias": bias,
                "threshold": threshold,
                "parser": parser.version,
                "seed": seed,
            }
            torch.save(best, out)
    return best


def epoch_posts(posts: Sequence[LabelledPost], tweets: int, last: bool, generator: random.Random) -> list[int]:
    """Indexes one epoch reads: all positives, a share of the negatives; forum sentences not in the last epoch."""
    return [
        index
        for index, post in enumerate(posts)
        if (index < tweets or not last) and (post.label or generator.random() < _NEGATIVES)
    ]


def score(model: nn.Module, builder: FeatureBuilder, texts: Sequence[str]) -> NDArray[np.float64]:
    """The logit of each text, by the model in PyTorch."""
    encoded = builder.encode(texts, default_parser().parse(texts))
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        outputs = [model(*tensors([window for _, window in rows])).float().numpy() for rows in encoded.rows]
    return post_logits(encoded, outputs)


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
