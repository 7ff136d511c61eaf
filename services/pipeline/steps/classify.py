"""Classify: does the post report a reaction that somebody had? One calibrated probability a post."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from services.pipeline.steps.ask import Infer, ask
from services.pipeline.steps.document import Document
from shared.assertion.flags import grave
from shared.models.classifier import ClassifierFeatures
from shared.text.parse import Parser


def passes(probability: float, text: str, features: ClassifierFeatures, designated: Collection[str] = ()) -> bool:
    """Whether a post with this probability is taken for a report.

    One that states something grave, or uses a name that is `designated`, passes from the lower threshold of the policy `recall`
    on: the classifier has seen few deaths and stays in hospital, and the single-report queue must not miss them.
    """
    return probability >= features.threshold or (probability >= features.grave_threshold and grave(text, designated))


async def classify(
    documents: Sequence[Document],
    features: ClassifierFeatures,
    parser: Parser,
    infer: Infer,
    *,
    gated: bool = True,
    designated: Collection[str] = (),
) -> list[Document]:
    """Set `probability` and `positive` of the documents that the screen let through; the others are left as they are.

    Without `gated` every document is asked about, the screened ones too. `infer(model, inputs)` asks the server for one batch.
    Its errors (DependencyAway) leave this function: the caller tries the whole batch again.
    """
    asked = [document for document in documents if document.screened is None or not gated]
    if asked:
        encoded, outputs = await ask(asked, features.metadata.name, features, parser, infer)
        for document, probability in zip(asked, features.probabilities(encoded, outputs).tolist(), strict=True):
            document.probability = probability
            document.positive = passes(probability, document.post.text, features, designated)
    return list(documents)
