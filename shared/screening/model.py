"""The advert model: a linear model over hashed features of a post, small enough to read with the program.

It tells three kinds of posts apart: those of people, advertisements (shops, lawyers, job offers, recruiting for studies) and
what machines write (headlines, reference pages, programme notes). It learns from posts that we wrote (`posts.tsv`) by
`adrwatch train screen`, and takes a post for none of a person's only where it is surer than `threshold`, which is chosen so that
people's posts pass.
"""

from __future__ import annotations

import base64
import functools
import math
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from shared.errors import AdrwatchError
from shared.screening.features import BUCKETS, hashed
from shared.vocabulary.drugs import DrugMention

FILE = Path(__file__).with_name("model.json")
PERSON, ADVERT, BOT = "person", "advert", "bot"
# Columns of the weights; a person's is 0 throughout.
KINDS = (ADVERT, BOT)


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """The file. `weights`: base64 of int8 [buckets, kinds], row by row, in units of `unit`. `posts_hash`: what it learned from."""

    posts_hash: str
    learned_from: int
    cost: float
    threshold: float
    unit: float
    bias: tuple[float, float]
    weights: str


class AdvertModel:
    """`threshold`: probability from which a post is taken for none of a person's. `about`: the file without its weights."""

    def __init__(self, stored: Stored) -> None:
        self.threshold = stored.threshold
        self.about = msgspec.structs.replace(stored, weights="")
        whole = np.frombuffer(base64.b64decode(stored.weights), dtype=np.int8)
        self._weights: NDArray[np.float64] = whole.reshape(BUCKETS, len(KINDS)).astype(np.float64) * stored.unit
        self._bias = np.asarray(stored.bias)

    @classmethod
    def load(cls, path: Path = FILE) -> AdvertModel:
        """Read a model. Raises AdrwatchError where the file is none, or one of another program."""
        try:
            return cls(msgspec.json.decode(path.read_bytes(), type=Stored))
        except (OSError, ValueError, TypeError) as error:
            raise AdrwatchError(
                f"{path} is no model of the screen: {error}", fix="write one with `adrwatch train screen --out FILE`"
            ) from error

    def probabilities(self, text: str, drugs: Sequence[DrugMention]) -> dict[str, float]:
        """Of each of `KINDS`; what is missing to 1 is that of a person's post."""
        places = hashed(text, drugs)
        scores = self._bias + self._weights[places].sum(axis=0) / math.sqrt(len(places))
        raised = [math.exp(score) for score in scores.tolist()]
        return dict(zip(KINDS, (each / (1 + sum(raised)) for each in raised), strict=True))

    def kind(self, text: str, drugs: Sequence[DrugMention]) -> str:
        """`person`, unless the post is surely something else; then the likelier of `advert` and `bot`."""
        found = self.probabilities(text, drugs)
        return max(found, key=found.__getitem__) if sum(found.values()) >= self.threshold else PERSON


def packed(
    weights: NDArray[np.float64],
    bias: NDArray[np.float64],
    *,
    threshold: float,
    posts_hash: str,
    learned_from: int,
    cost: float,
) -> bytes:
    """The file of a model with these weights [buckets, kinds] and bias [kinds], rounded to eight bits."""
    unit = float(np.abs(weights).max()) / 127
    whole = np.rint(weights / unit).astype(np.int8)
    stored = Stored(
        posts_hash=posts_hash,
        learned_from=learned_from,
        cost=cost,
        threshold=threshold,
        unit=unit,
        bias=(float(bias[0]), float(bias[1])),
        weights=base64.b64encode(whole.tobytes()).decode(),
    )
    return msgspec.json.format(msgspec.json.encode(stored), indent=1) + b"\n"


@functools.cache
def default_model() -> AdvertModel:
    """The model of this process, loaded once."""
    return AdvertModel.load()
