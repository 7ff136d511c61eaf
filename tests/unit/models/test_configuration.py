"""What Triton is told of the models, held against Triton's own schema and against the graphs."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import DataType, ModelConfig, ModelInstanceGroup

from shared.models.configuration import FEATURES, Features, configuration, signature, write_configuration
from shared.models.repository import read_active, version_folder
from shared.models.session import OnnxModel
from tests.unit.models.samples import CLASSIFIER, EXTRACTOR, REPOSITORY

FOLDERS = [CLASSIFIER, EXTRACTOR]
KINDS = {"TYPE_INT32": "tensor(int32)", "TYPE_FP32": "tensor(float)"}


def features(folder: Path) -> Features:
    return FEATURES[folder.name].load(folder)


def parsed(text: str) -> ModelConfig:
    return text_format.Parse(text, ModelConfig())


def tensors(config: ModelConfig) -> list[tuple[str, str, tuple[int, ...]]]:
    return [
        (tensor.name, KINDS[DataType.Name(tensor.data_type)], tuple(tensor.dims))
        for tensor in (*config.input, *config.output)
    ]


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_committed_configuration_is_the_one_that_is_generated(folder: Path) -> None:
    assert (folder / "config.pbtxt").read_text() == configuration({read_active(REPOSITORY).version: features(folder)})


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("kind", ["cpu", "gpu", "tensorrt"])
def test_a_configuration_is_valid_for_triton_and_agrees_with_the_graph(folder: Path, kind: str) -> None:
    config = parsed(configuration({1: features(folder)}, kind))
    assert config.name == folder.name
    assert config.backend == "onnxruntime"
    assert tensors(config) == OnnxModel.of_folder(folder).tensors
    assert list(config.version_policy.specific.versions) == [1]
    warm = config.model_warmup[0].inputs
    assert set(warm) == {tensor.name for tensor in config.input}
    for tensor in config.input:
        assert all(size in (wanted, 16) for size, wanted in zip(warm[tensor.name].dims, tensor.dims, strict=True))


def test_a_gpu_gets_the_graph_of_half_precision_and_a_cpu_no_kind_of_device() -> None:
    of: Mapping[int, Features] = {1: features(CLASSIFIER)}
    cpu, gpu, tensorrt = (parsed(configuration(of, kind)) for kind in ("cpu", "gpu", "tensorrt"))
    assert cpu.default_model_filename == ""
    assert cpu.instance_group[0].kind == ModelInstanceGroup.KIND_AUTO, "KIND_GPU fails where there is none"
    for config in (gpu, tensorrt):
        assert config.default_model_filename == "model.fp16.onnx"
        assert config.instance_group[0].kind == ModelInstanceGroup.KIND_GPU
    (accelerator,) = tensorrt.optimization.execution_accelerators.gpu_execution_accelerator
    assert (accelerator.name, accelerator.parameters["precision_mode"]) == ("tensorrt", "FP16")
    assert not gpu.optimization.execution_accelerators.gpu_execution_accelerator


def test_versions_side_by_side_are_both_named_with_what_tells_them_apart() -> None:
    config = parsed(configuration({2: features(EXTRACTOR), 1: features(EXTRACTOR)}))
    assert list(config.version_policy.specific.versions) == [1, 2]
    assert set(config.parameters) == {"version.1", "digest.1", "version.2", "digest.2"}


def test_inputs_are_those_that_the_features_build() -> None:
    assert signature(features(CLASSIFIER))[:-1] == signature(features(EXTRACTOR))[:-1]
    assert [dims for _, _, dims in tensors(parsed(configuration({1: features(CLASSIFIER)})))][-1] == (1,)


def test_configurations_for_gpus_stand_only_beside_graphs_of_half_precision(tmp_path: Path) -> None:
    folder = tmp_path / CLASSIFIER.name
    shutil.copytree(version_folder(CLASSIFIER), folder / "1")
    versions = {1: features(CLASSIFIER)}
    write_configuration(folder, versions)
    assert not (folder / "configs" / "gpu.pbtxt").exists()
    (folder / "1" / "model.fp16.onnx").touch()
    write_configuration(folder, versions)
    assert sorted(path.name for path in (folder / "configs").iterdir()) == ["gpu.pbtxt", "tensorrt.pbtxt"]
    write_configuration(folder, {**versions, 2: features(CLASSIFIER)})
    assert list((folder / "configs").iterdir()) == []
    assert (folder / "labels.txt").read_text() == "adr\n"
