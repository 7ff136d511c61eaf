# mypy: disable-error-code="misc"
"""The two networks in PyTorch: three levels of features fused into a BiLSTM, with a head for each task.

Characters → charCNN (3 convolutions, 1 dense), word pieces → BERT, dependency pairs → label and head's vector; beside them part of
speech and orthography. The shapes are those of `shared.models.features`. Every operation treats rows of a batch apart, and padding
never leaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from services.training.lower import LowerLayers
from shared.models.features import ALPHABET


@dataclass(frozen=True, slots=True)
class Sizes:
    """Widths of the levels. A level of width 0 is left out (ablations).

    `labels`, `tags`, `shapes`: how many dependency labels, parts of speech and ways of writing there are. `fused`: what the
    levels are brought to before the BiLSTM, whose cost grows with it, 0 for nothing; `hidden`: the BiLSTM's width each way, 0
    for none. `words`: whether there is a word level at all; `context`: whether it is the encoder, or only its table of vectors.
    `evened`: whether the encoder's channels are brought to mean 0 and deviation 1 first.
    """

    labels: int
    tags: int
    shapes: int
    characters: int = 64
    pairs: int = 96
    classes: int = 24
    fused: int = 0
    hidden: int = 128
    words: bool = True
    context: bool = True
    evened: bool = False


class Evened(nn.Module):
    """Channels less their mean, over their deviation, as measured before training.

    The vectors of an encoder that was trained to compare texts all lie close together; a head would learn for long where.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))

    @property
    def measured(self) -> bool:
        """Whether it has been measured; what a run goes on from was."""
        return bool(self.mean.any())

    def measure(self, vectors: Tensor) -> None:
        """Of vectors [pieces, width]."""
        self.mean.copy_(vectors.mean(dim=0))
        self.scale.copy_(1.0 / vectors.std(dim=0).clamp(min=1e-4))

    def forward(self, vectors: Tensor) -> Tensor:
        """[..., width] alike."""
        evened: Tensor = (vectors.float() - self.mean) * self.scale
        return evened


class WordVectors(nn.Module):
    """The encoder's table of word piece vectors alone, in the encoder's place: what a network without BERT reads."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.config = encoder.config
        self.table = nn.Embedding.from_pretrained(
            encoder.embeddings.word_embeddings.weight.detach().clone(), freeze=True
        )

    @property
    def dtype(self) -> torch.dtype:
        """Of the vectors."""
        return self.table.weight.dtype

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Any:
        """As the encoder's: [rows, pieces] → an object with `last_hidden_state` [rows, pieces, width]."""
        return SimpleNamespace(last_hidden_state=self.table(input_ids))


_LABEL_VECTOR = 32


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
        self.labels = nn.Embedding(sizes.labels + 1, _LABEL_VECTOR)
        self.dense = nn.Linear(_LABEL_VECTOR + word_width, sizes.pairs)

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


