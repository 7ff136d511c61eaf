"""How sure an extractor must be of each type: the outside bias of best strict F1 on posts that it has not learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.corpora.readers import AnnotatedPost
from shared.models.decode import PART, REACTION, spans_of_posts
from shared.models.features import Pieces
from shared.scores import Counts, strict, total

_BIASES = (-1.0, -0.5, 0.0, 0.5, 1.0)


@dataclass(frozen=True)
class Chosen:
    """`biases` in the order of the types. By type (without parts): `scores`, the F1 there; `by_corpus`, that of each corpus.

    `report`: bias and F1 of each, to be read.
    """

    biases: list[float]
    scores: dict[str, float]
    by_corpus: dict[str, dict[str, float]]
    report: dict[str, float]


def best_biases(
    posts: Sequence[AnnotatedPost],
    names: Sequence[str],
    pieces: Sequence[Pieces],
    said: Sequence[NDArray[np.float32]],
    types: Sequence[str],
) -> Chosen:
    """The biases for emissions `said` [pieces, types * 3] of posts, each of the corpus of its name.

    F1 is a mean over the corpora that annotate the type: the larger ones would decide for all where counts were added up.
    """
    texts = [post.text for post in posts]
    found = {bias: spans_of_posts(pieces, said, texts, types, [bias] * len(types)) for bias in _BIASES}

    def scores(kind: str, bias: float) -> dict[str, float]:
        counts: dict[str, list[Counts]] = {}
        for post, spans, name in zip(posts, found[bias], names, strict=True):
            if kind in post.types:
                ours = [s.places for s in spans if s.type == kind]
                counts.setdefault(name, []).append(strict(ours, [m.places for m in post.mentions if m.type == kind]))
        return {name: float(np.nan_to_num(total(each).f1)) for name, each in counts.items()}

    def score(kind: str, bias: float) -> float:
        return float(np.mean(list(scores(kind, bias).values()) or [0.0]))

    # Parts have no score of their own; they make reactions.
    kinds = [REACTION if kind == PART else kind for kind in types]
    each = dict.fromkeys(kinds)
    biases = {kind: max(_BIASES, key=lambda bias: (score(kind, bias), -abs(bias))) for kind in each}
    return Chosen(
        [biases[kind] for kind in kinds],
        {kind: score(kind, biases[kind]) for kind in each},
        {kind: scores(kind, biases[kind]) for kind in each},
        {f"{kind}{biases[kind]:+.1f}": round(score(kind, biases[kind]), 3) for kind in each},
    )
