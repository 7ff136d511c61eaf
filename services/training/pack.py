"""Makes of a checkpoint with adapters what is shipped of a model: its 8-bit graph without a number of the encoder, and a recipe.

`shared.models.composition` says what the files are; whoever has the encoder puts the model together there, without PyTorch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto, numpy_helper
from tokenizers import Tokenizer

from services.training.export import SAMPLE_POSTS, batches_of, metadata_of, network_of, trace
from services.training.fitting import BUCKETS
from services.training.graphs import quantised
from services.training.products import Products
from services.training.ranges import measured
from services.training.scoring import load
from shared.errors import AdrwatchError
from shared.models.composition import DOWN, LEARNED, LOUD, RECIPE, TABLE, UP, WEIGHTS, Kind, Part, Place
from shared.models.features import FeatureBuilder
from shared.models.metadata import METADATA
from shared.models.repository import GRAPH
from shared.text.parse import parser_named

_ENCODER = "trunk.encoder."
# Constants begin at such places of their file, so that processors read them well.
_ALIGNED = 64
# A larger constant that is left in the graph would be the encoder's.
_MOST = 64 * 1024


def pack(checkpoint: Path, out: Path, version: str, *, posts: Path = SAMPLE_POSTS) -> Path:
    """Write what is shipped of a checkpoint into a folder of the model's name in `out`; returns it.

    `posts`: as of `export`. Raises AdrwatchError for a checkpoint without adapters.
    """
    trained = load(checkpoint)
    if not trained["options"].get("adapters"):
        raise AdrwatchError(
            f"{checkpoint} has no adapters: its encoder is all that was learned",
            fix="train it with `adapters` in --config, or use `adrwatch models export`",
        )
    trained["spec"] = replace(trained["spec"], buckets=BUCKETS)
    network, name, output, factors = network_of(trained)
    tokenizer = Tokenizer.from_str(trained["tokenizer"])
    tokenizer.no_truncation()
    tokenizer.no_padding()
    graph = trace(network, trained["spec"], output)
    ranges = measured(
        graph,
        Products(graph).steady(),
        batches_of(posts, FeatureBuilder(tokenizer, trained["spec"]), parser_named(trained["parser"])),
    )
    state = {name: tensor.float().numpy() for name, tensor in network.state_dict().items()}
    small = quantised(graph, ranges)
    parts, learned = _taken_out(graph, small, state)
    for weight, (up, down) in factors.items():
        learned[weight.removeprefix(_ENCODER) + UP] = up.numpy().astype(np.float16)
        learned[weight.removeprefix(_ENCODER) + DOWN] = down.numpy().astype(np.float16)
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / GRAPH).write_bytes(small.SerializeToString())
    (folder / RECIPE).write_bytes(msgspec.json.format(msgspec.json.encode(parts), indent=1) + b"\n")
    np.savez_compressed(folder / LEARNED, allow_pickle=False, **learned)
    metadata = msgspec.structs.replace(metadata_of(trained, name, version, tokenizer.to_str()), digest="")
    (folder / METADATA).write_bytes(msgspec.json.format(msgspec.json.encode(metadata), indent=1) + b"\n")
    return folder


def _taken_out(
    plain: ModelProto, small: ModelProto, state: Mapping[str, NDArray[np.float32]]
) -> tuple[list[Part], dict[str, NDArray[Any]]]:
    """Move all that comes from the encoder out of the 8-bit graph; which constants that were, and how loud their channels are."""
    constants = {value.name: value for value in small.graph.initializer}
    loud = _loudness(small)
    ends = {WEIGHTS: 0, TABLE: 0}
    parts: list[Part] = []
    learned: dict[str, NDArray[Any]] = {}
    for name, tensor, turned in _origins(plain, state):
        kind: Kind
        if name in constants:
            names, kind = [name], "turned" if turned else "plain"
        else:
            names, kind = [f"{name}_int8", f"{name}_scale"], "product" if turned else "table"
        file = TABLE if kind == "table" else WEIGHTS
        places = []
        for each in names:
            places.append(_outside(constants[each], file, ends[file]))
            ends[file] = places[-1].offset + places[-1].size
        if names[0] in loud:
            learned[tensor + LOUD] = loud[names[0]]
        parts.append(Part(tensor, kind, file, tuple(places)))
    if left := [value.name for value in constants.values() if len(value.raw_data) > _MOST]:
        raise AdrwatchError(f"{left[0]} is left in the graph, and nobody knows whose it is", fix="report this bug")
    return parts, learned


def _origins(plain: ModelProto, state: Mapping[str, NDArray[np.float32]]) -> Iterator[tuple[str, str, bool]]:
    """Of each constant of the traced graph that is a tensor of the encoder its name, the tensor's, and whether rows are columns."""
    known: dict[bytes, tuple[str, bool]] = {}
    for name, values in state.items():
        if name.startswith(_ENCODER):
            for turned, seen in ((True, values.T), (False, values)):
                known[_key(seen)] = name.removeprefix(_ENCODER), turned
    for constant in plain.graph.initializer:
        found = known.get(_key(numpy_helper.to_array(constant)))
        if found is not None:
            yield constant.name, *found


def _key(values: NDArray[np.float32]) -> bytes:
    return repr(values.shape).encode() + np.ascontiguousarray(values).tobytes()


def _loudness(small: ModelProto) -> dict[str, NDArray[np.float32]]:
    """For the 8-bit weights of each product that reads evened channels, by what its rows were multiplied."""
    constants = {value.name: value for value in small.graph.initializer}
    found = {}
    for node in small.graph.node:
        quiet = constants.get(node.input[0].removesuffix("_uint8") + "_quiet") if node.input else None
        if node.op_type == "MatMulIntegerToFloat" and quiet is not None:
            found[node.input[1]] = (1.0 / numpy_helper.to_array(quiet)).astype(np.float32)
    return found


def _outside(constant: onnx.TensorProto, file: str, end: int) -> Place:
    """Let a constant lie in a file, behind what ends at `end`."""
    place = Place(-(-end // _ALIGNED) * _ALIGNED, len(numpy_helper.to_array(constant).tobytes()))
    constant.ClearField("raw_data")
    constant.ClearField("float_data")
    constant.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", file), ("offset", place.offset), ("length", place.size)):
        constant.external_data.add(key=key, value=str(value))
    return place
