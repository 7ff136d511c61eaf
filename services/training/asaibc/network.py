# mypy: disable-error-code="misc"
"""The ASAIBC network, from a chain of tags alone to the whole.

Characters' vectors → a private encoder of each task and one that both share (BiLSTMs) → self-attention and IndRNN beside a BiLSTM
→ a dense layer → chains of tags. The paper puts its dense layer behind the chain, whose output is tags already; here it stands
before.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.training.asaibc.chain import Chain
from services.training.asaibc.encoder import Upper
from services.training.asaibc.layers import Discriminator, IndRNN, SelfAttention, difference
from services.training.asaibc.posts import CUTS, allowed
from services.training.asaibc.reading import Batch
from services.training.asaibc.settings import ATTENTION, INDRNN, LSTM, Settings
from services.training.asaibc.vectors import UNSEEN
from services.training.asaibc.words import PARTS
from services.training.networks import BiLSTM

TARGET, SOURCE = 0, 1
_WINDOW = 2
_PLACES, _PARTS, _PROJECTED = 8, 16, 128
# Characters that are taken for unseen ones in training, so that there is a vector for these.
_HIDDEN = 0.02


@dataclass(frozen=True, slots=True)
class Parts:
    """What two encoders make of a text: [rows, places, 2 * hidden] each."""

    private: Tensor
    shared: Tensor


class Inputs(nn.Module):
    """What stands at each character: its vector; its place in its word and the word's part of speech; an encoder's vector."""

    def __init__(self, settings: Settings, table: Tensor, encoder_width: int, mixed: int, upper: Upper | None) -> None:
        super().__init__()
        self.characters = nn.Embedding.from_pretrained(table, freeze=False, padding_idx=0)
        self.places = nn.Embedding(len(CUTS), _PLACES) if settings.words else None
        self.parts = nn.Embedding(len(PARTS), _PARTS) if settings.words else None
        self.upper = upper
        self.mix = nn.Parameter(torch.zeros(mixed)) if encoder_width and upper is None else None
        self.project = nn.Linear(encoder_width, _PROJECTED) if encoder_width else None
        self.dropout = nn.Dropout(settings.dropout)
        self.width = table.shape[1] + (_PLACES + _PARTS) * settings.words + _PROJECTED * bool(encoder_width)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """What the encoders read [rows, places, width], and of it the characters' vectors alone."""
        numbers = batch.characters
        if self.training:
            numbers = numbers.masked_fill(
                (torch.rand(numbers.shape) < _HIDDEN).to(numbers.device) & (numbers > 0), UNSEEN
            )
        vectors = self.characters(numbers)
        found = [vectors]
        if self.places is not None and self.parts is not None:
            found += [self.places(batch.words[:, :, 0]), self.parts(batch.words[:, :, 1])]
        if self.project is not None:
            found.append(self.project(self._states(batch)))
        # Padding is nothing at all, so that windows over the ends of texts see the same beside any other text.
        return self.dropout(torch.cat(found, dim=2)) * batch.live.unsqueeze(2), vectors

    def _states(self, batch: Batch) -> Tensor:
        if batch.states is None or batch.pieces is None or batch.piece_counts is None:
            raise ValueError("the texts were read without the encoder")
        if self.upper is not None:
            live = torch.arange(batch.states.shape[1], device=batch.pieces.device) < batch.piece_counts[:, None]
            states = self.upper(batch.states[:, :, 0], live)
        else:
            states = torch.einsum("rplw,l->rpw", batch.states, torch.softmax(self.mix, dim=0))
        return states.gather(1, batch.pieces.unsqueeze(2).expand(-1, -1, states.shape[2]))


