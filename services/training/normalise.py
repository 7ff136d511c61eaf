"""Trains a normaliser on coded phrases: linear support vector machines, one a concept, over sparse features (scikit-learn).

Cost, temperature and threshold are chosen by cross-validation within the rows that are learned from, whole phrases together;
held-out rows are not looked at.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.svm import LinearSVC

from shared.corpora.phrases import CodedPhrase, HoldOut, PhraseFormat, data_hash, phrase_hash, split
from shared.errors import AdrwatchError
from shared.vocabulary.ngrams import TfIdf
from shared.vocabulary.phrases import normal_form
from shared.vocabulary.reactions import ReactionVocabulary
from shared.vocabulary.trained import DESCRIPTION, FORM, GROUPS, WEIGHTS, Description, features, softmax

_TEMPERATURES = tuple(round(0.05 * 1.2**step, 4) for step in range(20))
# The decision for a concept that a model of the cross-validation has not seen.
_UNSEEN = -1e3


@dataclass(frozen=True, slots=True)
class Config:
    """How it is trained. `costs` are tried by cross-validation in `folds` parts; `accuracy` is what mapped phrases must reach.

    `groups`: weight of each group of features; 0 leaves it out.
    """

    seed: int = 13
    folds: int = 5
    costs: tuple[float, ...] = (0.1, 0.3, 1.0)
    accuracy: float = 0.9
    groups: dict[str, float] = field(default_factory=lambda: dict.fromkeys(GROUPS, 1.0))

    @classmethod
    def load(cls, path: Path | None) -> Config:
        """Read a TOML file with any of the fields. Raises AdrwatchError naming what is wrong."""
        if path is None:
            return cls()
        try:
            found = tomllib.loads(path.read_text(encoding="utf-8"))
            if further := set(found) - {each.name for each in fields(cls)}:
                raise ValueError(f"no option {sorted(further)[0]}")
            config = msgspec.convert(found, cls)
        except (OSError, ValueError) as error:
            raise AdrwatchError(f"{path} is no training configuration: {error}", fix=_FIX) from None
        unknown = set(config.groups) - set(GROUPS)
        if unknown or not any(config.groups.values()) or config.folds < 2 or not config.costs:
            reason = f"no group {sorted(unknown)[0]}" if unknown else "needs a group, a cost and two folds"
            raise AdrwatchError(f"{path} is no training configuration: {reason}", fix=_FIX)
        return config


@dataclass(frozen=True)
class _Prepared:
    """Features of each distinct row by group, its class, the part of the cross-validation it is in, how often it comes."""

    documents: dict[str, list[list[str]]]
    classes: NDArray[np.int64]
    parts: NDArray[np.int64]
    times: NDArray[np.float64]


def train(
    pairs: Sequence[CodedPhrase],
    layout: PhraseFormat,
    out: Path,
    *,
    vocabulary: ReactionVocabulary,
    hold_out: HoldOut,
    config: Config,
    say: Callable[[str], None],
) -> Description:
    """Learn from the pairs that are not held out and write the folder `out`; what was written."""
    rest, _ = split(pairs, hold_out)
    concepts = sorted({(pair.concept, _label(pair)) for pair in rest})
    concepts = [one for place, one in enumerate(concepts) if place == 0 or concepts[place - 1][0] != one[0]]
    if len(concepts) < 2:
        raise AdrwatchError("fewer than two concepts to learn", fix="give more coded phrases with --data")
    say(f"{len(rest):,} of {len(pairs):,} rows to learn from, {len(concepts):,} concepts")
    prepared = _prepare(rest, [key for key, _ in concepts], vocabulary, config)
    best: dict[str, Any] = {"accuracy": -1.0}
    for cost in config.costs:
        decisions = _validate(prepared, cost, config, len(concepts))
        accuracy = float(np.average(decisions.argmax(axis=1) == prepared.classes, weights=prepared.times))
        say(f"cost {cost}: accuracy {accuracy:.4f} in {config.folds}-fold cross-validation by phrase")
        if accuracy > best["accuracy"]:
            best = {"accuracy": accuracy, "cost": cost, "decisions": decisions}
    temperature = min(_TEMPERATURES, key=lambda one: _loss(best["decisions"], prepared, one))
    threshold, mapped, among = _threshold(best["decisions"], prepared, temperature, config.accuracy)
    say(f"temperature {temperature}, threshold {threshold}: {mapped:.3f} mapped, {among:.3f} of these right")
    matrix, weighting = _fitted(prepared, np.ones(len(prepared.classes), dtype=bool), config)
    model = _fit(matrix, prepared.classes, prepared.times, best["cost"], config.seed)
    weights, constants = _weights(model, len(concepts))
    description = Description(
        form=FORM,
        concepts=concepts,
        groups={name: config.groups[name] for name in prepared.documents},
        temperature=temperature,
        threshold=threshold,
        vocabulary=vocabulary.release,
        data_hash=data_hash(pairs),
        layout=layout.value,
        held_out=hold_out.value,
        rows=len(rest),
        seed=config.seed,
        cost=best["cost"],
        validation={"accuracy": round(best["accuracy"], 4), "mapped": mapped, "accuracy of mapped": among},
    )
    _write(out, description, weighting, weights, constants)
    return description


def _label(pair: CodedPhrase) -> str:
    return pair.label or pair.concept


def _prepare(
    rows: Sequence[CodedPhrase], keys: Sequence[str], vocabulary: ReactionVocabulary, config: Config
) -> _Prepared:
    index = {key: number for number, key in enumerate(keys)}
    names = [name for name in GROUPS if config.groups.get(name)]
    # A row that repeats is one with a greater weight: the same optimum in less than half of the time.
    counts = Counter((normal_form(row.phrase) or row.phrase, index[row.concept]) for row in rows)
    phrases = [phrase for phrase, _ in counts]
    return _Prepared(
        {name: [features(phrase, name, vocabulary) for phrase in phrases] for name in names},
        np.asarray([number for _, number in counts]),
        # Beyond the tenth by which phrases are held out.
        np.asarray([phrase_hash(phrase) // 10 % config.folds for phrase in phrases]),
        np.asarray(list(counts.values()), dtype=np.float64),
    )


def _fitted(prepared: _Prepared, chosen: NDArray[np.bool_], config: Config) -> tuple[Any, dict[str, TfIdf]]:
    """The matrix of the chosen rows, and the weighting that was learned from them."""
    weighting = {
        name: TfIdf.fit(document for document, take in zip(documents, chosen, strict=True) if take)
        for name, documents in prepared.documents.items()
    }
    return _matrix(prepared, chosen, weighting, config), weighting


def _matrix(prepared: _Prepared, chosen: NDArray[np.bool_], weighting: dict[str, TfIdf], config: Config) -> Any:
    parts = [
        config.groups[name]
        * weighting[name].matrix([document for document, take in zip(documents, chosen, strict=True) if take])
        for name, documents in prepared.documents.items()
    ]
    return sparse.hstack(parts).tocsr()


def _fit(matrix: Any, classes: NDArray[np.int64], times: NDArray[np.float64], cost: float, seed: int) -> LinearSVC:
    return LinearSVC(C=cost, random_state=seed).fit(matrix, classes, times)


def _weights(model: LinearSVC, size: int) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
    """One column a concept; two classes have one in scikit-learn, for the second."""
    weights, constants = model.coef_.T, model.intercept_
    if size == 2:
        weights, constants = np.hstack([-weights, weights]), np.hstack([-constants, constants])
    return weights.astype(np.float16), constants.astype(np.float32)


def _validate(prepared: _Prepared, cost: float, config: Config, size: int) -> NDArray[np.float64]:
    """Decisions of each row by a model that has not seen its phrase; far below all others for concepts it did not see."""
    decisions = np.full((len(prepared.classes), size), _UNSEEN)
    for part in range(config.folds):
        chosen = prepared.parts != part
        seen = np.unique(prepared.classes[chosen])
        if chosen.all() or len(seen) < 2:
            continue
        matrix, weighting = _fitted(prepared, chosen, config)
        model = _fit(matrix, prepared.classes[chosen], prepared.times[chosen], cost, config.seed)
        found = model.decision_function(_matrix(prepared, ~chosen, weighting, config))
        if found.ndim == 1:
            found = np.stack([-found, found], axis=1)
        decisions[np.ix_(~chosen, seen)] = found
    return decisions


def _loss(decisions: NDArray[np.float64], prepared: _Prepared, temperature: float) -> float:
    """Mean negative log-likelihood over rows whose concept was seen."""
    own = np.arange(len(decisions)), prepared.classes
    seen = decisions[own] > _UNSEEN
    right = softmax(decisions, temperature)[own][seen]
    return float(np.average(-np.log(np.maximum(right, 1e-12)), weights=prepared.times[seen])) if seen.any() else 0.0


def _threshold(
    decisions: NDArray[np.float64], prepared: _Prepared, temperature: float, wanted: float
) -> tuple[float, float, float]:
    """The lowest hundredth from which mapped rows are right often enough; the share mapped there, and of these right."""
    scores = softmax(decisions, temperature)
    best, right = scores.max(axis=1), scores.argmax(axis=1) == prepared.classes
    for threshold in np.arange(0.0, 1.0, 0.01).round(2):
        mapped = np.where(best >= threshold, prepared.times, 0.0)
        if mapped.any() and (among := float(np.average(right, weights=mapped))) >= wanted:
            return float(threshold), round(float(mapped.sum() / prepared.times.sum()), 4), round(among, 4)
    return 1.0, 0.0, 0.0


def _write(
    out: Path,
    description: Description,
    weighting: dict[str, TfIdf],
    weights: NDArray[np.float16],
    constants: NDArray[np.float32],
) -> None:
    arrays: dict[str, Any] = {"weights": weights, "constants": constants}
    for name, one in weighting.items():
        arrays |= {f"{name}.keys": one.keys, f"{name}.idf": one.idf}
    try:
        out.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(out / WEIGHTS, **arrays)
        text = msgspec.json.format(msgspec.json.encode(description), indent=1)
        (out / DESCRIPTION).write_bytes(text + b"\n")
    except OSError as error:
        raise AdrwatchError(f"{out} cannot be written: {error.strerror}", fix="choose another --out") from None


_FIX = "keys: seed, folds, costs, accuracy, and a table groups (docs/vocabularies.md)"
