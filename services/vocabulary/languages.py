"""Builds the tables of other languages from our own names and phrases: a column a language, a concept a line.

Names of medicines are what their holders and the WHO's lists of international names call them; the table is our own. Russian
names are inflected here, since posts use them in every case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from services.vocabulary.sources import table
from shared.errors import AdrwatchError
from shared.vocabulary.drugs import normal
from shared.vocabulary.languages import LANGUAGES, NO_NAME, unaccented

DRUG_TABLES = ("drug_names_languages.tsv", "everyday_words_languages.tsv")
REACTION_TABLE = "reactions_languages.tsv"

Row = tuple[str, str, str, str]
Concepts = Mapping[str, str]

_CYRILLIC = re.compile(r"[а-я-]+")
# Endings of the singular and plural of nouns, by the end of the nominative (Zaliznyak's regular types).
_SIBILANT, _VELAR = "жчшщц", "гкх"
_HARD = ("", "а", "у", "ом", "е", "ы", "ов", "ам", "ами", "ах")
_ENDINGS: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    ("ия", 1, ("я", "и", "ю", "ей")),
    ("ий", 1, ("й", "я", "ю", "ем", "и", "ев")),
    ("й", 1, ("й", "я", "ю", "ем", "е", "и", "ев")),
    ("ь", 1, ("ь", "я", "ю", "ем", "е", "и", "ью", "ей")),
    ("я", 1, ("я", "и", "ю", "е", "ей")),
    ("а", 1, ("а", "ы", "у", "е", "ой", "ам", "ами", "ах")),
)
_SHORTEST = 4


def drug_rows(ids: Concepts) -> list[Row]:
    """Name, id, label and language, sorted; NO_NAME as id where a name of the English lexicon is an everyday word of the language.

    `ids` by label. Raises AdrwatchError where the table names an ingredient without an id.
    """
    names, everyday = DRUG_TABLES
    rows: dict[tuple[str, str], Row] = {}
    for label, language, name in _cells(names, ids):
        for form in _forms(language, name):
            rows.setdefault((language, form), (form, ids[label], label, language))
    for language, listed in table(everyday):
        for word in listed.split(","):
            rows.setdefault((language, word), (word, NO_NAME, NO_NAME, language))
    return [rows[key] for key in sorted(rows)]


def reaction_rows(ids: Concepts) -> list[Row]:
    """Phrase, id, label and language, in the order of the table. Raises AdrwatchError where it names a label without an id."""
    return [(phrase, ids[label], label, language) for label, language, phrase in _cells(REACTION_TABLE, ids)]


def _cells(name: str, ids: Concepts) -> Iterator[tuple[str, str, str]]:
    lines = list(table(name))
    missing = [row[0] for row in lines if row[0] not in ids]
    if missing:
        raise AdrwatchError(f"{name}: no source has {', '.join(missing)}", fix="use a label of the English vocabulary")
    for label, *cells in lines:
        for language, cell in zip(LANGUAGES, cells, strict=True):
            for said in cell.split(",") if cell != NO_NAME else ():
                yield label, language, normal(said.strip())


def _forms(language: str, name: str) -> set[str]:
    if language == "fr":
        return {name, unaccented(name)}
    return set(inflected(name)) if language == "ru" else {name}


def inflected(name: str) -> Iterator[str]:
    """The cases of a Russian name, itself included. Of several words, and of borrowed nouns in other vowels, it has none."""
    yield name
    if not _CYRILLIC.fullmatch(name) or len(name) < _SHORTEST:
        return
    for end, cut, endings in _ENDINGS:
        if name.endswith(end):
            yield from (_spelt(name[:-cut], ending) for ending in endings)
            return
    if name[-1] not in "оеиуыэюё":
        yield from (_spelt(name, ending) for ending in _HARD)


def _spelt(stem: str, ending: str) -> str:
    """Stem and ending by the rules of spelling: no ы behind г, к, х and sibilants, no о behind unstressed ones."""
    if ending.startswith("ы") and stem[-1] in _VELAR + _SIBILANT.replace("ц", ""):
        ending = "и" + ending[1:]
    if ending[:1] == "о" and stem[-1] in _SIBILANT:
        ending = "ей" if ending == "ов" and stem[-1] != "ц" else "е" + ending[1:]
    return stem + ending
