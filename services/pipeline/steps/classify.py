"""Classify: does the post report a reaction that somebody had? One calibrated probability a post."""

from __future__ import annotations

from collections.abc import Sequence

from services.pipeline.steps.ask import Infer, ask
from services.pipeline.steps.document import Document
from shared.models.classifier import NAME, ClassifierFeatures
from shared.text.parse import Parser


async def classify(
    documents: Sequence[Document], features: ClassifierFeatures, parser: Parser, infer: Infer, *, gated: bool = True
) -> list[Document]:
    """Set `probability` and `positive` of the documents that the screen let through; the others are left as they are.

    Without `gated` every document is asked about, the screened ones too. `infer(model, inputs)` asks the server for one batch.
    Its errors (DependencyAway) leave this function: the caller tries the whole batch again.
    """
    asked = [document for document in documents if document.screened is None or not gated]
    if asked:
        encoded, outputs = await ask(asked, NAME, features, parser, infer)
        for document, probability in zip(asked, features.probabilities(encoded, outputs).tolist(), strict=True):
            document.probability = probability
            document.positive = probability >= features.threshold
    return list(documents)
