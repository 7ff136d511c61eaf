# mypy: disable-error-code="misc"
"""What the network is made of beside LSTMs and chains: reversal of gradients, IndRNN, self-attention, difference of encoders."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        return values.view_as(values)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        return -gradients[0]


def reversed_gradient(values: Tensor) -> Tensor:
    """The same values, whose gradients change their sign on the way back (Ganin et al. 2016)."""
    reversed_: Tensor = _Reversal.apply(values)
    return reversed_


class Discriminator(nn.Module):
    """Which task a sentence is of, told from the strongest of its shared features; what these learn from it is the opposite."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.head = nn.Linear(width, 2)

    def forward(self, shared: Tensor, live: Tensor) -> Tensor:
        """[rows, places, width] and [rows, places] → [rows, 2]."""
        strongest = shared.masked_fill(~live.unsqueeze(2), -1e4).amax(dim=1)
        logits: Tensor = self.head(reversed_gradient(strongest))
        return logits


def difference(one: Tensor, other: Tensor, live: Tensor) -> Tensor:
    """How far two encoders are from being orthogonal (Bousmalis et al. 2016): the mean of the squared cosines of their features.

    Features are the columns over all places that are `live`; 0 where each is orthogonal to each of the other encoder, 1 at most.
    """
    columns = [functional.normalize(each[live], dim=0) for each in (one, other)]
    return (columns[0].T @ columns[1]).square().mean()


class SelfAttention(nn.Module):
    """Heads of scaled dot products over a sentence's places; what they bring is added to what came in.

    The heads divide the width.
    """

    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = nn.MultiheadAttention(width, heads, dropout=0.1, batch_first=True)
        self.norm = nn.LayerNorm(width)

    def forward(self, vectors: Tensor, live: Tensor) -> Tensor:
        """[rows, places, width] → the same shape."""
        seen, _ = self.heads(vectors, vectors, vectors, key_padding_mask=~live, need_weights=False)
        summed: Tensor = self.norm(vectors + seen)
        return summed


class IndRNN(nn.Module):
    """Layers in which each neuron sees, of the step before, itself alone (Li et al. 2018): h = ReLU(W x + u ⊙ h + b).

    Batch normalisation stands between the layers in the paper; here layer normalisation, for batches hold padding.
    """

    def __init__(self, inputs: int, width: int, layers: int = 2) -> None:
        super().__init__()
        self.inputs = nn.ModuleList(nn.Linear(inputs if not at else width, width) for at in range(layers))
        # As the paper begins: neurons that forget at once up to such that keep all.
        self.recurrent = nn.ParameterList(nn.Parameter(torch.rand(width)) for _ in range(layers))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))

    def forward(self, vectors: Tensor) -> Tensor:
        """[rows, places, inputs] → [rows, places, width]."""
        for dense, weight, norm in zip(self.inputs, self.recurrent, self.norms, strict=True):
            vectors = norm(recurrence(dense(vectors), weight.clamp(-1.0, 1.0)))
        return vectors


def recurrence(entering: Tensor, weight: Tensor) -> Tensor:
    """h = ReLU(x + u ⊙ h) along the places; [rows, places, width]. With |u| at most 1 nothing grows without end."""
    state = torch.zeros_like(entering[:, 0])
    states = []
    for at in range(entering.shape[1]):
        state = torch.relu(entering[:, at] + weight * state)
        states.append(state)
    return torch.stack(states, dim=1)
