"""What Triton is told of a model: config.pbtxt for CPUs, configs/*.pbtxt for GPUs, labels, warm-up.

Names, types and shapes of the inputs are those of the arrays that the features build, so that they cannot differ.
One configuration serves all versions of a model, so versions stand side by side only where their tensors are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared.models import classifier, extractor
from shared.models.classifier import ClassifierFeatures
from shared.models.decode import BEGIN, INSIDE, OUTSIDE, TAGS
from shared.models.extractor import ExtractorFeatures
from shared.models.features import MAX_ROWS, pad
from shared.models.metadata import Metadata
from shared.models.repository import HALF_GRAPH, replace_file
from shared.text.parse import Parse

Features = ClassifierFeatures | ExtractorFeatures
FEATURES: Mapping[str, type[ClassifierFeatures] | type[ExtractorFeatures]] = {
    classifier.NAME: ClassifierFeatures,
    extractor.NAME: ExtractorFeatures,
}
MODELS = tuple(FEATURES)
CONFIG = "config.pbtxt"
# `tritonserver --model-config-name=gpu` looks here for gpu.pbtxt, and takes config.pbtxt where there is none.
GPU_CONFIGS = "configs"
# By CUDA, and by TensorRT, which takes minutes to build its engines when a model is loaded.
GPU_KINDS = ("gpu", "tensorrt")
_LABELS = "labels.txt"
_WARM_FOLDER, _WARM_LENGTHS = "warmup", "lengths"
_TYPES = {np.dtype(np.int32): "TYPE_INT32", np.dtype(np.int64): "TYPE_INT64", np.dtype(np.float32): "TYPE_FP32"}
_CPU = "instance_group [ { count: 2 } ]"
# Options of Triton's own onnxruntime backend, which the one for CPUs does not read.
_GPU = f"""default_model_filename: "{HALF_GRAPH}"
instance_group [ {{ count: 1 kind: KIND_GPU }} ]
parameters {{ key: "intra_op_thread_count" value: {{ string_value: "1" }} }}
parameters {{ key: "enable_mem_arena" value: {{ string_value: "1" }} }}"""
_TENSORRT = """
optimization {
  execution_accelerators {
    gpu_execution_accelerator {
      name: "tensorrt"
      parameters { key: "precision_mode" value: "FP16" }
      parameters { key: "trt_engine_cache_enable" value: "1" }
      parameters { key: "trt_engine_cache_path" value: "/tmp/tensorrt" }
    }
  }
}"""


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output without its dimension of rows. `dims`: -1 where any size goes. `kind`: as Triton names it."""

    name: str
    kind: str
    dims: tuple[int, ...]

    @property
    def text(self) -> str:
        """As in config.pbtxt, without the braces."""
        return f'name: "{self.name}" data_type: {self.kind} dims: [ {", ".join(map(str, self.dims))} ]'


def inputs(features: Features) -> tuple[Tensor, ...]:
    """What the features send to the model: the arrays of a post at two lengths tell which dimensions change."""
    (window,) = features.read("", Parse(())).windows
    size = features.metadata.buckets[0]
    shorter, longer = pad([window], size), pad([window], size + 1)
    return tuple(
        Tensor(
            name,
            _TYPES[shorter[name].dtype],
            tuple(
                one if one == other else -1
                for one, other in zip(shorter[name].shape[1:], longer[name].shape[1:], strict=True)
            ),
        )
        for name in features.metadata.spec.inputs
    )


def output(metadata: Metadata) -> Tensor:
    """What the features read back."""
    if metadata.types:
        return Tensor(extractor.OUTPUT, "TYPE_FP32", (-1, TAGS * len(metadata.types)))
    return Tensor(classifier.OUTPUT, "TYPE_FP32", (1,))


def signature(features: Features) -> tuple[Tensor, ...]:
    """Inputs, then the output."""
    return (*inputs(features), output(features.metadata))


