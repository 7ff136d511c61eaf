"""The classifier's inputs and outputs: posts and parses in, one calibrated probability a post out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.models.features import Encoded, FeatureBuilder, Reading
from shared.models.metadata import Metadata, ModelMismatch, load_metadata
from shared.text.parse import Parse

NAME = "adr_classifier"
OUTPUT = "logit"
BALANCED, RECALL = "balanced", "recall"


class ClassifierFeatures:
    """Builds the classifier's batches and reads its outputs back. Holds no connection."""

    def __init__(self, metadata: Metadata, builder: FeatureBuilder, policy: str = BALANCED) -> None:
        self.metadata = metadata
        self.policy = policy
        self._builder = builder

    @classmethod
    def load(cls, folder: Path, policy: str = BALANCED, name: str = NAME) -> ClassifierFeatures:
        """From the model's folder (metadata.json, tokenizer.json); raises AdrwatchError, ModelMismatch.

        `policy`: which of the model's thresholds decides. `name`: that of the classifier of another language.
        """
        metadata, tokenizer = load_metadata(folder, name)
        _check_policy(metadata, policy)
        return cls(metadata, FeatureBuilder(tokenizer, metadata.spec), policy)

    def in_language(self, language: str) -> ClassifierFeatures:
        """The same for posts of one language, whose calibration and thresholds may be its own. Raises ModelMismatch."""
        metadata = self.metadata.of_language(language)
        _check_policy(metadata, self.policy)
        return ClassifierFeatures(metadata, self._builder, self.policy)

    @property
    def threshold(self) -> float:
        """Probability from which a post counts as a report."""
        return self.metadata.policies[self.policy]

    @property
    def grave_threshold(self) -> float:
        """Probability from which a post that states something grave counts as a report."""
        return min(self.threshold, self.metadata.policies.get(RECALL, self.threshold))

    @property
    def digest(self) -> str:
        """Models of one digest read the same of a post."""
        return self.metadata.digest

    def read(self, post: str, parse: Parse) -> Reading:
        """What the model reads of one post."""
        return self._builder.read(post, parse)

    def arrange(self, readings: Sequence[Reading]) -> Encoded:
        """Batches for the model, in the order in which `probabilities` wants its outputs."""
        return self._builder.arrange(readings)

    def encode(self, posts: Sequence[str], parses: Sequence[Parse]) -> Encoded:
        """Read and arrange."""
        return self._builder.encode(posts, parses)

    def probabilities(self, encoded: Encoded, outputs: Sequence[Mapping[str, NDArray[Any]]]) -> NDArray[np.float64]:
        """The probability [posts] that each post reports an ADR; of a long post, the highest of its windows.

        Rounded to 4 decimals, so that the last bits of a kernel cannot turn a decision.
        """
        logits = post_logits(encoded, [output[OUTPUT] for output in outputs])
        return calibrated(logits, self.metadata.temperature, self.metadata.bias)


def _check_policy(metadata: Metadata, policy: str) -> None:
    if policy not in metadata.policies:
        raise ModelMismatch(
            f"{metadata.name} {metadata.version} has no threshold for the policy {policy}",
            fix=f"set ADRWATCH_POLICY to one that it has: {', '.join(sorted(metadata.policies))}",
        )


def post_logits(encoded: Encoded, outputs: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    """The highest logit [posts] of each post's windows from outputs [rows, 1] of each batch."""
    logits = np.full(len(encoded.pieces), -np.inf)
    for windows, output in zip(encoded.rows, outputs, strict=True):
        posts = [post for post, _ in windows]
        np.maximum.at(logits, posts, output[:, 0].astype(np.float64))
    return logits


def calibrated(logits: NDArray[np.float64], temperature: float, bias: float) -> NDArray[np.float64]:
    """sigmoid(logit / temperature + bias), 4 decimals."""
    scaled = np.clip(logits / temperature + bias, -60.0, 60.0)
    rounded: NDArray[np.float64] = np.round(1.0 / (1.0 + np.exp(-scaled)), 4)
    return rounded