class ClassLevel(nn.Module):
    """Part of speech and orthography of a piece's word, a vector each."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.tags = nn.Embedding(sizes.tags + 1, 2 * sizes.classes // 3)
        self.shapes = nn.Embedding(sizes.shapes + 1, sizes.classes - 2 * sizes.classes // 3)

    def forward(self, tags: Tensor, shapes: Tensor) -> Tensor:
        """[rows, pieces] each → [rows, pieces, classes]."""
        return torch.cat([self.tags(tags), self.shapes(shapes)], dim=2)


class Trunk(nn.Module):
    """The levels, brought together, and the BiLSTM that reads them. `width`: of the vectors that it gives.

    `lower`: what remembers the encoder's frozen layers during a training run.
    """

    def __init__(self, encoder: Any, sizes: Sizes, lower: LowerLayers | None = None) -> None:
        super().__init__()
        self.lower = lower
        self.encoder = encoder if sizes.context else WordVectors(encoder)
        word_width = encoder.config.hidden_size
        self.has_words = sizes.words
        self.even = Evened(word_width) if sizes.evened else None
        self.characters = CharacterLevel(sizes.characters) if sizes.characters else None
        self.pairs = PairLevel(sizes, word_width) if sizes.pairs else None
        self.classes = ClassLevel(sizes) if sizes.classes else None
        self.dropout = nn.Dropout(0.2)
        width = word_width * sizes.words + sizes.characters + sizes.pairs + sizes.classes
        self.fuse = nn.Sequential(nn.Linear(width, sizes.fused), nn.ReLU()) if sizes.fused else nn.Identity()
        self.lstm = BiLSTM(sizes.fused or width, sizes.hidden) if sizes.hidden else None
        self.width = 2 * sizes.hidden or sizes.fused or width

    def forward(
        self,
        input_ids: Tensor,
        lengths: Tensor,
        char_ids: Tensor,
        dep_labels: Tensor,
        dep_heads: Tensor,
        tags: Tensor | None = None,
        shapes: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Inputs of `shared.models.features` → vectors [rows, pieces, width], mask [rows, pieces, 1]."""
        lengths = lengths.long()
        place = torch.arange(input_ids.shape[1], device=input_ids.device).unsqueeze(0)
        seen = place < lengths
        words = self.words(input_ids, lengths)
        if self.even is not None:
            words = self.even(words)
        levels = [words] if self.has_words else []
        if self.characters is not None:
            levels.append(self.characters(char_ids.long()))
        if self.pairs is not None:
            levels.append(self.pairs(words, dep_labels.long(), dep_heads))
        if self.classes is not None and tags is not None and shapes is not None:
            levels.append(self.classes(tags.long(), shapes.long()))
        fused = self.fuse(self.dropout(torch.cat(levels, dim=2))).float()
        if self.lstm is None:
            return fused, seen.unsqueeze(2)
        with torch.autocast(fused.device.type, enabled=False):
            vectors = self.lstm(fused, lengths)
        return vectors, seen.unsqueeze(2)

    def words(self, input_ids: Tensor, lengths: Tensor) -> Tensor:
        """The encoder's vectors [rows, pieces, width] of word pieces [rows, pieces] and their lengths [rows, 1]."""
        place = torch.arange(input_ids.shape[1], device=input_ids.device).unsqueeze(0)
        input_ids, attention_mask = input_ids.long(), self._attended(place < lengths)
        if self.lower is not None:
            return self.lower.words(self.encoder, input_ids, attention_mask)
        said: Tensor = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return said

    def _attended(self, seen: Tensor) -> Tensor:
        """The mask of padding as the encoder takes it."""
        if self.encoder.config.model_type != "bert":
            return seen.long()
        # Far enough below any score to weigh nothing, and near enough that no exponential underflows: those are slow.
        return (~seen).to(self.encoder.dtype)[:, None, None, :] * -50.0


class Classifier(nn.Module):
    """One logit a post, from the maximum and mean of the trunk's vectors over the post."""

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(2 * trunk.width, 1))

    def forward(self, *inputs: Tensor) -> Tensor:
        """Inputs in the order of `FeatureSpec.inputs` → logits [rows, 1]."""
        vectors, seen = self.trunk(*inputs)
        weight = seen.float()
        strongest = (vectors * weight + (weight - 1.0) * 10.0).amax(dim=1)
        mean = (vectors * weight).sum(dim=1) / weight.sum(dim=1)
        logits: Tensor = self.head(torch.cat([strongest, mean], dim=1))
        return logits


class Extractor(nn.Module):
    """Emissions for O, B, I of each type at each piece."""

    def __init__(self, trunk: Trunk, types: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(trunk.width, 3 * types))

    def forward(self, *inputs: Tensor) -> Tensor:
        """Inputs in the order of `FeatureSpec.inputs` → [rows, pieces, 3 * types]."""
        vectors, _ = self.trunk(*inputs)
        emissions: Tensor = self.head(vectors)
        return emissions