def configuration(versions: Mapping[int, Features], kind: str = "cpu") -> str:
    """The configuration that serves these versions (by number) of one model side by side. All have the same tensors.

    `kind`: cpu, or one of GPU_KINDS: the graph of half precision on Triton's own onnxruntime backend.
    """
    features = versions[max(versions)]
    metadata = features.metadata
    read = ",\n".join(f"  {{ {tensor.text} }}" for tensor in inputs(features))
    warm = "\n".join(_warm_up(tensor, metadata.buckets[0]) for tensor in inputs(features))
    extra = {"cpu": _CPU, "gpu": _GPU, "tensorrt": _GPU + _TENSORRT}[kind]
    return f"""name: "{metadata.name}"
backend: "onnxruntime"
max_batch_size: {MAX_ROWS}
version_policy {{ specific {{ versions: [ {", ".join(str(number) for number in sorted(versions))} ] }} }}
input [
{read}
]
output [
  {{ {output(metadata).text} label_filename: "{_LABELS}" }}
]
{extra}
dynamic_batching {{ max_queue_delay_microseconds: 2000 }}
model_warmup [
  {{
    name: "shortest"
    batch_size: 1
{warm}
  }}
]
{_parameter_lines(versions)}
"""


def parameters(versions: Mapping[int, Features]) -> dict[str, str]:
    """What a client can compare with its own files: version and digest of each number."""
    return {
        f"{key}.{number}": value
        for number, features in sorted(versions.items())
        for key, value in (("version", features.metadata.version), ("digest", features.metadata.digest))
    }


def write_configuration(folder: Path, versions: Mapping[int, Features]) -> None:
    """Write what Triton reads in a model's folder, to serve these versions.

    Configurations for GPUs stand where every version has a graph of half precision.
    """
    metadata = versions[max(versions)].metadata
    (folder / _WARM_FOLDER).mkdir(exist_ok=True)
    replace_file(folder / _WARM_FOLDER / _WARM_LENGTHS, np.asarray([metadata.buckets[0]], dtype="<i4").tobytes())
    replace_file(folder / _LABELS, "".join(f"{name}\n" for name in label_names(metadata)).encode())
    halves = all((folder / str(number) / HALF_GRAPH).is_file() for number in versions)
    for kind in GPU_KINDS:
        file = folder / GPU_CONFIGS / f"{kind}.pbtxt"
        if halves:
            file.parent.mkdir(exist_ok=True)
            replace_file(file, configuration(versions, kind).encode())
        else:
            file.unlink(missing_ok=True)
    replace_file(folder / CONFIG, configuration(versions).encode())


def touch_configuration(folder: Path) -> None:
    """Write the same configurations once more, so that a server takes them for new."""
    for file in (folder / CONFIG, *(folder / GPU_CONFIGS).glob("*.pbtxt")):
        replace_file(file, file.read_bytes())


def label_names(metadata: Metadata) -> list[str]:
    """Names of the output's columns."""
    tags = {OUTSIDE: "O", BEGIN: "B", INSIDE: "I"}
    return [f"{tags[tag]}-{name}" for name in metadata.types for tag in sorted(tags)] or ["adr"]


def _parameter_lines(versions: Mapping[int, Features]) -> str:
    return "\n".join(
        f'parameters {{ key: "{key}" value: {{ string_value: "{value}" }} }}'
        for key, value in parameters(versions).items()
    )


def _warm_up(tensor: Tensor, size: int) -> str:
    dims = ", ".join(str(size if dim < 0 else dim) for dim in tensor.dims)
    # A post of length zero has no maximum: the lengths are given, the rest is zero.
    data = f'input_data_file: "{_WARM_LENGTHS}"' if tensor.name == "lengths" else "zero_data: true"
    return f'    inputs {{ key: "{tensor.name}" value: {{ data_type: {tensor.kind} dims: [ {dims} ] {data} }} }}'
