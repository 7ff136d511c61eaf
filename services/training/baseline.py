"""What the multilingual classifier is compared with: TF-IDF and logistic regression, for each language by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline

from shared.corpora.readers import LabelledPost
from shared.corpora.splits import Split
from shared.scores import auroc, average_precision, best_threshold, decisions
from shared.text.clean import model_text

_WEIGHTS = (0.3, 1.0, 3.0, 10.0)


@dataclass(frozen=True)
class Baseline:
    """Scores on the dev split of a language; `c`: the inverse strength of the penalty, chosen with the threshold beforehand."""

    language: str
    posts: int
    positive: int
    precision: float | None
    recall: float | None
    f1: float
    auroc: float
    average_precision: float
    c: float
    threshold: float


def compare(splits: Mapping[str, Split[LabelledPost]], seed: int) -> list[Baseline]:
    """Learn from the training posts, choose penalty and threshold on the held-out posts, score the dev split once."""
    found = []
    for language, split in splits.items():
        choices = []
        for weight in _WEIGHTS:
            model = _model(weight, seed).fit(_texts(split.train), _labels(split.train))
            said = model.predict_proba(_texts(split.held_out))[:, 1]
            choices.append((average_precision(_labels(split.held_out), said), weight, model, said))
        _, weight, model, said = max(choices, key=lambda choice: choice[0])
        threshold = best_threshold(_labels(split.held_out), said)
        gold, scored = _labels(split.dev), model.predict_proba(_texts(split.dev))[:, 1]
        counts = decisions(gold, scored >= threshold)
        found.append(
            Baseline(
                language,
                len(gold),
                int(gold.sum()),
                counts.precision,
                counts.recall,
                counts.f1,
                auroc(gold, scored),
                average_precision(gold, scored),
                weight,
                threshold,
            )
        )
    return found


def _model(weight: float, seed: int) -> Pipeline:
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=2, sublinear_tf=True)
    return make_pipeline(
        FeatureUnion([("words", words), ("letters", letters)]),
        LogisticRegression(C=weight, class_weight="balanced", max_iter=1000, random_state=seed),
    )


def _texts(posts: list[LabelledPost]) -> list[str]:
    return [model_text(post.text) for post in posts]


def _labels(posts: list[LabelledPost]) -> NDArray[np.int64]:
    return np.asarray([post.label for post in posts], dtype=np.int64)
