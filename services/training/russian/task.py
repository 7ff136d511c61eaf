# mypy: disable-error-code="misc"
"""What a run on Russian reviews learns: the tags of some types, by one network."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from services.training.biases import best_biases
from services.training.crf import CrfExtractor
from services.training.fitting import device, shuffled_batches, some_of
from services.training.loop import Judged
from services.training.networks import Extractor
from services.training.russian.folds import Unit
from services.training.russian.network import CHARACTERS, PADDING, UNKNOWN, WordSizes, WordTrunk
from services.training.russian.options import FEATURES, RussianOptions
from services.training.russian.vectors import PieceVectors, Upper, collated
from services.training.russian.words import Words, columns
from services.training.train_extractor import tag_loss, targets_of
from shared.corpora.readers import Mention
from shared.models.decode import spans_of_posts
from shared.models.features import Pieces

_PIECES_A_BATCH = 512
_ASKED = 32


@dataclass(frozen=True)
class ReadUnit:
    """A unit made ready: its words and the vectors of its pieces."""

    unit: Unit
    words: Words
    vectors: PieceVectors

    @property
    def pieces(self) -> Pieces:
        """Its words as what tags are given to: each begins one."""
        return Pieces(self.words.starts, self.words.ends, np.ones(len(self.words.forms), dtype=np.bool_))


class Batches:
    """Makes tensors of units for a network with this alphabet and these features."""

    def __init__(self, alphabet: str, options: RussianOptions) -> None:
        self.alphabet = "" if "characters" in options.without else alphabet
        self._numbers = {letter: number for number, letter in enumerate(self.alphabet, start=UNKNOWN + 1)}
        self._columns = columns(name for name in FEATURES if name not in options.without)

    @property
    def sizes(self) -> tuple[int, int]:
        """Of the alphabet and of the features."""
        return (len(self.alphabet) + UNKNOWN + 1 if self.alphabet else 0), len(self._columns)

    def tensors(self, units: Sequence[ReadUnit]) -> list[Tensor]:
        """A batch in the order of the trunk's arguments; words padded to the longest unit."""
        lengths = [len(unit.words.forms) + 2 for unit in units]
        size = max(lengths)
        features = np.zeros((len(units), size, len(self._columns)), dtype=np.float32)
        of_word = np.zeros((len(units), size), dtype=np.int64)
        forms: dict[str, int] = {"": 0}
        for row, unit in enumerate(units):
            features[row, 1 : lengths[row] - 1] = unit.words.features[:, self._columns]
            of_word[row, 1 : lengths[row] - 1] = [forms.setdefault(form, len(forms)) for form in unit.words.forms]
        pieces = collated([unit.vectors for unit in units], size)
        batch = (
            pieces.values,
            torch.tensor(lengths)[:, None],
            pieces.seen,
            pieces.pairs,
            torch.from_numpy(features),
            torch.from_numpy(self._characters(list(forms))),
            torch.from_numpy(of_word),
        )
        return [tensor.to(device()) for tensor in batch]

    def _characters(self, forms: Sequence[str]) -> Any:
        found = np.full((len(forms), CHARACTERS), PADDING, dtype=np.int64)
        for row, form in enumerate(forms):
            numbers = [self._numbers.get(letter, UNKNOWN) for letter in form[:CHARACTERS]]
            found[row, : len(numbers)] = numbers
        return found


class RussianTask:
    """Units to learn from and units to choose by."""

    name = "extract ru"

    def __init__(
        self, train: Sequence[ReadUnit], held_out: Sequence[ReadUnit], types: tuple[str, ...], options: RussianOptions
    ) -> None:
        self.types = types
        letters = sorted({letter for unit in train for form in unit.words.forms for letter in form})
        self.made = Batches("".join(letters), options)
        self._train, self._held_out = train, held_out
        self._targets = [torch.from_numpy(targets_of(unit.unit.post, unit.pieces, types)) for unit in train]

    def batches(self, epoch: int, epochs: int, generator: random.Random) -> list[list[int]]:
        """All units."""
        sizes = [len(unit.vectors.values) for unit in self._train]
        return list(shuffled_batches(sizes, _PIECES_A_BATCH, generator))

    def loss(self, model: nn.Module, batch: Sequence[int]) -> Tensor:
        """Cross entropy over the tags, or over the chains of tags."""
        inputs = self.made.tensors([self._train[index] for index in batch])
        said = model(*inputs)
        targets = torch.zeros((*said.shape[:2], len(self.types), 3))
        for row, index in enumerate(batch):
            of_unit = self._targets[index]
            targets[row, 1 : len(of_unit) + 1] = of_unit
        targets = targets.to(said.device)
        if isinstance(model, CrfExtractor):
            return model.chain_loss(said, inputs[1], targets)
        return tag_loss(said, targets, self.types)

    def judge(self, model: nn.Module) -> Judged:
        """Mean over the types of the strict F1 on the held-out reviews; the outside bias of each type."""
        said = emissions(model, self.made, self._held_out)
        posts = [unit.unit.post for unit in self._held_out]
        pieces = [unit.pieces for unit in self._held_out]
        chosen = best_biases(posts, [self.name] * len(posts), pieces, said, self.types)
        score = float(np.mean([*chosen.scores.values()]))
        return Judged(score, {"outside_bias": chosen.biases}, str(chosen.report))


def network(upper: Upper, made: Batches, types: tuple[str, ...], options: RussianOptions) -> nn.Module:
    """A network to train, or to bring weights into."""
    alphabet, features = made.sizes
    trunk: Any = WordTrunk(upper, WordSizes(alphabet, features, options.layers, options.hidden))
    return (CrfExtractor if options.crf else Extractor)(trunk, len(types))


def even(model: Any, made: Batches, units: Sequence[ReadUnit]) -> None:
    """Measure how the channels of a new network's encoder lie, on some of the units that it will learn from."""
    chosen = some_of(units, lambda unit: len(unit.words.forms))
    found = []
    trunk = model.to(device()).trunk.eval()
    with torch.no_grad():
        for start in range(0, len(chosen), _ASKED):
            values, lengths, seen, pairs, _, _, of_word = made.tensors(chosen[start : start + _ASKED])
            place = torch.arange(of_word.shape[1], device=lengths.device).unsqueeze(0)
            inside = (place > 0) & (place < lengths - 1)
            found.append(trunk.words(values, seen, pairs, of_word)[inside])
    trunk.even.measure(torch.cat(found))


def emissions(model: nn.Module, made: Batches, units: Sequence[ReadUnit]) -> list[Any]:
    """The emissions [words, types * 3] of each unit."""
    found: list[Any] = [np.zeros((0, 0), np.float32)] * len(units)
    order = sorted(range(len(units)), key=lambda index: len(units[index].words.forms))
    with torch.no_grad():
        for start in range(0, len(order), _ASKED):
            batch = order[start : start + _ASKED]
            said = model(*made.tensors([units[index] for index in batch])).float().cpu().numpy()
            for row, index in enumerate(batch):
                found[index] = said[row, 1 : len(units[index].words.forms) + 1]
    return found


def mentions(
    model: nn.Module, made: Batches, units: Sequence[ReadUnit], types: tuple[str, ...], biases: Sequence[float]
) -> list[list[Mention]]:
    """What the network finds in each unit."""
    said = emissions(model, made, units)
    texts = [unit.unit.post.text for unit in units]
    spans = spans_of_posts([unit.pieces for unit in units], said, texts, types, biases)
    return [[Mention(span.start, span.end, span.type, span.fragments) for span in of_unit] for of_unit in spans]
