"""Writes a trained network as a version in the Triton model repository: graph, metadata, tokenizer."""

from __future__ import annotations

import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import onnx
import torch
from onnx import ModelProto
from tokenizers import Tokenizer
from torch import Tensor, nn

from services.training.adapters import merge
from services.training.fitting import BUCKETS, trunk_of
from services.training.graphs import quantised
from services.training.half import halved
from services.training.networks import Classifier, Extractor
from services.training.products import Products
from services.training.ranges import measured
from shared.errors import AdrwatchError
from shared.models import classifier, extractor
from shared.models.features import FeatureBuilder, FeatureSpec, Inputs
from shared.models.metadata import METADATA, TOKENIZER, Calibration, Metadata
from shared.models.repository import GRAPH, HALF_GRAPH
from shared.settings import PACKAGE_ROOT
from shared.text.parse import Parser, parser_named

# Opset 17 has LayerNormalization and loads in every onnxruntime since 1.13.
_OPSET = 17
# Posts of every kind that we wrote for the demo.
SAMPLE_POSTS = PACKAGE_ROOT / "deploy" / "demo" / "posts.jsonl"


def export(
    checkpoint: Path,
    repository: Path,
    version: str,
    number: int,
    *,
    eight_bit: bool = True,
    half: bool = False,
    posts: Path = SAMPLE_POSTS,
    pair: str = "",
) -> Path:
    """Write the model of a checkpoint (of either training run) as version `number` into `repository`; returns its folder.

    `pair`: what the name of the model ends with, of models of other languages.

    `eight_bit`: as served on CPU; else fp32, for comparisons. `half`: a graph of half precision beside it, for GPUs. `posts`:
    JSON lines with a `text`; the fixed scales of the 8-bit graph are measured on them.
    """
    trained = torch.load(checkpoint, weights_only=False)
    # To which lengths rows are padded is a matter of serving: training has no part in it.
    trained["spec"] = replace(trained["spec"], buckets=BUCKETS)
    network, name, output, _ = network_of(trained)
    name = f"{name}_{pair}" if pair else name
    tokenizer = Tokenizer.from_str(trained["tokenizer"])
    folder = repository / name / str(number)
    folder.mkdir(parents=True, exist_ok=True)
    graph = trace(network, trained["spec"], output)
    (folder / HALF_GRAPH).unlink(missing_ok=True)
    if half:
        onnx.save(halved(graph), folder / HALF_GRAPH)
    if eight_bit:
        batches = batches_of(posts, FeatureBuilder(tokenizer, trained["spec"]), parser_named(trained["parser"]))
        graph = quantised(graph, measured(graph, Products(graph).steady(), batches))
    onnx.save(graph, folder / GRAPH)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer_text = tokenizer.to_str()
    (folder / TOKENIZER).write_text(tokenizer_text, encoding="utf-8")
    metadata = metadata_of(trained, name, version, tokenizer_text)
    (folder / METADATA).write_bytes(msgspec.json.format(msgspec.json.encode(metadata), indent=1) + b"\n")
    return folder


def batches_of(posts: Path, builder: FeatureBuilder, parser: Parser) -> list[Inputs]:
    """The posts of a file of JSON lines, ready for a model."""
    texts = [msgspec.json.decode(line)["text"] for line in posts.read_bytes().splitlines()]
    return builder.encode(texts, parser.parse(texts)).batches


def network_of(trained: dict[str, Any]) -> tuple[nn.Module, str, str, dict[str, tuple[Tensor, Tensor]]]:
    """The network of a checkpoint, adapters merged; the model's name, its output's, and the factors of `merge`."""
    trunk = trunk_of(trained, attention="eager")
    network: nn.Module
    if trained["options"].get("crf"):
        raise AdrwatchError("an extractor with chains of tags is not served", fix="train it without `crf`")
    if "types" in trained:
        network = Extractor(trunk, len(trained["types"]))
        name, output = extractor.NAME, extractor.OUTPUT
    else:
        network, name, output = Classifier(trunk), classifier.NAME, classifier.OUTPUT
    network.load_state_dict(trained["state"])
    factors = merge(network)
    return network.eval(), name, output, factors


def trace(network: nn.Module, spec: FeatureSpec, output: str) -> ModelProto:
    """The graph of a network in fp32, with all inputs of the features, also those that it does not read."""
    rows, size = 2, spec.buckets[0]
    names = spec.inputs
    example: list[Tensor] = [torch.ones(rows, size, dtype=torch.int32) for _ in names]
    example[names.index("lengths")] = torch.tensor([[size], [size - 3]], dtype=torch.int32)
    example[names.index("char_ids")] = torch.ones(rows, size, spec.word_characters, dtype=torch.int32)
    axes = {name: {0: "rows", 1: "pieces"} for name in names}
    axes["lengths"] = {0: "rows"}
    axes[output] = {0: "rows"} if output == classifier.OUTPUT else {0: "rows", 1: "pieces"}
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as scratch:
        # The tracing exporter is deprecated, but its graphs run faster than those of the dynamo exporter.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            tuple(example),
            f"{scratch}/model.onnx",
            input_names=list(names),
            output_names=[output],
            dynamic_axes=axes,
            opset_version=_OPSET,
            dynamo=False,
        )
        traced = onnx.load(f"{scratch}/model.onnx")
    # The exporter drops what is not read, and servers refuse what they were not told of.
    kept = {value.name: value for value in traced.graph.input}
    del traced.graph.input[:]
    for name, tensor in zip(names, example, strict=True):
        dims = [axes[name].get(axis, length) for axis, length in enumerate(tensor.shape)]
        unread = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.INT32, dims)
        traced.graph.input.append(kept.get(name, unread))
    return traced


def metadata_of(trained: dict[str, Any], name: str, version: str, tokenizer_text: str) -> Metadata:
    """What is served beside the graph of a checkpoint."""
    spec: FeatureSpec = trained["spec"]
    return Metadata(
        name=name,
        version=version,
        digest=spec.digest(tokenizer_text, trained["parser"]),
        parser=trained["parser"],
        buckets=spec.buckets,
        overlap=spec.overlap,
        word_characters=spec.word_characters,
        labels=spec.labels,
        tags=spec.tags,
        temperature=trained.get("temperature", 1.0),
        bias=trained.get("bias", 0.0),
        types=tuple(trained.get("types", ())),
        outside_bias=tuple(trained.get("outside_bias", ())),
        policies=trained.get("policies", {}),
        by_language={name: Calibration(**own) for name, own in trained.get("by_language", {}).items()},
    )
