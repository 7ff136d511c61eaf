"""Extract: which words of a positive post name reactions, medicines, indications, symptoms."""

from __future__ import annotations

from collections.abc import Sequence

from services.pipeline.steps.ask import Infer, ask
from services.pipeline.steps.document import Document
from shared.models.extractor import ExtractorFeatures
from shared.text.parse import Parser


async def extract(
    documents: Sequence[Document], features: ExtractorFeatures, parser: Parser, infer: Infer, *, gated: bool = True
) -> list[Document]:
    """Set `spans` of the documents that report; the others are left as they are. Errors of `infer` leave this function.

    Without `gated` every document is asked about.
    """
    asked = [document for document in documents if document.reports or not gated]
    if asked:
        encoded, outputs = await ask(asked, features.metadata.name, features, parser, infer)
        texts = [document.post.text for document in asked]
        for document, spans in zip(asked, features.decode(encoded, outputs, texts), strict=True):
            document.spans = spans
    return list(documents)
