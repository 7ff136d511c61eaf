"""What both training runs share: the encoder, batches of similar length, the optimiser, averaged weights."""

from __future__ import annotations

import copy
import importlib.util
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel

from services.training.adapters import adapt
from services.training.lower import LowerLayers
from services.training.networks import Sizes, Trunk
from services.training.options import DEFAULT_ENCODER, Options
from shared.errors import AdrwatchError
from shared.models.features import CLASS_INPUTS, LEVEL_INPUTS, FeatureBuilder, FeatureSpec, Reading, Window, pad
from shared.models.orthography import KINDS
from shared.text.parse import Parser, Unparsed, default_parser

N = TypeVar("N", bound=nn.Module)
T = TypeVar("T")

# Learning rates: the encoder knows English already, the levels above it start from nothing.
_ENCODER_RATE, _HEAD_RATE, _LAYER_DECAY, _WEIGHT_DECAY = 6e-5, 1e-3, 0.9, 0.01
# Adapters start from nothing as well, inside an encoder that a hasty step would spoil.
_ADAPTER_RATE = 1e-3
# So many posts tell how the encoder's channels lie.
_MEASURED = 96
_WARM_UP = 0.1
_AVERAGE_FROM, _AVERAGE_EVERY = 0.5, 10


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


def parser_of(options: Options) -> Parser:
    """What parses posts for networks of these options."""
    return default_parser() if options.parses else Unparsed()


def feature_spec(options: Options) -> FeatureSpec:
    """The feature settings of newly trained models; levels left out cost nothing when they are served."""
    labels, tags = (default_parser().labels, default_parser().tags) if options.parses else ((), ())
    if "classes" in options.without:
        tags = ()
    return FeatureSpec(buckets=BUCKETS, overlap=64, word_characters=16, labels=labels, tags=tags)


def load_tokenizer(encoder: str) -> Tokenizer:
    """The encoder's own tokenizer."""
    path = Path(encoder_folder(encoder)) / "tokenizer.json"
    return Tokenizer.from_file(str(path)) if path.is_file() else Tokenizer.from_pretrained(encoder)


def build_trunk(encoder: str, sizes: Sizes, *, freeze: int = 0, attention: str | None = None) -> Trunk:
    """A trunk around a pretrained encoder, its word vectors frozen.

    `freeze`: how many of the encoder's lowest layers stay as they are (with them, all embeddings). `attention`: eager
    traces into a plain graph; the fastest that the encoder has without.
    """
    model = AutoModel.from_pretrained(encoder_folder(encoder), add_pooling_layer=False, attn_implementation=attention)
    model.embeddings.word_embeddings.weight.requires_grad_(False)
    for part in [model.embeddings, *model.encoder.layer[:freeze]] if freeze else []:
        part.requires_grad_(False)
    return Trunk(model, sizes)


def sizes_of(spec: FeatureSpec, without: Sequence[str]) -> Sizes:
    """Widths of the levels, with some of them left out."""
    sizes = Sizes(labels=len(spec.labels), tags=len(spec.tags), shapes=len(KINDS))
    left_out: dict[str, dict[str, Any]] = {
        "characters": {"characters": 0},
        "pairs": {"pairs": 0},
        "classes": {"classes": 0},
        "bert": {"context": False},
        "words": {"words": False, "context": False},
        "lstm": {"hidden": 0},
    }
    for level in without:
        sizes = replace(sizes, **left_out[level])
    return sizes


def feature_builder(options: Options) -> FeatureBuilder:
    """What reads posts for a network that these options begin."""
    return FeatureBuilder(load_tokenizer(options.encoder), feature_spec(options))


def begun(options: Options, make: Callable[[Trunk], N]) -> tuple[N, dict[str, Any]]:
    """A network to train, from `options.start` where it is given, and what its checkpoint needs beside weights.

    With that, a checkpoint is exported without the encoder's folder.
    """
    spec = feature_spec(options)
    sizes = replace(sizes_of(spec, options.without), evened=options.adapters > 0)
    torch.manual_seed(options.seed)
    trunk = build_trunk(options.encoder, sizes, freeze=options.freeze)
    if options.adapters:
        adapt(trunk.encoder, options.adapters, options.freeze)
        trunk.lower = LowerLayers(options.freeze)
    model = make(trunk)
    if options.start:
        continue_from(model, Path(options.start))
    return model, {
        "sizes": asdict(sizes),
        "spec": spec,
        "parser": parser_of(options).version,
        "encoder_config": trunk.encoder.config.to_dict(),
        "tokenizer": load_tokenizer(options.encoder).to_str(),
    }


def trunk_of(trained: dict[str, Any], *, attention: str | None = None) -> Trunk:
    """The trunk of a checkpoint without its weights; eager attention traces into a plain graph."""
    config = AutoConfig.for_model(**trained["encoder_config"])
    encoder = AutoModel.from_config(config, add_pooling_layer=False, attn_implementation=attention)
    options = trained["options"]
    if options.get("adapters"):
        adapt(encoder, options["adapters"], options["freeze"])
    return Trunk(encoder, Sizes(**trained["sizes"]))


def continue_from(model: nn.Module, checkpoint: Path) -> None:
    """Bring the weights of an earlier run into `model`: all that has the same name and shape, such as the trunk."""
    state = torch.load(checkpoint, weights_only=False)["state"]
    own = model.state_dict()
    model.load_state_dict({n: state[n] if n in state and state[n].shape == own[n].shape else own[n] for n in own})


