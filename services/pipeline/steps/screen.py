"""Screen: which posts are worth asking the models about. Recall first; no model, no network.

A post goes on when it has words, names a monitored medicine, is not surely of another language, and is no advertisement.
Reposts go on: alerting links them by their fingerprint.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from py3langid import langid

from services.pipeline.steps.document import Document, Failure, each
from shared.assertion.text import cues
from shared.text.clean import EMAIL_MASK, HANDLE_MASK, URL_MASK, model_text
from shared.vocabulary.drugs import DrugLexicon, DrugMention

EMPTY, NO_DRUG, LANGUAGE, ADVERT = "empty", "no_drug", "language", "advert"
# Shorter texts are not judged by their language: the identifier is right about them too rarely.
_LETTERS = 30
_SURE = 0.9
# Where the source itself names another language, the identifier only has to agree.
_LIKELY = 0.6
_OTHER_SCRIPT = 0.5
_MASKS = re.compile(rf"{URL_MASK}|{HANDLE_MASK}|{EMAIL_MASK}|#\w+", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d_]")
_LATIN = re.compile(r"[a-zà-ž]", re.IGNORECASE)

_CUES = Path(__file__).with_name("adverts.toml")


def screen(documents: Sequence[Document], lexicon: DrugLexicon) -> tuple[list[Document], list[Failure]]:
    """Set `drugs` of every document, and `screened` of those that stop here."""

    def one(document: Document) -> Document:
        document.drugs = lexicon.find(document.post.text)
        document.screened = reason(document.post.text, document.drugs, document.post.language)
        return document

    return each(documents, "screen", one)


def reason(text: str, drugs: Sequence[DrugMention], language: str | None) -> str | None:
    """Why a post stops here, or None. `language` is what the source says, as a code such as `en`, `en-GB` or `und`."""
    if not _LETTER.search(_MASKS.sub(" ", text)) and not drugs:
        return EMPTY
    if not drugs:
        return NO_DRUG
    if _foreign(text, drugs, language):
        return LANGUAGE
    return ADVERT if _advert(text) else None


def _foreign(text: str, drugs: Sequence[DrugMention], language: str | None) -> bool:
    """Whether a post is surely not English. Names of medicines are taken out: they look like Latin in any language."""
    for drug in reversed(drugs):
        text = f"{text[: drug.span.start]} {text[drug.span.end :]}"
    words = _MASKS.sub(" ", text)
    letters = _LETTER.findall(words)
    if len(letters) < _LETTERS:
        return False
    if sum(1 for letter in letters if _LATIN.match(letter)) < _OTHER_SCRIPT * len(letters):
        return True
    found, probability = _identifier().classify(words.lower())
    stated = (language or "").lower().split("-")[0]
    if found == "en" or stated == "en":
        return False
    return bool(probability >= (_LIKELY if stated not in ("", "und") else _SURE))


def _advert(text: str) -> bool:
    """Whether a post sells medicines: words of a shop, and nobody who speaks of themselves."""
    lowered = model_text(text)
    found = cues(_CUES)
    if found["first_person"].search(lowered):
        return False
    if found["sells"].search(lowered):
        return True
    return URL_MASK.lower() in lowered and len(set(found["trade"].findall(lowered))) > 1


@functools.cache
def _identifier() -> Any:
    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
