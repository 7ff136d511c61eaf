"""Extract: which words of a positive post name reactions, medicines, indications, symptoms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from services.pipeline.steps.ask import Infer, ask
from services.pipeline.steps.document import Document
from shared.models.decode import REACTION, Span
from shared.models.extractor import ExtractorFeatures
from shared.text.parse import Parser

Widened = Callable[[str, int, int], tuple[int, int]]


async def extract(
    documents: Sequence[Document],
    features: ExtractorFeatures,
    parser: Parser,
    infer: Infer,
    *,
    gated: bool = True,
    widened: Widened | None = None,
) -> list[Document]:
    """Set `spans` of the documents that report; the others are left as they are. Errors of `infer` leave this function.

    Without `gated` every document is asked about. `widened`: how far the place of a reaction reaches in a text.
    """
    asked = [document for document in documents if document.reports or not gated]
    if asked:
        encoded, outputs = await ask(asked, features.metadata.name, features, parser, infer)
        texts = [document.post.text for document in asked]
        for document, spans in zip(asked, features.decode(encoded, outputs, texts), strict=True):
            document.spans = spans if widened is None else _wide(spans, document.post.text, widened)
    return list(documents)


def _wide(spans: Sequence[Span], text: str, widened: Widened) -> list[Span]:
    """Reactions as far as they reach; those that are one then are one."""
    found: dict[tuple[int, int, str], Span] = {}
    for span in spans:
        start, end = span.start, span.end
        if span.type == REACTION and not span.fragments:
            start, end = widened(text, start, end)
        found.setdefault((start, end, span.type), replace(span, start=start, end=end))
    return list(found.values())
