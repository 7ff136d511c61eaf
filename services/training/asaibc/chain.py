# mypy: disable-error-code="misc"
"""A linear-chain conditional random field over one set of tags (Lafferty, McCallum and Pereira 2001).

`services.training.crf` has a chain of three tags for each type, over word pieces between two marks; here types exclude each
other, and every character has a tag.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

_NEVER = -1e4


class Chain(nn.Module):
    """Scores of tags at each place, and of going from one to the next."""

    def __init__(
        self, tags: int, steps: NDArray[np.bool_] | None = None, first: NDArray[np.bool_] | None = None
    ) -> None:
        """`steps` [from, to] and `first` [tags]: what is allowed, all where they are not given."""
        super().__init__()
        self.moves = nn.Parameter(torch.zeros(tags, tags))
        self.begins = nn.Parameter(torch.zeros(tags))
        banned = torch.zeros(tags, tags) if steps is None else torch.from_numpy(np.where(steps, 0.0, _NEVER)).float()
        self.register_buffer("banned", banned, persistent=False)
        start = torch.zeros(tags) if first is None else torch.from_numpy(np.where(first, 0.0, _NEVER)).float()
        self.register_buffer("banned_first", start, persistent=False)

    def loss(self, scores: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """Negative log likelihood of each row's tags.

        `scores` [rows, places, tags], `tags` [rows, places], `lengths` [rows], none of them 0.
        """
        moves, first = self.moves + self.banned, self.begins + self.banned_first
        live = torch.arange(scores.shape[1], device=scores.device) < lengths[:, None]
        total = scores[:, 0] + first
        for at in range(1, scores.shape[1]):
            onward = torch.logsumexp(total.unsqueeze(2) + moves, dim=1) + scores[:, at]
            total = torch.where(live[:, at, None], onward, total)
        path = (scores.gather(2, tags.unsqueeze(2)).squeeze(2) * live).sum(dim=1) + first[tags[:, 0]]
        path = path + (moves[tags[:, :-1], tags[:, 1:]] * live[:, 1:]).sum(dim=1)
        return torch.logsumexp(total, dim=1) - path

    def best(self, scores: Tensor, lengths: Tensor) -> list[list[int]]:
        """The likeliest tags of each row (Viterbi)."""
        moves, first = (self.moves + self.banned).detach(), (self.begins + self.banned_first).detach()
        scores = scores.detach()
        total, came = scores[:, 0] + first, []
        live = torch.arange(scores.shape[1], device=scores.device) < lengths[:, None]
        stay = torch.arange(scores.shape[2], device=scores.device).expand(scores.shape[0], -1)
        for at in range(1, scores.shape[1]):
            onward, before = (total.unsqueeze(2) + moves).max(dim=1)
            came.append(torch.where(live[:, at, None], before, stay))
            total = torch.where(live[:, at, None], onward + scores[:, at], total)
        place = total.argmax(dim=1)
        path = [place]
        for before in reversed(came):
            place = before.gather(1, place.unsqueeze(1)).squeeze(1)
            path.append(place)
        paths = torch.stack(path[::-1], dim=1).tolist()
        return [row[:length] for row, length in zip(paths, lengths.tolist(), strict=True)]
