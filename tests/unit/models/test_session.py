"""Models in this process."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import numpy as np
import pytest

from shared.errors import AdrwatchError
from shared.models.classifier import NAME, ClassifierFeatures
from shared.models.session import ModelPool, OnnxModel
from shared.text.parse import default_parser
from tests.unit.models.samples import CLASSIFIER, REPORTS


def test_requests_side_by_side_give_the_bits_of_requests_one_by_one() -> None:
    features, alone = ClassifierFeatures.load(CLASSIFIER), OnnxModel.of_folder(CLASSIFIER)
    requests = [features.encode([post], default_parser().parse([post])).batches[0] for post in REPORTS] * 8

    async def all_at_once(pool: ModelPool) -> list[object]:
        return list(await asyncio.gather(*(pool.infer(NAME, request) for request in requests)))

    with ModelPool(CLASSIFIER.parent, {NAME: 1}, 4) as pool:
        answers = asyncio.run(all_at_once(pool))
    for request, answer in zip(requests, answers, strict=True):
        expected = alone.infer(request)
        assert answer.keys() == expected.keys()
        assert all(np.array_equal(answer[name], expected[name]) for name in expected)


def test_no_thread_is_left_behind() -> None:
    with ModelPool(CLASSIFIER.parent, {NAME: 1}, 2) as pool:
        features = ClassifierFeatures.load(CLASSIFIER)
        request = features.encode(["a"], default_parser().parse(["a"])).batches[0]
        asyncio.run(pool.infer(NAME, request))
        assert any(thread.name.startswith("model") for thread in threading.enumerate())
    assert not any(thread.name.startswith("model") for thread in threading.enumerate())


def test_a_missing_model_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(AdrwatchError, match=r"no model at .*/3/"):
        ModelPool(tmp_path, {NAME: 3}, 1)


def test_rubbish_is_no_graph(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"rubbish")
    with pytest.raises(AdrwatchError, match="no graph that onnxruntime runs"):
        OnnxModel(tmp_path / "model.onnx")
