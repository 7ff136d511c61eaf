"""Language: in which language a post is read. Its script says most, then the identifier, then the source."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Sequence
from typing import Any

from py3langid import langid

from shared.text.clean import EMAIL_MASK, HANDLE_MASK, URL_MASK
from shared.vocabulary.drugs import DrugMention, chinese
from shared.vocabulary.languages import CHINESE, ENGLISH

RUSSIAN = "ru"
# Shorter texts are not judged by their language: half of the foreign ones would go on all the same (docs/models/report/screen.md).
LETTERS = 30
_SURE = 0.9
# Where the source itself names another language, the identifier only has to agree.
_LIKELY = 0.6
_OTHER_SCRIPT = 0.5
# A Chinese letter says as much as a word of others.
_CHINESE = 0.3
_MASKS = re.compile(rf"{URL_MASK}|{HANDLE_MASK}|{EMAIL_MASK}|#\w+", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d_]")
_LATIN = re.compile(r"[a-zà-ž]", re.IGNORECASE)
_CYRILLIC = re.compile(r"[а-яё]", re.IGNORECASE)
_KANA = re.compile(r"[\u3040-\u30ff]")


def has_words(text: str) -> bool:
    """Whether a text has a letter besides masks and hashtags."""
    return _LETTER.search(_MASKS.sub(" ", text)) is not None


def own_words(text: str, drugs: Sequence[DrugMention]) -> tuple[str, list[str]]:
    """What a post's language shows in, and the letters of it: neither masks nor hashtags, nor medicines, which look like Latin."""
    for drug in reversed(drugs):
        text = f"{text[: drug.span.start]} {text[drug.span.end :]}"
    words = _MASKS.sub(" ", text)
    return words, _LETTER.findall(words)


def foreign(text: str, drugs: Sequence[DrugMention], language: str | None, fewest: int = LETTERS) -> bool:
    """Whether a post is surely not English. One of fewer letters than `fewest` never is."""
    stated = code_of(language)
    if stated == ENGLISH and text.isascii():
        return False
    words, letters = own_words(text, drugs)
    if len(letters) < fewest:
        return False
    if _of_other_script(words, letters):
        return True
    if stated == ENGLISH:
        return False
    found, probability = identify(words)
    return found != ENGLISH and probability >= _enough(stated)


def language_of(text: str, drugs: Sequence[DrugMention], stated: str | None, read: Collection[str]) -> str | None:
    """Which of the languages `read` a post is in, English among them; None where it is surely in none of them.

    `stated` is what the source says, as a code such as `de`, `de-AT` or `und`. A post that shows nothing is taken for English.
    """
    words, letters = own_words(text, drugs)
    written = _by_script(words, letters or _LETTER.findall(text))
    if written is not None:
        known = written if written in read else ENGLISH
        return known if len(letters) < LETTERS or (written in read and not _of_a_neighbour(words, written)) else None
    said = code_of(stated)
    if said == ENGLISH and text.isascii():
        return ENGLISH
    unsure = said if said in read and said not in (RUSSIAN, CHINESE) else ENGLISH
    if not letters or said == ENGLISH:
        return unsure
    found, probability = identify(words)
    # No English tweet of 18,137 was taken for German or French so, however short (docs/languages.md).
    if found in read and (probability >= _LIKELY or found == ENGLISH):
        return unsure if found == ENGLISH and len(letters) < LETTERS else found
    return None if len(letters) >= LETTERS and found not in read and probability >= _enough(said) else unsure


def code_of(stated: str | None) -> str:
    """The language that a source says, without its region; empty where it says none."""
    return (stated or "").lower().split("-")[0]


def identify(words: str) -> tuple[str, float]:
    """The most likely language and its probability."""
    found, probability = _identifier().classify(words.lower())
    return str(found), float(probability)


def _enough(stated: str) -> float:
    return _LIKELY if stated not in ("", "und") else _SURE


def _of_other_script(words: str, letters: list[str]) -> bool:
    # Plain ASCII is Latin: only other posts are counted letter by letter.
    return not words.isascii() and len(_LATIN.findall("".join(letters))) < _OTHER_SCRIPT * len(letters)


def _by_script(words: str, letters: list[str]) -> str | None:
    """The language that a script other than Latin stands for, `other` for those of many, None for Latin."""
    if words.isascii() and all(letter.isascii() for letter in letters):
        return None
    share = _CHINESE * len(letters)
    if not _KANA.search(words) and sum(map(chinese, letters)) > share:
        return CHINESE
    if not letters or not _of_other_script(words if not words.isascii() else "".join(letters), letters):
        return None
    return RUSSIAN if len(_CYRILLIC.findall("".join(letters))) >= _OTHER_SCRIPT * len(letters) else "other"


def _of_a_neighbour(words: str, language: str) -> bool:
    """Whether words in Cyrillic are surely another language's."""
    found, probability = identify(words) if language == RUSSIAN else (language, 1.0)
    return found != language and probability >= _SURE


@functools.cache
def _identifier() -> Any:
    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
