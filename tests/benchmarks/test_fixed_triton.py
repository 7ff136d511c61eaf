"""The server with fixed answers, asked by the product's own callers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from deploy.local.processes import Context
from deploy.local.triton import check_address
from deploy.local.triton_canary import ask, connected
from services.pipeline.inference import Triton, check_models
from services.pipeline.process import Tools
from shared.errors import DependencyAway
from shared.models import classifier, extractor
from shared.models.features import Inputs
from shared.settings import PACKAGE_ROOT, load
from shared.triton_security import TritonAddress
from tests.benchmarks.fixed_triton import NAME, fixed_triton

REPOSITORY = PACKAGE_ROOT / "triton_models"
MILLISECONDS = 20.0


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("fixed")
    with fixed_triton(Context(folder, folder), REPOSITORY, MILLISECONDS) as address:
        yield address


def test_the_product_takes_it_for_a_server_of_its_models(address: str) -> None:
    tools = Tools.load(load(model_repository=REPOSITORY))
    asyncio.run(check_models(TritonAddress(address), tools.number, tools.metadata))
    described = check_address(TritonAddress(address))
    with connected(address) as client:
        assert client.get_server_metadata().name == NAME
        for name in (classifier.NAME, extractor.NAME):
            assert name in described
            ask(client, name)
    with pytest.raises(DependencyAway):
        asyncio.run(check_models(TritonAddress(address), tools.number + 1, tools.metadata))


def test_an_answer_takes_its_time_and_depends_on_one_row_alone(address: str) -> None:
    tools = Tools.load(load(model_repository=REPOSITORY))
    texts = ["ibuprofen", *(f"day {day} on ibuprofen and I have a headache {'again ' * day}" for day in range(40))]
    parses = tools.parser.parse(texts)

    async def answers() -> tuple[list[float], list[float], list[int]]:
        triton = Triton(TritonAddress(address), tools.number, {})
        together, alone, spans = [], [], []
        began = time.monotonic()
        encoded = tools.classifier.encode(texts, parses)
        outputs = await asyncio.gather(*(triton.infer(classifier.NAME, batch) for batch in encoded.batches))
        assert time.monotonic() - began >= MILLISECONDS / 1000
        together = tools.classifier.probabilities(encoded, outputs).tolist()
        for text, parse in zip(texts, parses, strict=True):
            one = tools.classifier.encode([text], [parse])
            alone += tools.classifier.probabilities(one, [await triton.infer(classifier.NAME, one.batches[0])]).tolist()
        read = tools.extractor.encode(texts, parses)
        emissions = await asyncio.gather(*(triton.infer(extractor.NAME, batch) for batch in read.batches))
        spans = [len(found) for found in tools.extractor.decode(read, emissions, texts)]
        await triton.close()
        return together, alone, spans

    together, alone, spans = asyncio.run(answers())
    assert together == alone
    reports = np.asarray(together) > tools.classifier.threshold
    assert 0 < reports.sum() < len(texts) / 2
    assert set(spans) == {0, 1}


def test_a_folder_without_models_serves_none(tmp_path: Path) -> None:
    nothing: Inputs = {"input_ids": np.zeros((1, 16), np.int32), "lengths": np.ones((1, 1), np.int32)}
    with fixed_triton(Context(tmp_path, tmp_path), tmp_path) as address:
        triton = Triton(TritonAddress(address), 1, {})

        async def refused() -> None:
            try:
                await triton.infer(classifier.NAME, nothing)
            finally:
                await triton.close()

        with pytest.raises(DependencyAway, match="NOT_FOUND"):
            asyncio.run(refused())
