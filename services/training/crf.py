# mypy: disable-error-code="misc"
"""The recogniser with a conditional random field over its tags: Model A of Applied Sciences 12(1), 491 (2022), to compare with.

One linear chain for each type (Lafferty, McCallum and Pereira, 2001). The libraries for it are no longer kept.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from services.training.networks import Extractor, Trunk
from shared.models.decode import BEGIN, INSIDE, OUTSIDE, TAGS

_NEVER = -1e4


class CrfExtractor(Extractor):
    """In training it gives scores [rows, pieces, 3 * types] for `chain_loss`; else the log probability of each tag."""

    def __init__(self, trunk: Trunk, types: int) -> None:
        super().__init__(trunk, types)
        # From tag to tag; INSIDE follows neither OUTSIDE nor the start.
        self.transitions = nn.Parameter(torch.zeros(types, TAGS, TAGS))
        allowed = torch.zeros(TAGS, TAGS)
        allowed[OUTSIDE, INSIDE] = _NEVER
        self.register_buffer("allowed", allowed)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Inputs in the order of `FeatureSpec.inputs`."""
        scores: Tensor = super().forward(*inputs).float()
        if self.training:
            return scores
        with torch.enable_grad():
            # The derivative of a chain's log partition by a score is the probability of that tag there.
            leaf = scores.detach().requires_grad_()
            live = _inside(inputs[1], leaf.shape[1])
            total = self._partition(leaf.unflatten(2, (-1, TAGS)), live).sum()
            (probabilities,) = torch.autograd.grad(total, leaf)
        return probabilities.clamp(min=1e-6).log()

    def chain_loss(self, scores: Tensor, lengths: Tensor, targets: Tensor) -> Tensor:
        """Mean over the pieces of the chains' negative log likelihood.

        `scores` [rows, pieces, 3 * types], `lengths` [rows, 1] with [CLS] and [SEP], `targets` [rows, pieces, types, 3], one-hot
        at the first piece of each word, zeros where the tag of a type is unknown in the whole row.
        """
        by_type = scores.unflatten(2, (-1, TAGS))
        live = _inside(lengths, scores.shape[1])
        tags = _filled(targets, live)
        known = targets.any(dim=3).any(dim=1)
        path = (by_type * tags).sum(dim=(1, 3))
        path = path + torch.einsum("rpti,tij,rptj->rt", tags[:, :-1], self.transitions, tags[:, 1:])
        pieces = (live[:, :, None] * known[:, None, :]).sum().clamp(min=1)
        return ((self._partition(by_type, live) - path) * known).sum() / pieces

    def _partition(self, scores: Tensor, live: Tensor) -> Tensor:
        """The log of the sum over all paths [rows, types] through the pieces that are `live` [rows, pieces]."""
        steps = self.transitions + self.allowed
        first = torch.zeros(TAGS, device=scores.device)
        first[INSIDE] = _NEVER
        total = scores[:, 1] + first
        for at in range(2, scores.shape[1]):
            onward = torch.logsumexp(total.unsqueeze(3) + steps, dim=2) + scores[:, at]
            total = torch.where(live[:, at, None, None], onward, total)
        # A row without any piece has nothing to say.
        return torch.logsumexp(total, dim=2) * live[:, 1, None]


def _inside(lengths: Tensor, size: int) -> Tensor:
    """Which places [rows, size] hold pieces of the post: not [CLS], [SEP] and padding."""
    place = torch.arange(size, device=lengths.device)
    return (place > 0) & (place < lengths.long() - 1)


def _filled(targets: Tensor, live: Tensor) -> Tensor:
    """Tags of the further pieces of words as well: inside where the word belongs to a mention."""
    filled = [torch.zeros_like(targets[:, 0])]
    for at in range(1, targets.shape[1]):
        before = filled[-1]
        carried = torch.zeros_like(before)
        carried[:, :, OUTSIDE] = before[:, :, OUTSIDE]
        carried[:, :, INSIDE] = before[:, :, BEGIN] + before[:, :, INSIDE]
        own = targets[:, at]
        filled.append(torch.where(own.any(dim=2, keepdim=True), own, carried) * live[:, at, None, None])
    return torch.stack(filled, dim=1)
