"""A model alone: the pipeline's requests to Triton, whose features were made beforehand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from services.pipeline.inference import Triton
from services.pipeline.process import Tools
from shared.events import Post
from shared.models import classifier
from shared.models.features import Encoded
from shared.settings import Settings
from shared.triton_security import TritonAddress


def classifier_rate(settings: Settings, posts: Sequence[Post], workers: int) -> float:
    """Posts a second that Triton classifies: see `model_rate`."""
    return model_rate(settings, classifier.NAME, posts, workers)


def model_rate(settings: Settings, model: str, posts: Sequence[Post], workers: int) -> float:
    """Posts a second that Triton answers for, asked in micro-batches, as many at once as there are workers.

    Each request holds the rows of one length, as in the pipeline. A first micro-batch goes before, unmeasured.
    """
    tools = Tools.load(settings)
    features = tools.classifier if model == classifier.NAME else tools.extractor
    batches = []
    for start in range(0, len(posts), settings.batch_size):
        texts = [post.text for post in posts[start : start + settings.batch_size]]
        batches.append(features.encode(texts, tools.parser.parse(texts)))
    return asyncio.run(_rate(Triton(TritonAddress.of(settings), tools.number, {}), model, batches, workers))


async def _rate(triton: Triton, model: str, batches: Sequence[Encoded], workers: int) -> float:
    waiting = iter(batches)

    async def work() -> None:
        for encoded in waiting:
            await asyncio.gather(*(triton.infer(model, batch) for batch in encoded.batches))

    try:
        await asyncio.gather(*(triton.infer(model, batch) for batch in batches[0].batches))
        began = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(workers)))
        return sum(len(encoded.pieces) for encoded in batches) / (time.perf_counter() - began)
    finally:
        await triton.close()
