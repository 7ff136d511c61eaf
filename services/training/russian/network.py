# mypy: disable-error-code="misc"
"""The trunk of the Russian recognisers: vectors of words from the encoder, characters, features; layers of a BiLSTM over them.

Its heads are those of the English recognisers: `Extractor` and, with chains of tags, `CrfExtractor`. Places count words, with the
ends of the text around them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from services.training.networks import BiLSTM, Evened
from services.training.russian.vectors import Upper

# Characters of a word, width of their vectors, filters and kernel of the convolution: section 4.3.1 of the paper.
CHARACTERS, _VECTOR, _FILTERS, _KERNEL = 52, 30, 30, 3
PADDING, UNKNOWN = 0, 1
_DROPOUT = 0.3


@dataclass(frozen=True, slots=True)
class WordSizes:
    """Widths. `alphabet`: characters with padding and unknown, 0 without charCNN; `features`: columns, 0 without any."""

    alphabet: int
    features: int
    layers: int
    hidden: int
    projected: int = 32


class Characters(nn.Module):
    """charCNN: vectors of characters, one convolution, the maximum of each filter over the word (Ma and Hovy, 2016)."""

    width = _FILTERS

    def __init__(self, alphabet: int) -> None:
        super().__init__()
        self.vectors = nn.Embedding(alphabet, _VECTOR)
        nn.init.uniform_(self.vectors.weight, -0.5, 0.5)
        self.convolution = nn.Conv1d(_VECTOR, _FILTERS, _KERNEL, padding=_KERNEL // 2)

    def forward(self, forms: Tensor, of_word: Tensor) -> Tensor:
        """Forms [n, characters] and which one each word has [rows, words] → [rows, words, filters]."""
        found: Tensor = self.convolution(self.vectors(forms).transpose(1, 2)).amax(dim=2)
        return found[of_word]


class WordTrunk(nn.Module):
    """The levels of each word, brought together, and the layers of a BiLSTM. `width`: of the vectors that it gives."""

    def __init__(self, upper: Upper, sizes: WordSizes) -> None:
        super().__init__()
        self.encoder = upper
        self.characters = Characters(sizes.alphabet) if sizes.alphabet else None
        self.features = nn.Linear(sizes.features, sizes.projected) if sizes.features else None
        width = upper.config.hidden_size
        # Vectors of the encoder's table are small numbers, those of its layers large ones that lie close together.
        self.even = Evened(width)
        width += Characters.width if sizes.alphabet else 0
        width += sizes.projected if sizes.features else 0
        self.dropout = nn.Dropout(_DROPOUT)
        inputs = [width, *[2 * sizes.hidden] * (sizes.layers - 1)]
        self.lstms = nn.ModuleList([BiLSTM(each, sizes.hidden) for each in inputs[: sizes.layers]])
        self.width = 2 * sizes.hidden if sizes.layers else width

    def forward(
        self,
        values: Tensor,
        lengths: Tensor,
        seen: Tensor,
        pairs: Tensor,
        features: Tensor,
        forms: Tensor,
        of_word: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """A batch of `RussianTask` → vectors [rows, words, width], mask [rows, words, 1]."""
        words = of_word.shape[1]
        levels = [self.even(self.words(values, seen, pairs, of_word))]
        if self.characters is not None:
            levels.append(self.characters(forms, of_word))
        if self.features is not None:
            levels.append(torch.relu(self.features(features)))
        fused = self.dropout(torch.cat(levels, dim=2))
        for layer in self.lstms:
            fused = self.dropout(layer(fused, lengths))
        mask = torch.arange(words, device=lengths.device).unsqueeze(0) < lengths
        return fused, mask.unsqueeze(2)

    def words(self, values: Tensor, seen: Tensor, pairs: Tensor, of_word: Tensor) -> Tensor:
        """The encoder's vectors of a batch's words, as they come [rows, words, width]: each the mean of its pieces."""
        rows, words = of_word.shape
        pieces = self.encoder(values, seen).float().flatten(0, 1)
        vectors = pieces.new_zeros(rows * words, pieces.shape[1]).index_add(0, pairs[1], pieces[pairs[0]])
        count = pieces.new_zeros(rows * words).index_add(0, pairs[1], pieces.new_ones(pairs.shape[1]))
        return (vectors / count.clamp(min=1)[:, None]).unflatten(0, (rows, words))
