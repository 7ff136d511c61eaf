# mypy: disable-error-code="misc"
"""Adapters of low rank in an encoder whose own weights stay as they are (LoRA: Hu et al. 2022, arXiv:2106.09685).

What is learned is small enough to be shipped beside the program, and whoever has the encoder puts both together. Merged,
they cost nothing when the model is served.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

# What the product of the two small matrices counts: twice its size, as is usual.
SCALE = 2.0
# The products of a layer of BERT.
_PRODUCTS = (
    ("attention.self", "query"),
    ("attention.self", "key"),
    ("attention.self", "value"),
    ("attention.output", "dense"),
    ("intermediate", "dense"),
    ("output", "dense"),
)


class Adapted(nn.Module):
    """A linear layer that stays, and two small matrices beside it, of which the second begins with zeros."""

    def __init__(self, linear: nn.Linear, rank: int) -> None:
        super().__init__()
        self.linear = linear
        self.down = nn.Linear(linear.in_features, rank, bias=False)
        self.up = nn.Linear(rank, linear.out_features, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, values: Tensor) -> Tensor:
        """[..., inputs] → [..., outputs]."""
        said: Tensor = self.linear(values) + self.up(self.down(values)) * SCALE
        return said


def adapt(encoder: Any, rank: int, first: int) -> None:
    """Freeze an encoder of the BERT family, and put adapters into its layers from number `first` on.

    No attention is dropped out: so few weights need it less, and drawing it takes a tenth of the time on a processor.
    """
    encoder.requires_grad_(False)
    for layer in encoder.encoder.layer:
        layer.attention.self.dropout.p = 0.0
    for layer in encoder.encoder.layer[first:]:
        for path, name in _PRODUCTS:
            parent = layer.get_submodule(path)
            setattr(parent, name, Adapted(getattr(parent, name), rank))


def merge(network: nn.Module) -> dict[str, tuple[Tensor, Tensor]]:
    """Put plain linear layers in the adapters' place.

    Returns for the name of each weight that was changed the two factors (up, scaled; down) whose product was added to it.
    """
    factors = {}
    for name, module in list(network.named_modules()):
        if isinstance(module, Adapted):
            up, down = module.up.weight.detach().float() * SCALE, module.down.weight.detach().float()
            module.linear.weight.data += up @ down
            parent, _, own = name.rpartition(".")
            setattr(network.get_submodule(parent), own, module.linear)
            factors[f"{name}.weight"] = (up, down)
    return factors
