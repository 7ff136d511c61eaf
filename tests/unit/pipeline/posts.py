"""Posts and documents written for the tests of the steps."""

from __future__ import annotations

from datetime import UTC, datetime

from services.pipeline.steps.document import Document
from shared.events import Post
from shared.models.decode import Span
from shared.vocabulary.drugs import default_lexicon

MOMENT = datetime(2024, 5, 1, 12, tzinfo=UTC)


def post(text: str, number: int = 1, language: str | None = None) -> Post:
    return Post(
        id=f"test:{number}",
        source="test",
        text=text,
        created_at=MOMENT,
        ingested_at=MOMENT,
        author="a1",
        language=language,
    )


def spans(text: str, *words: str, kind: str = "reaction", score: float = 0.9) -> list[Span]:
    """Spans of words in the text, in the order given."""
    return [Span(text.index(word), text.index(word) + len(word), kind, score) for word in words]


def extracted(text: str, *words: str, number: int = 1) -> Document:
    """A document as it is after the extractor: medicines from the lexicon, the words as reactions."""
    document = Document(post(text, number), probability=0.9, positive=True)
    document.drugs = default_lexicon().find(text)
    document.spans = spans(text, *words)
    return document
