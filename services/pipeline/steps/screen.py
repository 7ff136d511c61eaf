"""Screen: which posts are worth asking the models about. Recall first; no server, nothing that depends on another post.

A post goes on when it has words, names a monitored medicine, is not surely of another language, and is written by a person: no
advertisement, nothing that a machine writes. Reposts go on: alerting links them by their fingerprint. The tests stand in the
order of their cost.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Sequence
from typing import Any

from py3langid import langid

from services.pipeline.steps.document import Document, Failure, each
from shared.assertion.flags import grave
from shared.screening.adverts import first_person, sells
from shared.screening.model import ADVERT, PERSON, default_model
from shared.text.clean import EMAIL_MASK, HANDLE_MASK, URL_MASK
from shared.vocabulary.drugs import DrugLexicon, DrugMention

EMPTY, NO_DRUG, LANGUAGE = "empty", "no_drug", "language"
# Shorter texts are not judged by their language: half of the foreign ones would go on all the same (docs/models/report/screen.md).
LETTERS = 30
_SURE = 0.9
# Where the source itself names another language, the identifier only has to agree.
_LIKELY = 0.6
_OTHER_SCRIPT = 0.5
_MASKS = re.compile(rf"{URL_MASK}|{HANDLE_MASK}|{EMAIL_MASK}|#\w+", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d_]")
_LATIN = re.compile(r"[a-zà-ž]", re.IGNORECASE)


def screen(
    documents: Sequence[Document], lexicon: DrugLexicon, designated: Collection[str] = ()
) -> tuple[list[Document], list[Failure]]:
    """Set `drugs` of every document, and `screened` of those that stop here. `designated`: see `reason`."""

    def one(document: Document) -> Document:
        document.drugs = lexicon.find(document.post.text)
        document.screened = reason(document.post.text, document.drugs, document.post.language, designated)
        return document

    return each(documents, "screen", one)


def reason(
    text: str, drugs: Sequence[DrugMention], language: str | None, designated: Collection[str] = ()
) -> str | None:
    """Why a post stops here, or None.

    `language` is what the source says, as a code such as `en`, `en-GB` or `und`; `designated` are names of designated events,
    lower case. A post that states something grave, or uses one of these names, is neither an advertisement nor a machine's.
    """
    if not drugs:
        return NO_DRUG if _LETTER.search(_MASKS.sub(" ", text)) else EMPTY
    if foreign(text, drugs, language):
        return LANGUAGE
    if first_person(text):
        return None
    kind = ADVERT if sells(text) else default_model().kind(text, drugs)
    return None if kind == PERSON or grave(text, designated) else kind


def own_words(text: str, drugs: Sequence[DrugMention]) -> tuple[str, list[str]]:
    """What a post's language shows in, and the letters of it: neither masks nor hashtags, nor medicines, which look like Latin."""
    for drug in reversed(drugs):
        text = f"{text[: drug.span.start]} {text[drug.span.end :]}"
    words = _MASKS.sub(" ", text)
    return words, _LETTER.findall(words)


def foreign(text: str, drugs: Sequence[DrugMention], language: str | None, fewest: int = LETTERS) -> bool:
    """Whether a post is surely not English. One of fewer letters than `fewest` never is."""
    stated = (language or "").lower().split("-")[0]
    if stated == "en" and text.isascii():
        return False
    words, letters = own_words(text, drugs)
    if len(letters) < fewest:
        return False
    # Plain ASCII is Latin: only other posts are counted letter by letter.
    if not words.isascii() and len(_LATIN.findall("".join(letters))) < _OTHER_SCRIPT * len(letters):
        return True
    if stated == "en":
        return False
    found, probability = _identifier().classify(words.lower())
    return found != "en" and bool(probability >= (_LIKELY if stated not in ("", "und") else _SURE))


@functools.cache
def _identifier() -> Any:
    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