def padded(pieces: int) -> int:
    """The length to which a row of so many pieces is padded in training: few lengths, so that kernels are made once."""
    step = 8 if pieces <= 64 else 32
    return -(-pieces // step) * step


def tensors(group: Sequence[Window]) -> list[Tensor]:
    """A batch as tensors in the order of the network's arguments."""
    batch = pad(group, padded(max(len(window.arrays["input_ids"]) for window in group)))
    return [torch.from_numpy(batch[name]).to(device()) for name in (*LEVEL_INPUTS, *CLASS_INPUTS) if name in batch]


def even(trunk: Trunk, windows: Sequence[Window]) -> None:
    """Measure how the channels of a trunk's encoder lie, on some of the windows, where that has not been done."""
    if trunk.even is None or trunk.even.measured:
        return
    chosen = some_of(windows, lambda window: window.pieces)
    found = []
    with torch.no_grad():
        for start in range(0, len(chosen), 16):
            input_ids, lengths, *_ = tensors(chosen[start : start + 16])
            words = trunk.to(device()).eval().words(input_ids, lengths)
            place = torch.arange(words.shape[1], device=words.device).unsqueeze(0)
            found.append(words[place < lengths].float())
    trunk.even.measure(torch.cat(found))


def some_of(examples: Sequence[T], size: Callable[[T], int]) -> list[T]:
    """Enough examples from all of their length to measure channels on, the shortest first."""
    return sorted(examples[:: max(1, len(examples) // _MEASURED)][:_MEASURED], key=size)


def device() -> torch.device:
    """The GPU where there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def shuffled_batches(sizes: Sequence[int], pieces_a_batch: int, generator: random.Random) -> Iterator[list[int]]:
    """Indexes in batches of one padded length holding `pieces_a_batch` pieces, in random order.

    All full batches of a length have the same shape: a new shape costs more than the batch itself, for kernels are compiled for it.
    """
    order = list(range(len(sizes)))
    generator.shuffle(order)
    lengths: dict[int, list[int]] = {}
    for index in order:
        lengths.setdefault(padded(sizes[index]), []).append(index)
    batches = [
        members[start : start + rows]
        for length, members in sorted(lengths.items())
        for rows in [max(1, pieces_a_batch // length)]
        for start in range(0, len(members), rows)
    ]
    generator.shuffle(batches)
    yield from batches


class Optimiser:
    """AdamW with layer-wise rates, linear warm-up and decay, and an average of the weights of the later steps.

    The encoder computes in bfloat16, which halves the time on CPUs with AMX; updates and averages are in float32.
    """

    def __init__(
        self, model: Any, half: nn.Module, rates: Mapping[str, float], steps: int, *, accumulate: int = 1
    ) -> None:
        """`half`: the part that computes in bfloat16. `rates`: the learning rate of each trained parameter, by name.

        `accumulate`: an update is made of so many losses; small batches stay in the processor's cache.
        """
        self._model = model
        self._updates = max(1, steps // accumulate)
        self._accumulate = accumulate
        self._losses = self._done = 0
        self._exact = {name: p.detach().clone() for name, p in model.named_parameters()}
        groups = [{"params": [self._exact[name]], "lr": rate} for name, rate in rates.items()]
        self._adam = torch.optim.AdamW(groups, weight_decay=_WEIGHT_DECAY, fused=True)
        half.to(torch.bfloat16)
        self._trained = {name: p for name, p in model.named_parameters() if name in rates}
        warm = max(1, int(self._updates * _WARM_UP))
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._adam,
            lambda step: min((step + 1) / warm, max(0.02, (self._updates - step) / max(1, self._updates - warm))),
        )
        self._average: dict[str, Tensor] = {}
        self._averaged = 0

    def step(self, loss: Tensor) -> None:
        """One update from this loss, or from the last few."""
        torch.autograd.backward(loss / self._accumulate)
        self._losses += 1
        if self._losses % self._accumulate:
            return
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
        if self._done >= self._updates * _AVERAGE_FROM and self._done % _AVERAGE_EVERY == 0:
            self._include()

    def state(self) -> dict[str, Any]:
        """All that `restore` needs."""
        return {
            "exact": self._exact,
            "adam": self._adam.state_dict(),
            "schedule": self._schedule.state_dict(),
            "average": self._average,
            "counts": (self._losses, self._done, self._averaged),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave in a run of the same options."""
        with torch.no_grad():
            for name, value in state["exact"].items():
                self._exact[name].copy_(value)
            for name, parameter in self._trained.items():
                parameter.copy_(self._exact[name])
        self._adam.load_state_dict(state["adam"])
        self._schedule.load_state_dict(state["schedule"])
        self._average = dict(state["average"])
        self._losses, self._done, self._averaged = state["counts"]

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


def readings(builder: FeatureBuilder, parser: Parser, texts: Sequence[str]) -> list[Reading]:
    """Pieces and windows of each text."""
    return [builder.read(text, parse) for text, parse in zip(texts, parser.parse(texts), strict=True)]


def layered_rates(model: Any, scale: float = 1.0) -> dict[str, float]:
    """The learning rate of each parameter of a network around a trunk that is trained, by its name; times `scale`."""
    return {name: rate * scale for name, rate in _rates(model)}


def _rates(model: Any) -> Iterator[tuple[str, float]]:
    layers = model.trunk.encoder.config.num_hidden_layers
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        if ".up." in name or ".down." in name:
            yield name, _ADAPTER_RATE
        elif "encoder.encoder.layer." in name:
            depth = int(name.split("encoder.layer.")[1].split(".")[0])
            yield name, _ENCODER_RATE * _LAYER_DECAY ** (layers - 1 - depth)
        elif "encoder.embeddings" in name:
            yield name, _ENCODER_RATE * _LAYER_DECAY**layers
        else:
            yield name, _HEAD_RATE
