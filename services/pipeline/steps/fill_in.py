"""Fill in: reactions of a post that states something grave and in which the extractor found none, by the vocabulary's names.

The extractor has learnt from tweets and reviews, in which hardly anybody dies: "my aunt died from it" gives it no reaction, and
without one the single-report queue would never see the post. Attribution judges these spans as it judges the extractor's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from services.pipeline.steps.document import REACTIONS, Document, Failure, each
from shared.assertion.flags import grave
from shared.models.decode import REACTION
from shared.models.decode import Span as TypedSpan
from shared.vocabulary.terms import ReactionTerms


def fill_in(
    documents: Sequence[Document], terms: ReactionTerms, designated: Collection[str]
) -> tuple[list[Document], list[Failure]]:
    """Add to `spans` of the documents that report; the others are left as they are. Their score is the classifier's.

    `designated`: names of designated events, lower case, which are grave by themselves.
    """

    def one(document: Document) -> Document:
        text = document.post.text
        if document.reports and not _has_reaction(document) and grave(text, designated):
            score = round(document.probability or 0.0, 4)
            named = (TypedSpan(r.span.start, r.span.end, REACTION, score) for r in terms.find(text))
            document.spans = sorted([*document.spans, *named], key=lambda span: (span.start, span.end, span.type))
        return document

    return each(documents, "fill-in", one)


def _has_reaction(document: Document) -> bool:
    return any(span.type in REACTIONS for span in document.spans)
