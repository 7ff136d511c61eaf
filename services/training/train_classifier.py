"""Trains the classifier: does a post report an adverse drug reaction that somebody had? One calibrated probability."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from services.training.calibration import calibration
from services.training.fitting import (
    begun,
    device,
    even,
    feature_builder,
    parser_of,
    readings,
    shuffled_batches,
    tensors,
)
from services.training.loop import Judged, Say, run
from services.training.networks import Classifier
from services.training.options import Options
from services.training.scoring import logits, taught_probabilities
from shared.corpora.readers import LabelledPost
from shared.corpora.splits import Split
from shared.models.classifier import BALANCED, calibrated
from shared.models.features import FeatureBuilder
from shared.scores import auroc, average_precision, brier, decisions

_PIECES_A_BATCH = 1024
_SMOOTHING = 0.03


class ClassifierTask:
    """Tweets, of which the newest train months judge; beside them, forum sentences and posts that only a teacher has judged."""

    name = "classify"

    def __init__(
        self,
        tweets: Split[LabelledPost],
        forum: Sequence[LabelledPost],
        unlabelled: Sequence[str],
        builder: FeatureBuilder,
        options: Options,
    ) -> None:
        self._options = options
        self._builder = builder
        self._held_out = tweets.held_out
        labelled = [*tweets.train, *(forum if options.forum else ())]
        texts = [*(post.text for post in labelled), *unlabelled]
        self._tweets, self._labelled = len(tweets.train), len(labelled)
        self._positive = np.asarray([post.label == 1 for post in labelled] + [False] * len(unlabelled))
        self._targets = self._positive * (1 - 2 * _SMOOTHING) + _SMOOTHING
        if options.teacher:
            told = taught_probabilities(Path(options.teacher), texts)
            share = np.where(np.arange(len(texts)) < len(labelled), options.teacher_share, 1.0)
            self._targets = (1 - share) * self._targets + share * told
        self._weights = np.where(
            (np.arange(len(texts)) >= len(tweets.train)) & (np.arange(len(texts)) < len(labelled)), options.forum, 1.0
        )
        # Training reads the first window of a long post; serving reads all and keeps the highest.
        self.windows = [one.windows[0] for one in readings(builder, parser_of(options), texts)]

    def batches(self, epoch: int, epochs: int, generator: random.Random) -> list[list[int]]:
        """All positives, a share of the negatives, all posts of the teacher.

        Forum sentences, whose label means nearly the same, are not in the last epoch.
        """
        chosen = [
            index
            for index, positive in enumerate(self._positive)
            if not self._tweets <= index < (self._labelled if epoch == epochs - 1 else self._tweets)
            and (positive or index >= self._labelled or generator.random() < self._options.negatives)
        ]
        sizes = [self.windows[index].pieces + 2 for index in chosen]
        return [[chosen[place] for place in batch] for batch in shuffled_batches(sizes, _PIECES_A_BATCH, generator)]

    def loss(self, model: nn.Module, batch: Sequence[int]) -> Tensor:
        """Cross entropy with the labels, smoothed a little, or what the teacher made of them; forum sentences count less."""
        with torch.autocast(device().type, torch.bfloat16):
            said = model(*tensors([self.windows[index] for index in batch]))[:, 0].float()
        target, weights = (
            torch.tensor(values[list(batch)], dtype=torch.float32, device=said.device)
            for values in (self._targets, self._weights)
        )
        return (functional.binary_cross_entropy_with_logits(said, target, reduction="none") * weights).mean()

    def judge(self, model: nn.Module) -> Judged:
        """Average precision on the held-out months, which uses the whole ranking; calibration and thresholds of each policy."""
        gold = np.asarray([post.label for post in self._held_out])
        said = self.said(model)
        found = calibration(said, gold)
        probabilities = calibrated(said, found.temperature, found.bias)
        threshold = found.policies[BALANCED]
        counts = decisions(gold, probabilities >= threshold)
        precision = average_precision(gold, probabilities)
        return Judged(
            precision,
            msgspec.structs.asdict(found),
            f"F1 {counts.f1:.4f} P {counts.precision:.3f} R {counts.recall:.3f} AUROC {auroc(gold, probabilities):.4f} "
            f"AP {precision:.4f} Brier {brier(gold, probabilities):.4f} thresholds {found.policies}",
        )

    def said(self, model: nn.Module) -> NDArray[np.float64]:
        """The logits of the held-out posts."""
        return logits(model, self._builder, [post.text for post in self._held_out], parser_of(self._options))


def prepare(
    tweets: Split[LabelledPost], forum: Split[LabelledPost], unlabelled: Sequence[str], options: Options
) -> ClassifierTask:
    """Read all posts, as runs with these options want them. `unlabelled`: posts whose label only the teacher says."""
    return ClassifierTask(tweets, forum.train, unlabelled, feature_builder(options), options)


def train(task: ClassifierTask, options: Options, out: Path, say: Say) -> dict[str, Any]:
    """Train, choose epoch, calibration and thresholds on the held-out months, write `out` (a torch file); its content."""
    model, content = begun(options, Classifier)
    even(model.trunk, task.windows)
    return run(task, model, options, out, content, say)
