"""Model repositories with versions that the tests make out of the shipped one, good and bad."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec
import onnx
from onnx import helper

from shared.models.configuration import FEATURES, MODELS, write_configuration
from shared.models.languages import Pair
from shared.models.metadata import METADATA, Metadata
from shared.models.release import RELEASE, digests, read_release
from shared.models.repository import GRAPH, Active, read_active, replace_file, write_active
from shared.settings import PACKAGE_ROOT

SHIPPED = PACKAGE_ROOT / "triton_models"


def new_repository(folder: Path) -> Path:
    """The shipped models as version 1, alone."""
    number = str(read_active(SHIPPED).version)
    for name in MODELS:
        shutil.copytree(SHIPPED / name / number, folder / name / "1")
        write_configuration(folder / name, {1: FEATURES[name].load(folder / name / "1")})
    write_active(folder, Active(1))
    return folder


def add_version(repository: Path, number: int, version: str) -> None:
    """Version 1 under another name: same graphs, same answers."""
    for name in MODELS:
        folder = repository / name / str(number)
        copy_of(repository / name / "1", folder)
        metadata = msgspec.json.decode((folder / METADATA).read_bytes(), type=Metadata)
        (folder / METADATA).write_bytes(msgspec.json.encode(msgspec.structs.replace(metadata, version=version)))
        record_files(folder)


def add_pair(repository: Path, name: str, number: int, version: str) -> None:
    """Version 1 as the models of other languages: same graphs, same answers, whatever they are worth there."""
    for model, other in zip(MODELS, Pair(name, number).models, strict=True):
        folder = repository / other / str(number)
        folder.parent.mkdir()
        copy_of(repository / model / "1", folder)
        metadata = msgspec.json.decode((folder / METADATA).read_bytes(), type=Metadata)
        changed = msgspec.structs.replace(metadata, name=other, version=version)
        (folder / METADATA).write_bytes(msgspec.json.encode(changed))


def copy_of(source: Path, target: Path) -> Path:
    """A copy of a repository or a version that these tests made; its graphs, which are large, are never written in place."""

    def copy(one: str, other: str) -> None:
        (os.link if Path(one).name == GRAPH else shutil.copy)(one, other)

    return Path(shutil.copytree(source, target, copy_function=copy))


def record_files(folder: Path) -> None:
    """Let the record agree with the files as they are; the canaries stay those of the shipped model."""
    release = msgspec.structs.replace(read_release(folder), files=digests(folder))
    (folder / RELEASE).write_bytes(msgspec.json.encode(release))


def break_graph(folder: Path) -> None:
    """A graph that no server can load."""
    replace_file(folder / GRAPH, b"rubbish")
    record_files(folder)


def turn_answers(folder: Path) -> None:
    """A graph that loads, answers, and says the contrary of what was recorded."""
    graph = onnx.load(str(folder / GRAPH))
    (output,) = graph.graph.output
    for node in graph.graph.node:
        node.output[:] = ["contrary" if name == output.name else name for name in node.output]
    graph.graph.node.append(helper.make_node("Neg", ["contrary"], [output.name]))
    replace_file(folder / GRAPH, graph.SerializeToString())
    record_files(folder)
