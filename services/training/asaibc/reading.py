# mypy: disable-error-code="misc"
"""Texts as the network reads them: characters, words, states of an encoder; batches of them as tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from services.training.asaibc.encoder import Encoded, FrozenEncoder, shape
from services.training.asaibc.posts import Numbers
from services.training.asaibc.settings import Settings
from services.training.asaibc.vectors import UNSEEN
from services.training.asaibc.words import features
from services.training.fitting import device
from services.training.loop import Say
from shared.errors import AdrwatchError


@dataclass(frozen=True, slots=True)
class Example:
    """One text. `characters` [places], `words` [places, 2] as `words.features`; `encoded` where there is an encoder."""

    characters: Numbers
    words: Numbers
    encoded: Encoded | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Texts side by side, padded. `states` [rows, pieces, layers, width], `pieces` [rows, places], where there is an encoder."""

    characters: Tensor
    words: Tensor
    lengths: Tensor
    states: Tensor | None
    pieces: Tensor | None
    piece_counts: Tensor | None

    @property
    def live(self) -> Tensor:
        """Which places [rows, places] are no padding."""
        return torch.arange(self.characters.shape[1], device=self.lengths.device) < self.lengths[:, None]


class Reader:
    """Reads texts of one character and more for a network with these settings."""

    def __init__(self, settings: Settings, alphabet: str, encoder: FrozenEncoder | None) -> None:
        """`alphabet`: the characters that have a vector."""
        self._numbers = {character: number for number, character in enumerate(alphabet, start=UNSEEN + 1)}
        self._words, self._encoder = settings.words, encoder

    def read(self, texts: Sequence[str]) -> list[Example]:
        """An example of each text."""
        encoded: Sequence[Encoded | None] = self._encoder.encode(texts) if self._encoder else [None] * len(texts)
        return [
            Example(
                np.array([self._numbers.get(character, UNSEEN) for character in text], dtype=np.int64),
                features(text) if self._words else np.zeros((len(text), 2), dtype=np.int64),
                states,
            )
            for text, states in zip(texts, encoded, strict=True)
        ]


def layers_read(settings: Settings, layers: int) -> list[int]:
    """Which states of an encoder with so many layers are read, 0 the embeddings'. Raises AdrwatchError where it has too few."""
    if settings.tuned > layers:
        raise AdrwatchError(f"the encoder has {layers} layers", fix=f"give --tuned {layers} at most")
    return [layers - settings.tuned] if settings.tuned else list(range(max(0, layers - settings.mixed + 1), layers + 1))


def frozen(settings: Settings, folder: str, cache: Path | None, say: Say) -> FrozenEncoder:
    """What computes the states that these settings want of an encoder."""
    return FrozenEncoder(folder, layers_read(settings, shape(folder)[1]), cache, say)


def batch(examples: Sequence[Example]) -> Batch:
    """Examples as tensors."""
    encoded = [each.encoded for each in examples if each.encoded is not None]
    return Batch(
        characters=_padded([each.characters for each in examples]),
        words=_padded([each.words for each in examples]),
        lengths=torch.tensor([len(each.characters) for each in examples], device=device()),
        states=_padded([each.states for each in encoded]).float() if encoded else None,
        pieces=_padded([each.piece for each in encoded]) if encoded else None,
        piece_counts=torch.tensor([len(each.states) for each in encoded], device=device()) if encoded else None,
    )


def tags(numbers: Sequence[Numbers]) -> Tensor:
    """Tags of the characters of a batch's texts, padded with the first."""
    return _padded(numbers)


def _padded(arrays: Sequence[np.ndarray]) -> Tensor:
    return pad_sequence([torch.from_numpy(array) for array in arrays], batch_first=True).to(device())
