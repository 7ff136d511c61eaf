"""Trains the multilingual classifier: posts of several languages, one calibration and one set of thresholds for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from torch import nn

from services.training.fitting import feature_builder
from services.training.loop import Judged
from services.training.options import Options
from services.training.served_calibration import by_language
from services.training.train_classifier import ClassifierTask
from shared.corpora.readers import LabelledPost
from shared.corpora.splits import Split
from shared.models.classifier import BALANCED, calibrated
from shared.models.features import FeatureBuilder
from shared.scores import average_precision, decisions


class LanguagesTask(ClassifierTask):
    """Posts of several languages; what helps to train beside them (`transfer`) chooses nothing."""

    def __init__(
        self,
        languages: Mapping[str, Split[LabelledPost]],
        transfer: Sequence[LabelledPost],
        builder: FeatureBuilder,
        options: Options,
    ) -> None:
        held_out = [post for split in languages.values() for post in split.held_out]
        train = [post for split in languages.values() for post in split.train]
        super().__init__(Split(train, held_out, []), transfer, (), builder, options)
        self._gold = np.asarray([post.label for post in held_out], dtype=np.int64)
        self._spoken = np.asarray([name for name, split in languages.items() for _ in split.held_out])

    def judge(self, model: nn.Module) -> Judged:
        """Mean average precision over the languages that have enough reports held out; what `by_language` decides."""
        said = self.said(model)
        decided = by_language(said, self._gold, self._spoken)
        precisions, report = [], []
        for name in dict.fromkeys(self._spoken.tolist()):
            here = self._spoken == name
            of = decided["by_language"].get(name, decided)
            probabilities = calibrated(said[here], of["temperature"], of["bias"])
            counts = decisions(self._gold[here], probabilities >= of["policies"][BALANCED])
            precision = average_precision(self._gold[here], probabilities)
            if name in decided["by_language"]:
                precisions.append(precision)
            report.append(f"{name} AP {precision:.4f} F1 {counts.f1:.4f} of {int(self._gold[here].sum())}")
        return Judged(float(np.mean(precisions or [0.0])), decided, "; ".join(report))


def prepare(
    languages: Mapping[str, Split[LabelledPost]], transfer: Sequence[LabelledPost], options: Options
) -> LanguagesTask:
    """Read all posts, as runs with these options want them."""
    return LanguagesTask(languages, transfer, feature_builder(options), options)