class Asaibc(nn.Module):
    """The network of one row of the study."""

    def __init__(
        self,
        settings: Settings,
        table: Tensor,
        names: tuple[str, ...],
        encoder_width: int = 0,
        mixed: int = 0,
        upper: Upper | None = None,
    ) -> None:
        """`table`: vectors of characters [characters + 2, width]. `names`: of the tags. `encoder_width`: 0 for none; `mixed`: of
        how many of its layers a sum is learned, where no `upper` ones are trained."""
        super().__init__()
        self.inputs = Inputs(settings, table, encoder_width, mixed, upper)
        hidden, width = settings.hidden, self.inputs.width
        self.private = BiLSTM(width, hidden) if LSTM in settings.parts else None
        both = 2 * hidden * (1 + settings.transfers) if self.private else width * (2 * _WINDOW + 1)
        if settings.transfers:
            self.shared, self.source = BiLSTM(width, hidden), BiLSTM(width, hidden)
            self.discriminator = Discriminator(2 * hidden)
            self.decoder = nn.Linear(2 * hidden, table.shape[1])
            self.cuts, self.cut_chain = nn.Linear(both, len(CUTS)), Chain(len(CUTS))
        self.attention = SelfAttention(both) if ATTENTION in settings.parts else None
        self.indrnn = IndRNN(both, 2 * hidden) if INDRNN in settings.parts else None
        self.joint = BiLSTM(both, hidden) if INDRNN in settings.parts else None
        self.dense = nn.Sequential(nn.Linear(4 * hidden, 2 * hidden), nn.Tanh()) if self.indrnn else nn.Identity()
        self.dropout = nn.Dropout(settings.dropout)
        self.tags = nn.Linear(2 * hidden if self.indrnn else both, len(names))
        self.chain = Chain(len(names), *allowed(names))
        self._settings = settings

    def best(self, batch: Batch) -> list[list[int]]:
        """The likeliest tags of each text."""
        entered, _ = self.inputs(batch)
        emissions = self._emissions(entered, batch, self._parts(entered, batch, TARGET))
        found: list[list[int]] = self.chain.best(emissions, batch.lengths)
        return found

    def loss(self, batch: Batch, tags: Tensor) -> Tensor:
        """Of posts with entities: a mean over their characters, with what transfer adds."""
        entered, vectors = self.inputs(batch)
        parts = self._parts(entered, batch, TARGET)
        own = self.chain.loss(self._emissions(entered, batch, parts), tags, batch.lengths).sum() / batch.lengths.sum()
        return own + self._further(parts, vectors, batch, TARGET) if parts and self._settings.transfers else own

    def source_loss(self, batch: Batch, cuts: Tensor, weights: Tensor) -> Tensor:
        """Of sentences cut into words, each with its weight [rows]: a weighted mean over their characters."""
        entered, vectors = self.inputs(batch)
        parts = self._parts(entered, batch, SOURCE)
        assert parts is not None  # noqa: S101 - only networks with transfer have a source
        scores = self.cuts(self.dropout(torch.cat([parts.private, parts.shared], dim=2)))
        weighed = (self.cut_chain.loss(scores, cuts, batch.lengths) * weights).sum() / (batch.lengths * weights).sum()
        return self._settings.segmentation * weighed + self._further(parts, vectors, batch, SOURCE)

    def _parts(self, entered: Tensor, batch: Batch, task: int) -> Parts | None:
        if self.private is None:
            return None
        lengths = batch.lengths.unsqueeze(1)
        private = (self.source if task == SOURCE else self.private)(entered, lengths)
        shared = self.shared(entered, lengths) if self._settings.transfers else private.new_zeros(*private.shape[:2], 0)
        return Parts(private, shared)

    def _emissions(self, entered: Tensor, batch: Batch, parts: Parts | None) -> Tensor:
        if parts is None:
            around = functional.pad(entered, (0, 0, _WINDOW, _WINDOW))
            fused = torch.cat([around[:, at : at + entered.shape[1]] for at in range(2 * _WINDOW + 1)], dim=2)
        else:
            fused = self.dropout(torch.cat([parts.private, parts.shared], dim=2))
        attended = fused if self.attention is None else self.attention(fused, batch.live)
        if self.indrnn is not None and self.joint is not None:
            beside = self.joint(fused, batch.lengths.unsqueeze(1))
            attended = self.dropout(self.dense(torch.cat([self.indrnn(attended), beside], dim=2)))
        emissions: Tensor = self.tags(attended)
        return emissions

    def _further(self, parts: Parts, vectors: Tensor, batch: Batch, task: int) -> Tensor:
        """The discriminator's loss, the difference of the encoders, and what is lost of the characters' vectors."""
        settings, live = self._settings, batch.live
        told = self.discriminator(parts.shared, live)
        adversary = functional.cross_entropy(told, torch.full((len(told),), task, device=told.device))
        again = self.decoder(parts.private + parts.shared)[live]
        return (
            settings.adversary * adversary
            + settings.difference * difference(parts.private, parts.shared, live)
            + settings.reconstruction * functional.mse_loss(again, vectors.detach()[live])
        )
