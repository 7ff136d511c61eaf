"""Attribute: which medicine the post holds to account for which reaction, and which reactions it does not assert at all.

Dropped are reactions that are denied, feared or imagined, only asked about, recited from a label, or what the medicine is
taken for. Who had the reaction does not matter: a mother's rash is a report. A reaction to stopping a medicine counts
as that medicine's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.pipeline.steps.document import REACTIONS, UNKNOWN_DRUG, AssertedPair, Document, Failure, each
from shared.assertion.coreference import Name, resolve
from shared.assertion.relation import caused, closeness, joined
from shared.assertion.status import status, widened
from shared.assertion.text import Statement
from shared.assertion.treatment import treated
from shared.events import Span
from shared.models.decode import Span as TypedSpan
from shared.vocabulary.drugs import DrugMention
from shared.vocabulary.phrases import says_nothing

DRUG = "drug"
# What the medicine is taken for, and signs of illness that it did not cause.
INDICATIONS = frozenset({"indication", "symptom"})
# A name that only the extractor holds for a medicine needs this score to be one.
_SURE_DRUG = 0.5
# Names looked at for one reaction: in a long list of medicines the far ones are not to blame.
_NEAREST = 8


def attribute(documents: Sequence[Document]) -> tuple[list[Document], list[Failure]]:
    """Set `pairs` of the documents that report; spans of the others, known without gates only, assert nothing."""

    def one(document: Document) -> Document:
        if document.reports:
            document.pairs = pairs(document.post.text, document.drugs, document.spans)
        return document

    return each(documents, "attribute", one)


def pairs(
    text: str, drugs: Sequence[DrugMention], spans: Sequence[TypedSpan], *, follow: bool = True
) -> list[AssertedPair]:
    """The pairs that one post asserts, by reaction and drug in the order of the text.

    Without `follow` a medicine is spoken of by its names alone, and not by words such as "it": what following them gains.
    """
    if not text:
        return []
    statement = Statement(text)
    named = _medicines(drugs, spans)
    places = spoken_of(statement, named) if follow else {drug: drug for drug in named}
    indications = [span for span in spans if span.type in INDICATIONS]
    found: dict[tuple[int, int, int], AssertedPair] = {}
    for span in spans:
        if span.type not in REACTIONS or _is_indication(span, indications) or _is_medicine(span, drugs):
            continue
        if says_nothing(statement.between(span.start, span.end)):
            continue
        start = widened(statement, span.start, span.end)
        if status(statement, start, span.end) != "asserted":
            continue
        # What was taken in before the reaction belongs to its first fragment.
        fragments = ((start, span.fragments[0][1]), *span.fragments[1:]) if span.fragments else ()
        for drug in responsible(statement, places, start, span.end):
            # One span may be of both types: it is one reaction.
            pair = AssertedPair(drug, Span(start, span.end), span.score, fragments)
            found.setdefault((drug.span.start, start, span.end), pair)
    return list(found.values())


def _medicines(drugs: Sequence[DrugMention], spans: Sequence[TypedSpan]) -> list[DrugMention]:
    """The lexicon's medicines, and those that only the extractor sees: these have no concept, but may be to blame."""
    extra = [
        DrugMention(Span(span.start, span.end), UNKNOWN_DRUG)
        for span in spans
        if span.type == DRUG and span.score >= _SURE_DRUG and not _is_medicine(span, drugs)
    ]
    return sorted([*drugs, *extra], key=lambda drug: (drug.span.start, drug.span.end))


def spoken_of(statement: Statement, named: Sequence[DrugMention]) -> dict[DrugMention, DrugMention]:
    """Every place where the post speaks of a medicine, by its name or by a word such as "it", and the name that is meant."""
    places = {drug: drug for drug in named}
    by_span = {drug.span: drug for drug in named}
    for link in resolve(statement, [Name(drug.span, _entity(statement, drug), drug.concept.label) for drug in named]):
        for name in link.antecedents:
            drug = by_span[name.span]
            places.setdefault(DrugMention(link.anaphor.span, drug.concept), drug)
    return places


def _entity(statement: Statement, drug: DrugMention) -> str:
    """Names of one medicine have one concept; those without any are told apart by their words."""
    return statement.between(drug.span.start, drug.span.end) if drug.concept == UNKNOWN_DRUG else drug.concept.id


def responsible(
    statement: Statement, places: Mapping[DrugMention, DrugMention], start: int, end: int
) -> list[DrugMention]:
    """The medicines to which the post puts a reaction down, as it names them; none where every one of them is taken for it.

    `places` is what `spoken_of` gives.
    """
    near = sorted(places, key=lambda drug: max(start - drug.span.end, drug.span.start - end))[:_NEAREST]
    near.sort(key=lambda drug: drug.span.start)
    blamed: list[tuple[float, DrugMention]] = []
    for drug in near:
        others = [other.span for other in near if other is not drug]
        blame = caused(statement, drug.span, start, end, others)
        if not treated(statement, drug.span, start, end, others, caused=blame):
            blamed.append((closeness(statement, drug.span, start, end, others), drug))
    if not blamed:
        return []
    best = max(score for score, _ in blamed)
    first = next(drug for score, drug in blamed if score == best)
    together = {first.concept.id: first}
    edge = [first]
    while edge:
        here = edge.pop()
        for _, drug in blamed:
            # "tamoxifen after arimidex, this pill" is no list: names stand side by side with names.
            alike = (places[here] is here) is (places[drug] is drug)
            if drug.concept.id not in together and alike and joined(statement, here.span, drug.span):
                together[drug.concept.id] = drug
                edge.append(drug)
    return sorted((places[drug] for drug in together.values()), key=lambda drug: drug.span.start)


def _is_indication(span: TypedSpan, indications: Sequence[TypedSpan]) -> bool:
    """Whether the extractor holds the same words for an indication, and is at least as sure of that."""
    return any(_overlap(span, other) and other.score >= span.score for other in indications)


def _is_medicine(span: TypedSpan, drugs: Sequence[DrugMention]) -> bool:
    return any(span.start < drug.span.end and drug.span.start < span.end for drug in drugs)


def _overlap(one: TypedSpan, other: TypedSpan) -> bool:
    return one.start < other.end and other.start < one.end
