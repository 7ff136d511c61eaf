"""A normaliser that was learned from coded phrases: a linear model over n-grams, stems and what the open vocabulary says.

`adrwatch train normalise` writes its folder: `normaliser.json` (what it is) and `weights.npz` (features as numbers, never as
words). No pickle is read, and scikit-learn is not needed.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from shared.errors import AdrwatchError
from shared.events import UNMAPPED, Concept
from shared.vocabulary.candidates import Candidate
from shared.vocabulary.ngrams import TfIdf
from shared.vocabulary.phrases import normal_form, stems
from shared.vocabulary.reactions import ReactionVocabulary

DESCRIPTION, WEIGHTS = "normaliser.json", "weights.npz"
FORM = 1
GROUPS = ("characters", "stems", "concept", "parts")
_SHORTEST, _LONGEST = 2, 5


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What a trained normaliser is: enough to repeat the training and to know what its scores mean.

    `groups`: weight of each group of features. `temperature` turns decisions into probabilities by softmax. Below
    `threshold` a phrase stays unmapped. `data_hash` is over all rows that were read, `held_out` says how some were kept away.
    `validation` holds figures of the cross-validation by which cost, temperature and threshold were chosen.
    """

    form: int
    concepts: list[tuple[str, str]]
    groups: dict[str, float]
    temperature: float
    threshold: float
    vocabulary: str
    data_hash: str
    layout: str
    held_out: str
    rows: int
    seed: int
    cost: float
    validation: dict[str, float]


def features(phrase: str, group: str, vocabulary: ReactionVocabulary) -> list[str]:
    """The features of a phrase in one group.

    characters: n-grams of the whole phrase, spaces included; stems: stems and pairs of them; concept: what the open
    vocabulary says of the phrase; parts: what it says of parts of up to three words.
    """
    normal = normal_form(phrase)
    if group == "characters":
        edged = f" {normal} "
        sizes = range(_SHORTEST, _LONGEST + 1)
        return [edged[start : start + size] for size in sizes for start in range(len(edged) - size + 1)]
    if group == "stems":
        listed = sorted(stems(normal.split()))
        return listed + [f"{one}+{other}" for place, one in enumerate(listed) for other in listed[place + 1 :]]
    if group == "concept":
        found = vocabulary.match(normal).concept.id
        return [] if found == UNMAPPED else [found]
    return vocabulary.concepts_of_parts(normal)


class TrainedNormaliser:
    """A source of candidates that was learned from coded phrases."""

    def __init__(
        self,
        description: Description,
        weighting: dict[str, TfIdf],
        weights: NDArray[np.float16],
        constants: NDArray[np.float32],
        vocabulary: ReactionVocabulary,
    ) -> None:
        """`weights`: one row a feature, groups in the order of the description; one column a concept."""
        self.description = description
        self._weighting = weighting
        self._weights = weights
        self._constants = constants
        self._vocabulary = vocabulary
        self._concepts: list[Concept | None] = [Concept(key, label) for key, label in description.concepts]

    @classmethod
    def load(cls, folder: Path, vocabulary: ReactionVocabulary) -> TrainedNormaliser:
        """Read a folder. `vocabulary` is the open one, of the release that it was trained with.

        Raises AdrwatchError where a file is missing or damaged, or the vocabulary is another.
        """
        try:
            description = msgspec.json.decode((folder / DESCRIPTION).read_bytes(), type=Description)
            with np.load(folder / WEIGHTS, allow_pickle=False) as file:
                weighting = {name: TfIdf(file[f"{name}.keys"], file[f"{name}.idf"]) for name in description.groups}
                weights, constants = file["weights"], file["constants"]
        except OSError as error:
            raise AdrwatchError(f"no trained normaliser in {folder}: {error.strerror or error}", fix=_FIX) from None
        except (msgspec.MsgspecError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise AdrwatchError(f"the normaliser in {folder} is damaged: {error}", fix=_FIX) from None
        size = sum(len(one.keys) for one in weighting.values())
        if description.form != FORM or weights.shape != (size, len(description.concepts)):
            raise AdrwatchError(f"the normaliser in {folder} has another form than this program reads", fix=_FIX)
        if description.vocabulary != vocabulary.release:
            raise AdrwatchError(
                f"the normaliser in {folder} was trained with vocabulary {description.vocabulary}, not {vocabulary.release}",
                fix=_FIX,
            )
        return cls(description, weighting, weights, constants, vocabulary)

    def resolve(self, concept: Callable[[str], Concept | None]) -> None:
        """Take labels and ids from the vocabulary in force; concepts that it does not have are never proposed.

        Raises AdrwatchError where it has fewer than half of them: then it is another vocabulary.
        """
        self._concepts = [concept(key) for key, _ in self.description.concepts]
        known = sum(found is not None for found in self._concepts)
        if known * 2 < len(self._concepts):
            missing = next(
                key for (key, _), found in zip(self.description.concepts, self._concepts, strict=True) if found is None
            )
            raise AdrwatchError(
                f"the vocabulary in force has {known} of the trained normaliser's {len(self._concepts)} concepts, not {missing}",
                fix="set ADRWATCH_MEDDRA_FOLDER where it was trained on MedDRA codes, or train it on ids of this vocabulary",
            )

    def sure(self, phrase: str) -> Candidate | None:
        """The likeliest concept where its probability reaches the threshold, else None."""
        best = next(iter(self.candidates(phrase, 1)), None)
        return best if best and best.score >= self.description.threshold else None

    def candidates(self, phrase: str, limit: int = 5) -> list[Candidate]:
        """At most `limit` concepts, the likeliest first; `score` is the probability. None where no feature is known."""
        decisions = self._decisions(phrase)
        if decisions is None:
            return []
        scores = softmax(decisions[None, :], self.description.temperature)[0]
        found: list[Candidate] = []
        for index in np.argsort(-scores, kind="stable"):
            concept = self._concepts[index]
            # Two codes of a corpus may be one concept of the vocabulary in force.
            if concept and all(concept.id != one.concept.id for one in found):
                found.append(Candidate(concept, float(scores[index]), "trained"))
                if len(found) == limit:
                    break
        return found

    def _decisions(self, phrase: str) -> NDArray[np.float64] | None:
        decisions = self._constants.astype(np.float64)
        start, known = 0, False
        for name, weight in self.description.groups.items():
            weighting = self._weighting[name]
            columns, values = weighting.row(features(phrase, name, self._vocabulary))
            if len(columns):
                known = True
                decisions += weight * (values.astype(np.float64) @ self._weights[start + columns].astype(np.float64))
            start += len(weighting.keys)
        return decisions if known else None


def softmax(decisions: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Probabilities of rows of decisions."""
    raised = np.exp((decisions - decisions.max(axis=1, keepdims=True)) / temperature)
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


_FIX = "train it again: adrwatch train normalise"
