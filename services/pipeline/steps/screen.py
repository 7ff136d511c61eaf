"""Screen: which posts are worth asking the models about. Recall first; no server, nothing that depends on another post.

A post goes on when it has words, names a monitored medicine, is not surely of a language that is not read, and is written by a
person: no advertisement, nothing that a machine writes. Reposts go on: alerting links them by their fingerprint. The tests stand in
the order of their cost.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from services.pipeline.steps.document import Document, Failure, each
from services.pipeline.steps.language import foreign, has_words, language_of
from shared import metrics
from shared.assertion.flags import grave
from shared.screening.adverts import first_person, sells
from shared.screening.model import ADVERT, PERSON, default_model
from shared.vocabulary.drugs import DrugLexicon, DrugMention
from shared.vocabulary.languages import ENGLISH, drugs_in, drugs_in_any

EMPTY, NO_DRUG, LANGUAGE = "empty", "no_drug", "language"
OTHER = "other"


def screen(
    documents: Sequence[Document],
    lexicon: DrugLexicon,
    designated: Collection[str] = (),
    others: Sequence[str] = (),
) -> tuple[list[Document], list[Failure]]:
    """Set `drugs` of every document, and `screened` of those that stop here. `designated`: see `reason`.

    `others`: languages that are read besides English; then `language` is set too.
    """

    def one(document: Document) -> Document:
        document.drugs = lexicon.find(document.post.text)
        document.screened = reason(document.post.text, document.drugs, document.post.language, designated)
        return document

    def of_several(document: Document) -> Document:
        _read(document, lexicon, designated, others)
        return document

    return each(documents, "screen", of_several if others else one)


def _read(document: Document, lexicon: DrugLexicon, designated: Collection[str], others: Sequence[str]) -> None:
    """Set `language`, and what follows from it: each language has a lexicon, English alone knows adverts and machines."""
    post = document.post
    document.drugs = drugs_in_any(tuple(others), lexicon).find(post.text)
    if not document.drugs:
        document.screened = without_drugs(post.text)
        return
    document.language = language_of(post.text, document.drugs, post.language, {ENGLISH, *others})
    metrics.LANGUAGES.labels(document.language or OTHER).inc()
    if document.language is None:
        document.screened = LANGUAGE
        return
    document.drugs = drugs_in(document.language, lexicon).find(post.text)
    if not document.drugs:
        document.screened = NO_DRUG
    elif document.language == ENGLISH:
        document.screened = written_by(post.text, document.drugs, designated)


def reason(
    text: str, drugs: Sequence[DrugMention], language: str | None, designated: Collection[str] = ()
) -> str | None:
    """Why an English reader's post stops here, or None.

    `language` is what the source says, as a code such as `en`, `en-GB` or `und`; `designated` are names of designated events,
    lower case. A post that states something grave, or uses one of these names, is neither an advertisement nor a machine's.
    """
    if not drugs:
        return without_drugs(text)
    if foreign(text, drugs, language):
        return LANGUAGE
    return written_by(text, drugs, designated)


def without_drugs(text: str) -> str:
    """Why a post stops that names no medicine."""
    return NO_DRUG if has_words(text) else EMPTY


def written_by(text: str, drugs: Sequence[DrugMention], designated: Collection[str]) -> str | None:
    """What an English post is that no person wrote, or None."""
    if first_person(text):
        return None
    kind = ADVERT if sells(text) else default_model().kind(text, drugs)
    return None if kind == PERSON or grave(text, designated) else kind
