"""Writes a trained network as a folder of the Triton model repository: graph, configuration, metadata, labels."""

from __future__ import annotations

import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from services.training.fitting import BUCKETS, trunk_of
from services.training.graphs import quantised
from services.training.networks import Classifier, Extractor
from services.training.products import Products
from services.training.ranges import measured
from shared.models import classifier, extractor
from shared.models.decode import BEGIN, INSIDE, OUTSIDE, TAGS
from shared.models.features import INPUT_NAMES, MAX_ROWS, FeatureBuilder, FeatureSpec, Inputs
from shared.models.metadata import METADATA, TOKENIZER, Metadata
from shared.settings import PACKAGE_ROOT
from shared.text.parse import default_parser

# Opset 17 has LayerNormalization and loads in every onnxruntime since 1.13.
_OPSET = 17
_LABELS = "labels.txt"
# Posts of every kind that we wrote for the demo.
SAMPLE_POSTS = PACKAGE_ROOT / "deploy" / "demo" / "posts.jsonl"
_WARM_LENGTHS = "lengths"


def export(
    checkpoint: Path, repository: Path, version: str, *, eight_bit: bool = True, posts: Path = SAMPLE_POSTS
) -> Path:
    """Write the model of a checkpoint (of either training run) into `repository`; returns its folder.

    `eight_bit`: as served on CPU; else fp32, for comparisons. `posts`: JSON lines with a `text`; the fixed scales of the 8-bit
    graph are measured on them.
    """
    trained = torch.load(checkpoint, weights_only=False)
    # To which lengths rows are padded is a matter of serving: training has no part in it.
    trained["spec"] = replace(trained["spec"], buckets=BUCKETS)
    network, name, output = _network(trained)
    tokenizer = Tokenizer.from_str(trained["tokenizer"])
    folder = repository / name
    (folder / "1").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch) / "model.onnx"
        _trace(network, trained["spec"], output, plain)
        graph = onnx.load(plain)
        if eight_bit:
            batches = _batches(posts, FeatureBuilder(tokenizer, trained["spec"]))
            graph = quantised(graph, measured(graph, Products(graph).steady(), batches))
        onnx.save(graph, folder / "1" / "model.onnx")
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer_text = tokenizer.to_str()
    (folder / TOKENIZER).write_text(tokenizer_text, encoding="utf-8")
    metadata = _metadata(trained, name, version, tokenizer_text)
    (folder / METADATA).write_bytes(msgspec.json.format(msgspec.json.encode(metadata), indent=1) + b"\n")
    (folder / _LABELS).write_text("\n".join(_label_names(metadata)) + "\n")
    (folder / "config.pbtxt").write_text(configuration(metadata, output))
    (folder / "warmup").mkdir(exist_ok=True)
    (folder / "warmup" / _WARM_LENGTHS).write_bytes(np.asarray([metadata.buckets[0]], dtype="<i4").tobytes())
    return folder


def _batches(posts: Path, builder: FeatureBuilder) -> list[Inputs]:
    texts = [msgspec.json.decode(line)["text"] for line in posts.read_bytes().splitlines()]
    return builder.encode(texts, default_parser().parse(texts)).batches


def configuration(metadata: Metadata, output: str) -> str:
    """config.pbtxt: stock onnxruntime backend, dynamic batching, warm-up, parameters that a client can check."""
    shapes = {"lengths": "1", "char_ids": f"-1, {metadata.word_characters}"}
    inputs = ",\n".join(
        f'  {{ name: "{name}" data_type: TYPE_INT32 dims: [ {shapes.get(name, "-1")} ] }}' for name in INPUT_NAMES
    )
    warm = "\n".join(_warm_up(name, metadata) for name in INPUT_NAMES)
    result = f"-1, {TAGS * len(metadata.types)}" if metadata.types else "1"
    parameters = "\n".join(
        f'parameters {{ key: "{key}" value: {{ string_value: "{value}" }} }}'
        for key, value in (("version", metadata.version), ("digest", metadata.digest), ("parser", metadata.parser))
    )
    return f"""name: "{metadata.name}"
backend: "onnxruntime"
max_batch_size: {MAX_ROWS}
input [
{inputs}
]
output [
  {{ name: "{output}" data_type: TYPE_FP32 dims: [ {result} ] label_filename: "{_LABELS}" }}
]
instance_group [ {{ count: 2 }} ]
dynamic_batching {{ max_queue_delay_microseconds: 2000 }}
model_warmup [
  {{
    name: "shortest"
    batch_size: 1
{warm}
  }}
]
{parameters}
"""


def _warm_up(name: str, metadata: Metadata) -> str:
    """One input of the warm-up request: zeros, except that the row is full."""
    size = metadata.buckets[0]
    shapes = {"lengths": "1", "char_ids": f"{size}, {metadata.word_characters}"}
    data = f'input_data_file: "{_WARM_LENGTHS}"' if name == "lengths" else "zero_data: true"
    dims = shapes.get(name, str(size))
    return f'    inputs {{ key: "{name}" value: {{ data_type: TYPE_INT32 dims: [ {dims} ] {data} }} }}'


def _network(trained: dict[str, Any]) -> tuple[nn.Module, str, str]:
    trunk = trunk_of(trained, attention="eager")
    network: nn.Module
    if "types" in trained:
        network = Extractor(trunk, len(trained["types"]))
        name, output = extractor.NAME, extractor.OUTPUT
    else:
        network, name, output = Classifier(trunk), classifier.NAME, classifier.OUTPUT
    network.load_state_dict(trained["state"])
    return network.eval(), name, output


def _trace(network: nn.Module, spec: FeatureSpec, output: str, file: Path) -> None:
    rows, size = 2, spec.buckets[0]
    example: list[Tensor] = [torch.ones(rows, size, dtype=torch.int32) for _ in INPUT_NAMES]
    example[INPUT_NAMES.index("lengths")] = torch.tensor([[size], [size - 3]], dtype=torch.int32)
    example[INPUT_NAMES.index("char_ids")] = torch.ones(rows, size, spec.word_characters, dtype=torch.int32)
    axes = {name: {0: "rows", 1: "pieces"} for name in INPUT_NAMES}
    axes["lengths"] = {0: "rows"}
    axes[output] = {0: "rows"} if output == classifier.OUTPUT else {0: "rows", 1: "pieces"}
    with warnings.catch_warnings():
        # The tracing exporter is deprecated, but its graphs run faster than those of the dynamo exporter.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            tuple(example),
            str(file),
            input_names=list(INPUT_NAMES),
            output_names=[output],
            dynamic_axes=axes,
            opset_version=_OPSET,
            dynamo=False,
        )


def _metadata(trained: dict[str, Any], name: str, version: str, tokenizer_text: str) -> Metadata:
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
    )


def _label_names(metadata: Metadata) -> list[str]:
    tags = {OUTSIDE: "O", BEGIN: "B", INSIDE: "I"}
    return [f"{tags[tag]}-{name}" for name in metadata.types for tag in sorted(tags)] or ["adr"]
