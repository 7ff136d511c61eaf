# mypy: disable-error-code="misc"
"""Adapts an encoder to the language of posts: masked-language modelling on posts without labels (Devlin et al. 2019).

The vectors of word pieces stay as they are: they are shared with the output layer, and the served tables are made of them.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoModel

from services.training.fitting import Optimiser, device, encoder_folder, load_tokenizer, padded, shuffled_batches

# Share of the pieces to be guessed, and what is put in their place: the mask, sometimes any piece, else themselves.
_GUESSED, _MASKED, _RANDOM = 0.15, 0.8, 0.1
_RATE = 3e-4
# A batch whose activations stay in the processor's cache is four times as fast as one four times as large.
_PIECES_A_BATCH, _ACCUMULATE = 1024, 4
_LONGEST = 128
_NOT_ASKED = -100


class Guesser(nn.Module):
    """The encoder and the head that guesses pieces: dense, GELU, normalisation, then the encoder's own vectors of pieces."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder
        width = encoder.config.hidden_size
        self.head = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width, eps=1e-12))
        self.bias = nn.Parameter(torch.zeros(encoder.config.vocab_size))

    def forward(self, input_ids: Tensor, seen: Tensor, places: Tensor) -> Tensor:
        """Piece numbers [rows, pieces], which are no padding, places in the flattened rows → scores [places, vocabulary]."""
        words = self.encoder(input_ids=input_ids, attention_mask=seen.long()).last_hidden_state
        guesses = self.head(words.flatten(0, 1)[places])
        return functional.linear(guesses, self.encoder.embeddings.word_embeddings.weight, self.bias)


def adapt(
    posts: Sequence[str],
    encoder: str,
    out: Path,
    *,
    epochs: int,
    seed: int,
    most: int | None,
    say: Callable[[str], None],
) -> None:
    """Train on `posts` and write `out`, a folder that any `--encoder` option takes; each 50th post is only measured.

    `most`: read no more posts than that, drawn at random.
    """
    torch.manual_seed(seed)
    generator = random.Random(seed)
    posts = generator.sample(posts, min(most or len(posts), len(posts)))
    tokenizer = load_tokenizer(encoder)
    tokenizer.enable_truncation(_LONGEST)
    tokenizer.no_padding()
    pieces = [np.asarray(found.ids) for found in tokenizer.encode_batch(posts)]
    held_out, train = pieces[::50], [found for index, found in enumerate(pieces) if index % 50]
    make = _Masker(tokenizer, seed)
    model = Guesser(AutoModel.from_pretrained(encoder_folder(encoder), add_pooling_layer=False))
    _quiet(model.encoder)
    model.encoder.embeddings.word_embeddings.weight.requires_grad_(False)
    sizes = [len(found) for found in train]
    steps = epochs * sum(1 for _ in shuffled_batches(sizes, _PIECES_A_BATCH, random.Random(seed)))
    rates = {name: _RATE for name, parameter in model.named_parameters() if parameter.requires_grad}
    model.to(device())
    optimiser = Optimiser(model, model, rates, steps, accumulate=_ACCUMULATE)
    say(f"adapt: {len(train)} posts, {sum(sizes)} pieces, {steps} batches")
    began, losses = time.monotonic(), []
    for epoch in range(epochs):
        model.train()
        for batch in shuffled_batches(sizes, _PIECES_A_BATCH, generator):
            loss = _loss(model, make([train[index] for index in batch]))
            optimiser.step(loss)
            losses.append(loss.item())
            if len(losses) % 100 == 0:
                say(
                    f"adapt batch {len(losses)} of {steps} loss {np.mean(losses[-100:]):.3f} {time.monotonic() - began:.0f}s"
                )
        averaged = optimiser.averaged()
        say(f"adapt epoch {epoch} held-out loss {_held_out(averaged, held_out, make):.3f}")
        averaged.encoder.save_pretrained(out)
        tokenizer.no_truncation()
        tokenizer.save(str(out / "tokenizer.json"))
        tokenizer.enable_truncation(_LONGEST)


class _Masker:
    def __init__(self, tokenizer: Tokenizer, seed: int) -> None:
        numbers = tokenizer.get_vocab()
        self._special = np.asarray([numbers[name] for name in ("[CLS]", "[SEP]", "[PAD]", "[MASK]", "[UNK]")])
        self._mask, self._vocabulary = numbers["[MASK]"], len(numbers)
        self._generator = np.random.default_rng(seed)

    def __call__(self, rows: Sequence[NDArray[np.int64]]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Inputs [rows, pieces] with pieces hidden, which are no padding, the places to guess, and what stood there.

        As many places in every batch of a shape; where there are fewer pieces, the places left over ask for nothing (-100).
        """
        size = padded(max(len(row) for row in rows))
        ids = np.zeros((len(rows), size), dtype=np.int64)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = row
        seen = np.arange(size) < np.asarray([[len(row)] for row in rows])
        candidates = self._generator.permutation(np.flatnonzero(seen & ~np.isin(ids, self._special)))
        places = np.zeros(max(1, round(ids.size * _GUESSED)), dtype=np.int64)
        target = np.full(len(places), _NOT_ASKED)
        chosen = candidates[: min(len(places), max(1, round(len(candidates) * _GUESSED)))]
        places[: len(chosen)] = chosen
        target[: len(chosen)] = ids.flat[chosen]
        fate = self._generator.random(len(chosen))
        ids.flat[chosen[fate < _MASKED]] = self._mask
        another = chosen[(fate >= _MASKED) & (fate < _MASKED + _RANDOM)]
        ids.flat[another] = self._generator.integers(1000, self._vocabulary, len(another))
        hidden, unpadded, asked, wanted = (torch.from_numpy(array) for array in (ids, seen, places, target))
        return hidden, unpadded, asked, wanted


def _loss(model: Guesser, batch: tuple[Tensor, Tensor, Tensor, Tensor]) -> Tensor:
    hidden, seen, places, target = (part.to(device()) for part in batch)
    return functional.cross_entropy(model(hidden, seen, places).float(), target, ignore_index=_NOT_ASKED)


def _held_out(model: Guesser, rows: Sequence[NDArray[np.int64]], make: _Masker) -> float:
    model.eval()
    with torch.no_grad():
        losses = [_loss(model, make(part)).item() for part in _parts(sorted(rows, key=len), 64)]
    return float(np.mean(losses))


def _parts(rows: Sequence[NDArray[np.int64]], size: int) -> Iterator[Sequence[NDArray[np.int64]]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _quiet(encoder: Any) -> None:
    """No dropout: one pass over many posts does not overfit, and random numbers would take a fifth of the time."""
    for module in encoder.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if hasattr(module, "dropout_prob"):
            module.dropout_prob = 0.0
