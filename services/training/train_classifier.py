"""Trains the classifier: does a post report an adverse drug reaction that somebody had? One calibrated probability."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from services.training.calibration import calibration
from services.training.fitting import (
    build_trunk,
    continue_from,
    device,
    feature_spec,
    identity,
    load_tokenizer,
    readings,
    shuffled_batches,
    sizes_of,
    tensors,
    trunk_of,
)
from services.training.loop import Judged, Say, run
from services.training.networks import Classifier
from services.training.options import Options
from shared.corpora.readers import LabelledPost
from shared.corpora.splits import Split
from shared.models.classifier import BALANCED, calibrated, post_logits
from shared.models.features import FeatureBuilder
from shared.scores import auroc, average_precision, brier, decisions
from shared.text.parse import default_parser

_PIECES_A_BATCH = 1024
_SMOOTHING = 0.03


class ClassifierTask:
    """Tweets, of which the newest train months judge, and forum sentences, which only help to train."""

    name = "classify"

    def __init__(
        self, tweets: Split[LabelledPost], forum: Sequence[LabelledPost], builder: FeatureBuilder, options: Options
    ) -> None:
        self._options = options
        self._builder = builder
        self._posts = [*tweets.train, *(forum if options.forum else ())]
        self._tweets = len(tweets.train)
        self._held_out = tweets.held_out
        parser = default_parser()
        # Training reads the first window of a long post; serving reads all and keeps the highest.
        self._windows = [one.windows[0] for one in readings(builder, parser, [post.text for post in self._posts])]

    def batches(self, epoch: int, epochs: int, generator: random.Random) -> list[list[int]]:
        """All positives and a share of the negatives; forum sentences, whose label means nearly the same, not in the last epoch."""
        chosen = [
            index
            for index, post in enumerate(self._posts)
            if (index < self._tweets or epoch < epochs - 1)
            and (post.label or generator.random() < self._options.negatives)
        ]
        sizes = [self._windows[index].pieces + 2 for index in chosen]
        return [[chosen[place] for place in batch] for batch in shuffled_batches(sizes, _PIECES_A_BATCH, generator)]

    def loss(self, model: nn.Module, batch: Sequence[int]) -> Tensor:
        """Cross entropy with a little smoothing; forum sentences count less."""
        with torch.autocast(device().type, torch.bfloat16):
            logits = model(*tensors([self._windows[index] for index in batch]))[:, 0].float()
        labels = torch.tensor([float(self._posts[index].label) for index in batch], device=logits.device)
        weights = torch.tensor(
            [1.0 if index < self._tweets else self._options.forum for index in batch], device=logits.device
        )
        target = labels * (1 - 2 * _SMOOTHING) + _SMOOTHING
        return (functional.binary_cross_entropy_with_logits(logits, target, reduction="none") * weights).mean()

    def judge(self, model: nn.Module) -> Judged:
        """Average precision on the held-out months, which uses the whole ranking; calibration and thresholds of each policy."""
        gold = np.asarray([post.label for post in self._held_out])
        logits = score(model, self._builder, [post.text for post in self._held_out])
        found = calibration(logits, gold)
        probabilities = calibrated(logits, found.temperature, found.bias)
        threshold = found.policies[BALANCED]
        counts = decisions(gold, probabilities >= threshold)
        precision = average_precision(gold, probabilities)
        return Judged(
            precision,
            asdict(found),
            f"F1 {counts.f1:.4f} P {counts.precision:.3f} R {counts.recall:.3f} AUROC {auroc(gold, probabilities):.4f} "
            f"AP {precision:.4f} Brier {brier(gold, probabilities):.4f} thresholds {found.policies}",
        )


def train(
    tweets: Split[LabelledPost], forum: Split[LabelledPost], options: Options, out: Path, say: Say
) -> dict[str, Any]:
    """Train, choose epoch, calibration and thresholds on the held-out months, write `out` (a torch file); its content."""
    parser = default_parser()
    spec = feature_spec(parser, options.without)
    task = ClassifierTask(tweets, forum.train, FeatureBuilder(load_tokenizer(options.encoder), spec), options)
    torch.manual_seed(options.seed)
    sizes = sizes_of(spec, options.without)
    model = Classifier(build_trunk(options.encoder, sizes, freeze=options.freeze))
    if options.start:
        continue_from(model, Path(options.start))
    return run(task, model, options, out, identity(model, sizes, spec, parser, options), say)


def logits_of(trained: dict[str, Any], texts: Sequence[str]) -> NDArray[np.float64]:
    """The logits of a checkpoint's model in PyTorch."""
    model = Classifier(trunk_of(trained))
    model.load_state_dict(trained["state"])
    builder = FeatureBuilder(Tokenizer.from_str(trained["tokenizer"]), trained["spec"])
    return score(model.to(device()).eval(), builder, texts)


def score(model: nn.Module, builder: FeatureBuilder, texts: Sequence[str]) -> NDArray[np.float64]:
    """The logit of each text, by the model in PyTorch."""
    encoded = builder.encode(texts, default_parser().parse(texts))
    with torch.no_grad(), torch.autocast(device().type, torch.bfloat16):
        outputs = [model(*tensors([window for _, window in rows])).float().cpu().numpy() for rows in encoded.rows]
    return post_logits(encoded, outputs)
