# mypy: disable-error-code="misc"
"""The two networks in PyTorch: three levels of features fused into a BiLSTM, with a head for each task.

Characters → charCNN (3 convolutions, 1 dense), word pieces → BERT, dependency pairs → label and head's vector. The
shapes are those of `shared.models.features`. Every operation treats rows of a batch apart, and padding never leaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from shared.models.features import ALPHABET


@dataclass(frozen=True, slots=True)
class Sizes:
    """Widths of the levels. A level of width 0 is left out (ablations)."""

    labels: int
    characters: int = 64
    pairs: int = 96
    hidden: int = 128
    label_vector: int = 32


class CharacterLevel(nn.Module):
    """charCNN over the characters of one word: one-hot over the alphabet, 3 convolutions, maximum, 1 dense layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        table = torch.eye(len(ALPHABET) + 1)[:, 1:]
        self.one_hot = nn.Embedding.from_pretrained(table, freeze=True)
        self.convolutions = nn.Sequential(
            *(
                layer
                for inputs in (len(ALPHABET), width, width)
                for layer in (nn.Conv1d(inputs, width, 3, padding=1), nn.ReLU())
            )
        )
        self.dense = nn.Linear(width, width)

    def forward(self, char_ids: Tensor) -> Tensor:
        """[rows, pieces, characters] → [rows, pieces, width]."""
        rows, pieces, width = char_ids.shape
        # Padding and the commonest words fill half of a batch: each word is read once.
        words, place = torch.unique(char_ids.reshape(rows * pieces, width), dim=0, return_inverse=True)
        strongest = self.convolutions(self.one_hot(words).transpose(1, 2)).amax(dim=2)
        return torch.relu(self.dense(strongest))[place].reshape(rows, pieces, -1)


class PairLevel(nn.Module):
    """Dependency pairs: the label of each piece's word and the vector of its head, as one vector."""

    def __init__(self, sizes: Sizes, word_width: int) -> None:
        super().__init__()
        self.labels = nn.Embedding(sizes.labels + 1, sizes.label_vector)
        self.dense = nn.Linear(sizes.label_vector + word_width, sizes.pairs)

    def forward(self, words: Tensor, dep_labels: Tensor, dep_heads: Tensor) -> Tensor:
        """Words [rows, pieces, word_width] → [rows, pieces, pairs]."""
        heads = words.gather(1, dep_heads.long().unsqueeze(2).expand(-1, -1, words.shape[2]))
        return torch.relu(self.dense(torch.cat([self.labels(dep_labels), heads], dim=2)))


class BiLSTM(nn.Module):
    """Two one-way LSTMs; the backward one reads each row reversed within its own length, so padding comes last."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.onward = nn.LSTM(inputs, hidden, batch_first=True)
        self.backward_ = nn.LSTM(inputs, hidden, batch_first=True)

    def forward(self, fused: Tensor, lengths: Tensor) -> Tensor:
        """[rows, pieces, inputs], lengths [rows, 1] → [rows, pieces, 2 * hidden]; padding holds arbitrary values."""
        place = torch.arange(fused.shape[1], device=fused.device).unsqueeze(0)
        turned = torch.where(place < lengths, lengths - 1 - place, place).unsqueeze(2)
        reverse = fused.gather(1, turned.expand(-1, -1, fused.shape[2]))
        onward, _ = self.onward(fused)
        back, _ = self.backward_(reverse)
        return torch.cat([onward, back.gather(1, turned.expand(-1, -1, back.shape[2]))], dim=2)


class Trunk(nn.Module):
    """The three levels and the BiLSTM that fuses them."""

    def __init__(self, encoder: Any, sizes: Sizes) -> None:
        super().__init__()
        self.encoder = encoder
        width = encoder.config.hidden_size
        self.characters = CharacterLevel(sizes.characters) if sizes.characters else None
        self.pairs = PairLevel(sizes, width) if sizes.pairs else None
        self.dropout = nn.Dropout(0.2)
        self.lstm = BiLSTM(width + sizes.characters + sizes.pairs, sizes.hidden)

    def forward(
        self, input_ids: Tensor, lengths: Tensor, char_ids: Tensor, dep_labels: Tensor, dep_heads: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Inputs of `shared.models.features` → vectors [rows, pieces, 2 * hidden], mask [rows, pieces, 1]."""
        lengths = lengths.long()
        place = torch.arange(input_ids.shape[1], device=input_ids.device).unsqueeze(0)
        seen = place < lengths
        # Far enough below any score to weigh nothing, and near enough that no exponential underflows: those are slow.
        bias = (~seen).float()[:, None, None, :] * -50.0
        words = self.encoder(input_ids=input_ids.long(), attention_mask=bias.to(self.encoder.dtype)).last_hidden_state
        levels = [words]
        if self.characters is not None:
            levels.append(self.characters(char_ids.long()))
        if self.pairs is not None:
            levels.append(self.pairs(words, dep_labels.long(), dep_heads))
        fused = self.dropout(torch.cat(levels, dim=2)).float()
        with torch.autocast("cpu", enabled=False):
            vectors = self.lstm(fused, lengths)
        return vectors, seen.unsqueeze(2)


class Classifier(nn.Module):
    """One logit a post, from the BiLSTM's maximum and mean over the post."""

    def __init__(self, trunk: Trunk, hidden: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(4 * hidden, 1))

    def forward(self, *inputs: Tensor) -> Tensor:
        """Inputs in the order of `INPUT_NAMES` → logits [rows, 1]."""
        vectors, seen = self.trunk(*inputs)
        weight = seen.float()
        strongest = (vectors * weight + (weight - 1.0) * 10.0).amax(dim=1)
        mean = (vectors * weight).sum(dim=1) / weight.sum(dim=1)
        logits: Tensor = self.head(torch.cat([strongest, mean], dim=1))
        return logits


class Extractor(nn.Module):
    """Emissions for O, B, I of each type at each piece."""

    def __init__(self, trunk: Trunk, hidden: int, types: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(2 * hidden, 3 * types))

    def forward(self, *inputs: Tensor) -> Tensor:
        """Inputs in the order of `INPUT_NAMES` → [rows, pieces, 3 * types]."""
        vectors, _ = self.trunk(*inputs)
        emissions: Tensor = self.head(vectors)
        return emissions
