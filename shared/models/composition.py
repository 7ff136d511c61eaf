"""Puts a served model together out of an encoder that is not ours to ship and what was learned upon it, which is.

What is shipped of a model, in a folder of its name:

    model.onnx       the graph in 8 bits, whose large constants lie in files beside it that do not exist yet
    recipe.json      which constants those are, and of which of the encoder's tensors each is made
    learned.npz      for a tensor `up` and `down`, whose product is added to it (an adapter), and `loud`, by which its rows
                     are multiplied (shared.models.eight_bits; services/training/graphs.py says why)
    metadata.json    as of any model; the digest is made here, with the tokenizer

NumPy alone is needed. The table of pieces is a file by itself: models of one encoder share it by a hard link.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from shared.errors import AdrwatchError
from shared.models.eight_bits import Floats, by_column, by_row
from shared.models.metadata import METADATA, TOKENIZER, Metadata
from shared.models.repository import GRAPH, not_written, replace_file

RECIPE, LEARNED = "recipe.json", "learned.npz"
WEIGHTS, TABLE = "weights.bin", "table.bin"
Kind = Literal["plain", "turned", "product", "table"]
UP, DOWN, LOUD = ".up", ".down", ".loud"


class Place(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a constant of the graph lies in its file, in bytes."""

    offset: int
    size: int


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One tensor of the encoder. `places`: of the tensor as it is or turned, or of its 8-bit values and their scales."""

    tensor: str
    kind: Kind
    file: str
    places: tuple[Place, ...]


def made_of(part: Part, tensors: Mapping[str, Floats], learned: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
    """The constants of a part: [outputs, inputs] of a product becomes [inputs, outputs] in 8 bits and its scales."""
    values = tensors[part.tensor]
    if part.kind == "plain":
        return [values]
    if part.kind == "table":
        return list(by_row(values))
    if part.tensor + UP in learned:
        values = values + learned[part.tensor + UP].astype(np.float32) @ learned[part.tensor + DOWN].astype(np.float32)
    loud = learned.get(part.tensor + LOUD)
    turned = np.ascontiguousarray(values.T if loud is None else values.T * loud[:, None])
    return [turned] if part.kind == "turned" else list(by_column(turned))


def compose(
    shipped: Path, folder: Path, name: str, tensors: Mapping[str, Floats], tokenizer_json: str, twin: Path | None = None
) -> Metadata:
    """Write the version `folder` of the model `name` from the folder `shipped`; returns its metadata.

    `twin`: another version that was composed of the same encoder, whose table is shared. Raises AdrwatchError where a shipped
    file is missing or asks for tensors that the encoder does not have.
    """
    try:
        parts = msgspec.json.decode((shipped / RECIPE).read_bytes(), type=tuple[Part, ...])
        metadata = msgspec.json.decode((shipped / METADATA).read_bytes(), type=Metadata)
        with np.load(shipped / LEARNED, allow_pickle=False) as opened:
            learned = dict(opened)
        graph = (shipped / GRAPH).read_bytes()
        own = {part.file for part in parts} - ({TABLE} if twin is not None else set())
        content = {file: _content(file, parts, tensors, learned) for file in sorted(own)}
    except (OSError, msgspec.DecodeError, KeyError, ValueError) as error:
        raise AdrwatchError(f"{shipped} is no model to be composed: {error}", fix="reinstall adrwatch") from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # First and last: a folder with a graph is whole, also one that had another version before.
        (folder / GRAPH).unlink(missing_ok=True)
    except OSError as error:
        raise not_written(folder, error) from error
    for file, data in content.items():
        replace_file(folder / file, data)
    if twin is not None and (twin / TABLE).is_file():
        _shared(twin / TABLE, folder / TABLE)
    replace_file(folder / TOKENIZER, tokenizer_json.encode())
    metadata = msgspec.structs.replace(
        metadata, name=name, digest=metadata.spec.digest(tokenizer_json, metadata.parser)
    )
    replace_file(folder / METADATA, msgspec.json.format(msgspec.json.encode(metadata), indent=1) + b"\n")
    replace_file(folder / GRAPH, graph)
    return metadata


def _content(
    file: str, parts: tuple[Part, ...], tensors: Mapping[str, Floats], learned: Mapping[str, NDArray[Any]]
) -> bytes:
    mine = [part for part in parts if part.file == file]
    content = bytearray(max(place.offset + place.size for part in mine for place in part.places))
    for part in mine:
        for place, values in zip(part.places, made_of(part, tensors, learned), strict=True):
            data = np.ascontiguousarray(values).tobytes()
            if len(data) != place.size:
                raise ValueError(f"{part.tensor} has {len(data)} bytes and not {place.size}")
            content[place.offset : place.offset + place.size] = data
    return bytes(content)


def _shared(source: Path, target: Path) -> None:
    try:
        target.unlink(missing_ok=True)
        try:
            os.link(source, target)
        except OSError:
            # File systems without hard links.
            shutil.copy(source, target)
    except OSError as error:
        raise not_written(target, error) from error
