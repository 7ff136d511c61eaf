"""Trains the advert model of the screen on posts that we wrote (needs scikit-learn).

A multinomial logistic regression with an L2 penalty, all labels of equal weight. The threshold is the lowest at which of all
people's posts that reach the model (nobody in them says "I") not one is stopped by a model that has not learned from its template.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from shared.errors import AdrwatchError
from shared.provenance import content_hash
from shared.screening.adverts import first_person
from shared.screening.features import BUCKETS, hashed
from shared.screening.model import AdvertModel, packed
from shared.screening.posts import LABELS, WrittenPost
from shared.vocabulary.drugs import DrugLexicon

# Of 10, 30 and 100 the one by which the fewest reports of the training tweets fall (docs/screen.md).
COST = 10.0
_FOLDS = 5
# The least that counts as sure, and the precision of the threshold.
_SURE, _STEP = 0.75, 0.001


def train(
    posts: Sequence[WrittenPost], lexicon: DrugLexicon, out: Path, cost: float, say: Callable[[str], None]
) -> AdvertModel:
    """Fit on the posts that are not held out and write the model. Raises AdrwatchError for too few of them, or no place for it."""
    if out.is_dir() or not out.parent.is_dir():
        raise AdrwatchError(f"{out} cannot be written", fix="give --out a file in a folder that exists")
    learned = [post for post in posts if not post.held_out]
    templates = np.asarray([post.template for post in learned])
    labels = np.asarray([LABELS.index(post.label) for post in learned])
    for number, label in enumerate(LABELS):
        if len(set(templates[labels == number])) < _FOLDS:
            raise AdrwatchError(
                f"fewer than {_FOLDS} templates of the label {label} to learn from", fix="write more posts of it"
            )
    seen = _matrix(learned, lexicon)
    unlike = np.zeros(len(learned))
    for fitted, left_out in GroupKFold(_FOLDS).split(seen, labels, templates):
        unlike[left_out] = 1 - _fit(seen[fitted], labels[fitted], cost).predict_proba(seen[left_out])[:, 0]
    reached = np.asarray([not first_person(post.text) for post in learned])
    people = unlike[reached & (labels == 0)]
    threshold = round(max(_SURE, float(people.max()) + _STEP), 3)
    stopped = [float((unlike[reached & group] >= threshold).mean()) for group in (labels > 0, labels == 0)]
    say(
        f"threshold {threshold}: out of fold it stops {stopped[1]:.1%} of people's posts, {stopped[0]:.1%} of the others"
    )
    model = _fit(seen, labels, cost)
    weights = (model.coef_[1:] - model.coef_[0]).T
    bias = model.intercept_[1:] - model.intercept_[0]
    content = packed(
        weights,
        bias,
        threshold=threshold,
        posts_hash=content_hash([(post.label, post.text) for post in learned]),
        learned_from=len(learned),
        cost=cost,
    )
    try:
        out.write_bytes(content)
    except OSError as error:
        raise AdrwatchError(f"{out} cannot be written: {error.strerror}", fix="give another --out") from error
    return AdvertModel.load(out)


def _fit(seen: csr_matrix, labels: NDArray[np.int64], cost: float) -> LogisticRegression:
    return LogisticRegression(C=cost, class_weight="balanced", max_iter=5_000, tol=1e-6).fit(seen, labels)


def _matrix(posts: Sequence[WrittenPost], lexicon: DrugLexicon) -> csr_matrix:
    """[posts, buckets], each row of length 1, as the model reads a post."""
    places = [hashed(post.text, lexicon.find(post.text)) for post in posts]
    ends = np.cumsum([0, *map(len, places)])
    values = np.concatenate([np.full(len(each), len(each) ** -0.5) for each in places])
    return csr_matrix((values, np.concatenate(places), ends), shape=(len(posts), BUCKETS))
