"""Models alone: the pipeline's requests to Triton, whose features were made beforehand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from services.pipeline.inference import Triton, summon
from services.pipeline.languages import numbers
from services.pipeline.process import Models, Tools
from services.pipeline.steps.ask import Arrays
from shared.events import Post
from shared.models.classifier import ClassifierFeatures
from shared.models.extractor import ExtractorFeatures
from shared.settings import Settings
from shared.triton_security import TritonAddress
from shared.vocabulary.languages import ENGLISH

# What a micro-batch asks: a model's name and the rows of one length.
_Asked = Sequence[tuple[str, Arrays]]


def classifier_rate(settings: Settings, posts: Sequence[Post], workers: int) -> float:
    """Posts a second that Triton classifies: see `model_rate`."""
    return model_rate(settings, posts, workers)


def model_rate(
    settings: Settings, posts: Sequence[Post], workers: int, *, language: str = ENGLISH, extract: bool = False
) -> float:
    """Posts a second that Triton answers for, asked in micro-batches, as many at once as there are workers.

    It is asked as the pipeline asks for posts of the language: the classifier, and with `extract` the extractor as well, about
    every post. Each request holds the rows of one length. A first micro-batch goes before, unmeasured.
    """
    tools = Tools.load(settings)
    models: Models = tools if language == ENGLISH else tools.others[language]
    wanted = (models.classifier, models.extractor) if extract else (models.classifier,)
    batches = []
    for start in range(0, len(posts), settings.batch_size):
        texts = [post.text for post in posts[start : start + settings.batch_size]]
        batches.append(_asked(wanted, texts, models))
    return len(posts) / asyncio.run(_seconds(TritonAddress.of(settings), tools, batches, workers))


def _asked(wanted: Sequence[ClassifierFeatures | ExtractorFeatures], texts: Sequence[str], models: Models) -> _Asked:
    parses = models.parser.parse(texts)
    return [(features.metadata.name, rows) for features in wanted for rows in features.encode(texts, parses).batches]


async def _seconds(address: TritonAddress, tools: Tools, batches: Sequence[_Asked], workers: int) -> float:
    await summon(address, numbers(tools.others))
    triton = Triton(address, tools.number, {}, numbers(tools.others))
    waiting = iter(batches)

    async def ask(asked: _Asked) -> None:
        await asyncio.gather(*(triton.infer(model, rows) for model, rows in asked))

    async def work() -> None:
        for asked in waiting:
            await ask(asked)

    try:
        await ask(batches[0])
        began = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(workers)))
        return time.perf_counter() - began
    finally:
        await triton.close()
