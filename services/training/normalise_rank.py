"""Fits the weights of the reranker on the vocabulary itself: a lay phrase is hidden, and its concept is to be found again.

Hidden with it is every phrase that the cascade would take for it, so that only what the reranker is for is learned.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from shared.errors import AdrwatchError
from shared.events import Concept
from shared.vocabulary.candidates import PhraseIndex
from shared.vocabulary.phrases import stems
from shared.vocabulary.rank import FEATURES, Weights, measure

# The share of hidden phrases that must get their own concept where the best score reaches the threshold.
_PRECISION = 0.9
_PARTS = 5
# A share of fewer answers says little.
_LEAST = 20


@dataclass(frozen=True, slots=True)
class Hidden:
    """A hidden phrase: features of each candidate, and which of them have its concept."""

    features: list[tuple[float, ...]]
    right: list[bool]


def fit(
    rows: Sequence[tuple[str, Concept, int]], out: Path, *, sample: int, seed: int, say: Callable[[str], None]
) -> Weights:
    """Fit on a sample of the phrases of rank 0 (lay phrases), choose the threshold by cross-validation, write TOML."""
    index = PhraseIndex((phrase, concept) for phrase, concept, _ in rows)
    lay = sorted((phrase, concept.id) for phrase, concept, rank in rows if rank == 0)
    chosen = random.Random(seed).sample(lay, min(sample, len(lay)))
    hidden = [one for phrase, key in chosen if (one := _hide(index, phrase, key)).features]
    say(f"{len(chosen)} hidden phrases, {len(hidden)} with candidates")
    scores, right = _validated(hidden)
    threshold = _threshold(scores, right)
    kept = scores >= threshold
    model = _model(hidden)
    weights = Weights(
        tuple(round(float(value), 3) for value in model.coef_[0]), round(float(model.intercept_[0]), 3), threshold
    )
    found = f"{kept.sum()} of them are answered, {right[kept].sum()} of the answers are right"
    say(f"cross-validated, threshold {threshold}: {found}")
    listed = "\n".join(f"{name} = {value}" for name, value in zip(FEATURES, weights.weights, strict=True))
    head = f"# Made by `adrwatch train rank --sample {sample} --seed {seed}`. Of {len(hidden)} hidden lay phrases, cross-validated:"
    text = f"{head}\n# {found}.\nthreshold = {threshold}\nconstant = {weights.constant}\n\n[weights]\n{listed}\n"
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise AdrwatchError(f"{out} cannot be written: {error.strerror}", fix="choose another --out") from None
    return weights


def _hide(index: PhraseIndex, phrase: str, key: str) -> Hidden:
    own = stems(phrase.split())
    left = [near for near in index.near(phrase) if stems(near.phrase.split()) != own]
    measured = measure(phrase, left)
    return Hidden([features for _, features in measured], [near.concept.id == key for near, _ in measured])


def _model(hidden: Sequence[Hidden]) -> LogisticRegression:
    features = np.asarray([row for one in hidden for row in one.features])
    right = np.asarray([value for one in hidden for value in one.right])
    return LogisticRegression(C=10, max_iter=1000).fit(features, right)


def _validated(hidden: Sequence[Hidden]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The best score of each hidden phrase, by a model that has not seen it, and whether its concept is right.

    0 where the best candidate is not alike: such a one is never taken.
    """
    scores, right = np.zeros(len(hidden)), np.zeros(len(hidden), dtype=bool)
    for part in range(_PARTS):
        model = _model([one for number, one in enumerate(hidden) if number % _PARTS != part])
        for number in range(part, len(hidden), _PARTS):
            features = np.asarray(hidden[number].features)
            values = model.predict_proba(features)[:, 1]
            best = int(values.argmax())
            scores[number] = values[best] * features[best, FEATURES.index("alike")]
            right[number] = hidden[number].right[best]
    return scores, right


def _threshold(scores: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """The lowest hundredth from which the share of right answers is high enough; 1, which nothing reaches, without one."""
    for threshold in np.arange(0.01, 1.0, 0.01).round(2):
        kept = scores >= threshold
        if kept.sum() >= _LEAST and right[kept].mean() >= _PRECISION:
            return float(threshold)
    return 1.0
