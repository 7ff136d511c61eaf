# mypy: disable-error-code="misc"
"""The encoder's vectors of word pieces, computed once for all epochs, folds and rows: only layers that learn run again."""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import AutoModel

from services.training.fitting import device, encoder_folder, load_tokenizer
from services.training.russian.words import Words
from shared.errors import AdrwatchError

_BATCH = 16
# Below any score, and near enough that no exponential underflows.
_UNSEEN = -50.0


@dataclass(frozen=True)
class PieceVectors:
    """Of one text: vectors [pieces with both ends, width], and which pieces lie in which word, as pairs [2, n] of piece and word.

    Words are counted from 1: 0 is the beginning of the text.
    """

    values: Tensor
    pairs: NDArray[np.int64]


class Upper(nn.Module):
    """The uppermost layers of an encoder, which go on from what the lower ones gave. None: gives what it gets."""

    def __init__(self, model: Any, layers: int) -> None:
        super().__init__()
        # Rates by depth are counted from the lowest layer that learns.
        self.config = copy.deepcopy(model.config)
        self.config.num_hidden_layers = layers
        self.encoder = copy.deepcopy(model.encoder) if layers else None
        if self.encoder is not None:
            self.encoder.layer = self.encoder.layer[len(self.encoder.layer) - layers :]
            self.encoder.requires_grad_(True)

    def forward(self, values: Tensor, seen: Tensor) -> Tensor:
        """[rows, pieces, width], seen [rows, pieces] → the same shape."""
        if self.encoder is None:
            return values
        own = values.to(next(self.encoder.parameters()).dtype)
        mask = (~seen).to(own.dtype)[:, None, None, :] * _UNSEEN
        found: Tensor = self.encoder(own, attention_mask=mask).last_hidden_state
        return found


class Vectors:
    """Reads texts by an encoder that stays as it is, up to the layers that are to learn."""

    def __init__(self, encoder: str) -> None:
        """`encoder`: a Python package, folder or Hugging Face name. Raises AdrwatchError where there is none of that name."""
        self._name = encoder
        # Hugging Face's names have an owner before a slash.
        if "/" not in encoder_folder(encoder) and not Path(encoder).is_dir():
            raise AdrwatchError(
                f"there is no encoder {encoder}",
                fix="give --encoder the folder that `adrwatch train encoder` wrote (docs/languages.md)",
            )
        self._tokenizer = load_tokenizer(encoder)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    @functools.cached_property
    def model(self) -> Any:
        """The encoder, which nobody trains."""
        model = AutoModel.from_pretrained(encoder_folder(self._name), add_pooling_layer=False)
        if model.config.model_type != "bert":
            raise AdrwatchError(
                f"{self._name} is of the kind {model.config.model_type}, and only BERT's layers are known here",
                fix="give the encoder of `adrwatch train encoder`",
            )
        return model.eval().requires_grad_(False)

    @property
    def longest(self) -> int:
        """Pieces that the encoder can read at once."""
        return int(self.model.config.max_position_embeddings)

    def upper(self, trained: int) -> Upper:
        """A copy of the uppermost layers, to be trained. Raises AdrwatchError where there are not so many."""
        if trained > self.model.config.num_hidden_layers:
            raise AdrwatchError(
                f"{self._name} has {self.model.config.num_hidden_layers} layers, not {trained}",
                fix="train as many or fewer",
            )
        return Upper(self.model, trained)

    def read(self, texts: Sequence[str], words: Sequence[Words], trained: int, *, context: bool) -> list[PieceVectors]:
        """The vectors of each text below the `trained` uppermost layers; without `context` those of the encoder's table.

        Raises AdrwatchError for a text that is longer than the encoder reads.
        """
        encodings = [self._tokenizer.encode(text) for text in texts]
        pairs = [
            _pairs(np.asarray(e.offsets, np.int64).reshape(-1, 2), np.asarray(e.special_tokens_mask), of_text)
            for e, of_text in zip(encodings, words, strict=True)
        ]
        found: list[Tensor] = [torch.empty(0)] * len(texts)
        order = sorted(range(len(texts)), key=lambda index: len(encodings[index].ids))
        if order and len(encodings[order[-1]].ids) > self.longest:
            raise AdrwatchError(
                f"a text has {len(encodings[order[-1]].ids)} pieces, and the encoder reads {self.longest}",
                fix="give shorter sentences",
            )
        with torch.no_grad(), torch.autocast(device().type, torch.bfloat16):
            for start in range(0, len(order), _BATCH):
                batch = order[start : start + _BATCH]
                ids = [torch.tensor(encodings[index].ids) for index in batch]
                for index, values in zip(batch, self._values(ids, trained, context), strict=True):
                    found[index] = values
        return [PieceVectors(values, of_text) for values, of_text in zip(found, pairs, strict=True)]

    def _values(self, ids: Sequence[Tensor], trained: int, context: bool) -> list[Tensor]:
        padded = nn.utils.rnn.pad_sequence(list(ids), batch_first=True)
        if not context:
            values = self.model.embeddings.word_embeddings(padded)
        else:
            values = self.model.embeddings(input_ids=padded)
            layers = len(self.model.encoder.layer) - trained
            if layers:
                seen = torch.arange(padded.shape[1]) < torch.tensor([[len(row)] for row in ids])
                values = self._lower(layers)(values, attention_mask=(~seen)[:, None, None, :] * _UNSEEN)
                values = values.last_hidden_state if hasattr(values, "last_hidden_state") else values[0]
        return [row[: len(own)].to(torch.bfloat16).clone() for row, own in zip(values, ids, strict=True)]

    @functools.cache  # noqa: B019 one object a study
    def _lower(self, layers: int) -> Any:
        lower = copy.copy(self.model.encoder)
        lower._modules = dict(lower._modules) | {"layer": self.model.encoder.layer[:layers]}
        return lower


def _pairs(offsets: NDArray[np.int64], special: NDArray[np.int64], words: Words) -> NDArray[np.int64]:
    """Which pieces lie in which words; the ends of the text are words of their own."""
    inside = (offsets[:, 0, None] < words.ends) & (offsets[:, 1, None] > words.starts) & ~special.astype(bool)[:, None]
    piece, word = np.nonzero(inside)
    ends = np.asarray([[0, len(offsets) - 1], [0, len(words.forms) + 1]], dtype=np.int64)
    return np.concatenate([np.stack([piece, word + 1]), ends], axis=1)


def collated(rows: Sequence[PieceVectors], words: int) -> SimpleNamespace:
    """A batch: values [rows, pieces, width], seen [rows, pieces], pairs [2, n] of places in the flattened pieces and words."""
    values = nn.utils.rnn.pad_sequence([row.values for row in rows], batch_first=True)
    pieces = values.shape[1]
    seen = torch.arange(pieces) < torch.tensor([[len(row.values)] for row in rows])
    pairs = [row.pairs + np.asarray([[number * pieces], [number * words]]) for number, row in enumerate(rows)]
    return SimpleNamespace(values=values, seen=seen, pairs=torch.from_numpy(np.concatenate(pairs, axis=1)))
