"""A model put together: the encoder's numbers come from the encoder, what was learned is added, and a twin shares the table."""

from __future__ import annotations

import errno
from pathlib import Path

import msgspec
import numpy as np
import pytest

from shared.errors import AdrwatchError
from shared.models.composition import DOWN, LEARNED, LOUD, RECIPE, TABLE, UP, WEIGHTS, Part, Place, compose, made_of
from shared.models.metadata import METADATA, TOKENIZER, Metadata
from shared.models.repository import GRAPH, not_written, replace_file

DRAWN = np.random.default_rng(7)
TENSORS = {
    "dense.weight": DRAWN.normal(size=(6, 4)).astype(np.float32),
    "dense.bias": DRAWN.normal(size=6).astype(np.float32),
    "table": DRAWN.normal(size=(9, 4)).astype(np.float32),
}
UP_VALUES = DRAWN.normal(size=(6, 2)).astype(np.float16)
DOWN_VALUES = DRAWN.normal(size=(2, 4)).astype(np.float16)
LOUD_VALUES = np.asarray([0.5, 1, 2, 1], dtype=np.float32)
LEARNT = {"dense.weight" + UP: UP_VALUES, "dense.weight" + DOWN: DOWN_VALUES, "dense.weight" + LOUD: LOUD_VALUES}
PRODUCT = Part("dense.weight", "product", WEIGHTS, (Place(0, 24), Place(64, 24)))
PARTS = (
    PRODUCT,
    Part("dense.bias", "plain", WEIGHTS, (Place(128, 24),)),
    Part("table", "table", TABLE, (Place(0, 36), Place(64, 36))),
)


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    folder = tmp_path / "shipped"
    folder.mkdir()
    (folder / GRAPH).write_bytes(b"graph")
    (folder / RECIPE).write_bytes(msgspec.json.encode(PARTS))
    np.savez(folder / LEARNED, allow_pickle=False, **LEARNT)
    metadata = Metadata(
        name="adr_ner", version="1", digest="", parser="none", buckets=(8,), overlap=2, word_characters=4, labels=()
    )
    (folder / METADATA).write_bytes(msgspec.json.encode(metadata))
    return folder


def test_eight_bits_times_their_scales_are_the_sum_of_what_was_there_and_what_was_learned() -> None:
    values, scale = made_of(PRODUCT, TENSORS, LEARNT)
    wanted = (TENSORS["dense.weight"] + UP_VALUES.astype(np.float32) @ DOWN_VALUES.astype(np.float32)).T
    assert values.dtype == np.int8
    assert values.shape == (4, 6)
    # Half a step of each column, then back from the loudness of each row.
    assert (np.abs(values * scale - wanted * LOUD_VALUES[:, None]) <= scale / 2 + 1e-6).all()


def test_files_hold_each_constant_where_the_graph_looks_for_it_and_a_twin_shares_the_table(
    shipped: Path, tmp_path: Path
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    metadata = compose(shipped, one, "adr_ner_x", TENSORS, "{}")
    compose(shipped, other, "adr_ner_x", TENSORS, "{}", twin=one)
    weights = (one / WEIGHTS).read_bytes()
    assert np.frombuffer(weights, "<f4", 6, 128) == pytest.approx(TENSORS["dense.bias"])
    assert np.frombuffer(weights, np.int8, 24, 0).tolist() == made_of(PRODUCT, TENSORS, LEARNT)[0].reshape(-1).tolist()
    assert (one / TABLE).samefile(other / TABLE)
    assert (metadata.name, metadata.digest) == ("adr_ner_x", metadata.spec.digest("{}", "none"))
    assert (one / GRAPH).read_bytes() == b"graph"
    assert (one / TOKENIZER).read_text() == "{}"


@pytest.mark.parametrize("missing", [RECIPE, LEARNED, METADATA, GRAPH])
def test_a_folder_that_lacks_a_file_is_named_and_nothing_is_left_behind(
    shipped: Path, tmp_path: Path, missing: str
) -> None:
    (shipped / missing).unlink()
    with pytest.raises(AdrwatchError, match="no model to be composed"):
        compose(shipped, tmp_path / "out", "adr_ner_x", TENSORS, "{}")
    assert not (tmp_path / "out").exists()


def test_an_encoder_of_another_shape_is_refused(shipped: Path, tmp_path: Path) -> None:
    with pytest.raises(AdrwatchError, match="bytes"):
        compose(shipped, tmp_path / "out", "adr_ner_x", TENSORS | {"dense.bias": np.zeros(5, np.float32)}, "{}")


def test_a_version_that_is_written_anew_has_no_graph_until_it_is_whole(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "out"
    compose(shipped, folder, "adr_ner_x", TENSORS, "{}")
    full = OSError(errno.ENOSPC, "No space left on device")

    def replaced(file: Path, content: bytes) -> None:
        if file.name == TOKENIZER:
            raise not_written(file, full)
        replace_file(file, content)

    with monkeypatch.context() as broken:
        broken.setattr("shared.models.composition.replace_file", replaced)
        with pytest.raises(AdrwatchError, match="No space left") as refusal:
            compose(shipped, folder, "adr_ner_x", TENSORS, "{}")
    assert "make room" in refusal.value.fix
    assert not (folder / GRAPH).exists()
    compose(shipped, folder, "adr_ner_x", TENSORS, "{}")
    assert (folder / GRAPH).read_bytes() == b"graph"


def test_a_folder_that_cannot_be_made_is_a_clear_error(shipped: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(AdrwatchError, match="cannot be written"):
        compose(shipped, tmp_path / "taken" / "1", "adr_ner_x", TENSORS, "{}")
