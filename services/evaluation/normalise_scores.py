"""Scores a trained normaliser on coded phrases: accuracy@1 and @5, the share that is mapped, and how much of that is right."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.evaluation.reports import Row, table
from shared.corpora.phrases import CodedPhrase, HoldOut, PhraseFormat, data_hash, phrase_hash, split
from shared.errors import AdrwatchError
from shared.scores import bootstrap
from shared.vocabulary.trained import TrainedNormaliser

_TOP = 5


class NormaliserReport(msgspec.Struct, frozen=True, kw_only=True):
    """One evaluation. `part` says which rows were scored; `seen` is the share of them whose phrase was learned from."""

    task: str
    data: str
    part: str
    model: dict[str, Any]
    rows_scored: int
    phrases: int
    seen: float
    seed: int
    phrases_per_second: float
    rows: list[Row]

    def json(self) -> str:
        """Indented JSON."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode()

    def markdown(self) -> str:
        """A heading, a line that identifies the run, and a table."""
        lines = [
            f"## {self.task}: {self.data}",
            "",
            f"{self.rows_scored:,} rows, {self.phrases:,} phrases ({self.part}); {self.seen:.1%} of the rows have a phrase that "
            f"was learned from; seed {self.seed}; {self.phrases_per_second} phrases/s. Model: {self.model}.",
            "",
            *table(self.rows),
        ]
        return "\n".join(lines) + "\n"


def evaluate(
    pairs: Sequence[CodedPhrase], name: str, layout: PhraseFormat, normaliser: TrainedNormaliser, seed: int
) -> NormaliserReport:
    """Score a normaliser on rows that it did not learn from, as they come and each phrase once.

    Where the data is what it was trained on (by hash), only the held-out part counts. Raises AdrwatchError where nothing of
    it was held out. The intervals draw phrases, with all of their rows: repeated rows are not independent.
    """
    own = normaliser.description
    trained_on = own.layout == layout.value and own.data_hash == data_hash(pairs)
    learned: set[int] = set()
    part = "all rows of other data"
    scored = list(pairs)
    if trained_on:
        rest, scored = split(pairs, HoldOut(own.held_out))
        learned = {phrase_hash(pair.phrase) for pair in rest}
        part = f"held out: {own.held_out}"
    if not scored:
        raise AdrwatchError("the model was trained on all of these rows", fix="train it again with --hold-out phrases")
    began = time.monotonic()
    found = [normaliser.candidates(pair.phrase, _TOP) for pair in scored]
    seconds = time.monotonic() - began
    outcomes = np.asarray(
        [
            (
                bool(listed) and listed[0].concept.id == pair.concept,
                any(one.concept.id == pair.concept for one in listed),
                bool(listed) and listed[0].score >= own.threshold,
            )
            for pair, listed in zip(scored, found, strict=True)
        ],
        dtype=np.float64,
    )
    keys = [phrase_hash(pair.phrase) for pair in scored]
    return NormaliserReport(
        task="normalise",
        data=name,
        part=part,
        model={
            "held_out": own.held_out,
            "rows": own.rows,
            "concepts": len(own.concepts),
            "seed": own.seed,
            "cost": own.cost,
            "groups": own.groups,
            "threshold": own.threshold,
            "vocabulary": own.vocabulary,
        },
        rows_scored=len(scored),
        phrases=len(set(keys)),
        seen=round(float(np.mean([key in learned for key in keys])), 4),
        seed=seed,
        phrases_per_second=round(len(scored) / seconds, 1) if seconds else 0.0,
        rows=[*_rows("rows", outcomes, keys, seed), *_rows("unique phrases", *_unique(outcomes, keys), seed)],
    )


def _unique(outcomes: NDArray[np.float64], keys: Sequence[int]) -> tuple[NDArray[np.float64], list[int]]:
    """One row a phrase; where its rows name several concepts, the share of them that is right."""
    order, places = np.unique(np.asarray(keys), return_inverse=True)
    sums = np.zeros((len(order), outcomes.shape[1]))
    np.add.at(sums, places, outcomes)
    return sums / np.bincount(places)[:, None], order.tolist()


def _rows(of: str, outcomes: NDArray[np.float64], keys: Sequence[int], seed: int) -> list[Row]:
    """The four scores with intervals over phrases."""
    _, places = np.unique(np.asarray(keys), return_inverse=True)
    groups = np.split(np.argsort(places, kind="stable"), np.cumsum(np.bincount(places))[:-1])

    def row(metric: str, score: Callable[[NDArray[np.float64]], float]) -> Row:
        def of_phrases(chosen: NDArray[np.int64]) -> float:
            return score(outcomes[np.concatenate([groups[index] for index in chosen])])

        value = score(outcomes)
        return Row(of, metric, None if np.isnan(value) else round(value, 4), bootstrap(len(groups), of_phrases, seed))

    return [
        row("accuracy@1", lambda part: float(part[:, 0].mean())),
        row("accuracy@5", lambda part: float(part[:, 1].mean())),
        row("coverage", lambda part: float(part[:, 2].mean())),
        row("accuracy among mapped", _among_mapped),
    ]


def _among_mapped(part: NDArray[np.float64]) -> float:
    mapped = part[:, 2].sum()
    return float((part[:, 0] * part[:, 2]).sum() / mapped) if mapped else float("nan")
