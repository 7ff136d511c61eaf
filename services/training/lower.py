# mypy: disable-error-code="misc"
"""Keeps what an encoder's frozen lower layers say of a row of pieces: an epoch that meets the row again does not compute it."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor


class LowerLayers:
    """The embeddings and the lowest `count` layers of an encoder of the BERT family, and what they have said so far.

    A row is kept by its pieces and its padded length, upon which alone it depends; in half precision, 768 bytes a piece of a
    width of 384. Nothing is dropped out in these layers.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._kept: dict[bytes, Tensor] = {}

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # The weights below are the same in every copy of a network.
        return self

    def words(self, encoder: Any, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The encoder's last vectors [rows, pieces, width] of rows of pieces; the mask as its layers take it."""
        layers = encoder.encoder.layer
        keys = [row.tobytes() for row in input_ids.cpu().numpy()]
        if any(key not in self._kept for key in keys):
            training = encoder.training
            encoder.eval()
            with torch.no_grad():
                below = _through(layers[: self.count], encoder.embeddings(input_ids=input_ids), attention_mask)
            encoder.train(training)
            self._kept.update(zip(keys, below.to(torch.bfloat16).cpu(), strict=True))
        below = torch.stack([self._kept[key] for key in keys]).to(input_ids.device, encoder.dtype)
        return _through(layers[self.count :], below, attention_mask)


def _through(layers: Any, values: Tensor, attention_mask: Tensor) -> Tensor:
    for layer in layers:
        said = layer(values, attention_mask)
        # Before transformers 5 a layer gave a tuple.
        values = said[0] if isinstance(said, tuple) else said
    return values
