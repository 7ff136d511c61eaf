"""Classify: does the post report a reaction that somebody had? One calibrated probability a post."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from services.pipeline.steps.document import Document
from shared.models.classifier import NAME, ClassifierFeatures
from shared.text.parse import Parse, Parser

Arrays = Mapping[str, NDArray[Any]]
Infer = Callable[[str, Arrays], Awaitable[Arrays]]


async def classify(
    documents: Sequence[Document], features: ClassifierFeatures, parser: Parser, infer: Infer, *, gated: bool = True
) -> list[Document]:
    """Set `probability` and `positive` of the documents that the screen let through; the others are left as they are.

    Without `gated` every document is asked about, the screened ones too. `infer(model, inputs)` asks the server for one batch.
    Its errors (DependencyAway) leave this function: the caller tries the whole batch again.
    """
    asked = [document for document in documents if document.screened is None or not gated]
    if asked:
        texts = [document.post.text for document in asked]
        encoded = features.encode(texts, parses(asked, parser))
        # All at once: the server's instances share them out.
        outputs = await asyncio.gather(*(infer(NAME, batch) for batch in encoded.batches))
        for document, probability in zip(asked, features.probabilities(encoded, outputs).tolist(), strict=True):
            document.probability = probability
            document.positive = probability >= features.threshold
    return list(documents)


def parses(documents: Sequence[Document], parser: Parser) -> list[Parse]:
    """The parse of each document, made once and kept on it: classifier and extractor read the same."""
    missing = [document for document in documents if document.parse is None]
    for document, parse in zip(missing, parser.parse([document.post.text for document in missing]), strict=True):
        document.parse = parse
    return [document.parse for document in documents if document.parse is not None]
