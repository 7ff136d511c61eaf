"""Reference safety information that the user brings: the texts of drugs, from a CSV file or JSON."""

from __future__ import annotations

import csv
import functools
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import msgspec

from shared.cases.listedness import Names, Suggestion, suggest
from shared.errors import AdrwatchError
from shared.events import Concept
from shared.settings import Settings
from shared.vocabulary.drugs import DrugLexicon, default_lexicon
from shared.vocabulary.normaliser import ReactionNormaliser

_FIX = 'give ADRWATCH_REFERENCE_SAFETY a CSV file with the columns drug and text, or JSON such as {"ibuprofen": "..."}'


class ReferenceSafety:
    """What the texts say of reactions."""

    def __init__(self, texts: dict[str, str], names: Names) -> None:
        self._texts = texts
        self._names = names
        self._suggest = functools.cache(self._ask)

    @classmethod
    def of(cls, settings: Settings) -> ReferenceSafety | None:
        """Those of the settings; None where they name none. Raises AdrwatchError for a file that is none."""
        if settings.reference_safety is None:
            return None
        texts = by_concept(read_texts(settings.reference_safety), default_lexicon())
        return cls(texts, Names(ReactionNormaliser.load(settings).vocabulary.phrases()))

    def suggest(self, drug: Concept, reaction: Concept) -> Suggestion:
        """Whether the reaction is listed, and the sentence that says so."""
        return self._suggest(drug, reaction)

    def _ask(self, drug: Concept, reaction: Concept) -> Suggestion:
        texts = self._texts
        if drug.id not in texts and (text := texts.get(drug.label.casefold())):
            texts = {drug.id: text}
        return suggest(texts, drug, reaction, self._names)


def read_texts(path: Path) -> list[tuple[str, str]]:
    """Drug and text, a drug as often as the file has it. Raises AdrwatchError that names the file and the place."""
    try:
        content = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise AdrwatchError(f"the reference safety information {path} cannot be read: {why}", fix=_FIX) from None
    found = _of_json(content, path) if content.lstrip().startswith("{") else _of_csv(content, path)
    if not found:
        raise AdrwatchError(f"the reference safety information {path} is empty", fix=_FIX)
    return found


def by_concept(texts: Iterable[tuple[str, str]], lexicon: DrugLexicon) -> dict[str, str]:
    """All texts of a drug together, by the id of its ingredient; by its name, lower case, where the lexicon does not know it."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for drug, text in texts:
        concept = lexicon.concept(drug.lower())
        found[concept.id if concept else drug.casefold()].append(text)
    return {key: "\n".join(parts) for key, parts in found.items()}


def _of_json(content: str, path: Path) -> list[tuple[str, str]]:
    try:
        return list(msgspec.json.decode(content, type=dict[str, str]).items())
    except msgspec.DecodeError as error:
        raise AdrwatchError(f"the reference safety information {path}: {error}", fix=_FIX) from None


def _of_csv(content: str, path: Path) -> list[tuple[str, str]]:
    try:
        rows = csv.DictReader(content.splitlines(keepends=True), strict=True)
        if not {"drug", "text"} <= set(rows.fieldnames or ()):
            raise AdrwatchError(
                f"the reference safety information {path}: the header lacks the columns drug and text", fix=_FIX
            )
        found = []
        for row in rows:
            drug, text = (row["drug"] or "").strip(), (row["text"] or "").strip()
            if not drug or not text:
                raise AdrwatchError(
                    f"the reference safety information {path}, line {rows.line_num}: no drug, or no text", fix=_FIX
                )
            found.append((drug, text))
    except csv.Error as error:
        raise AdrwatchError(f"the reference safety information {path}: {error}", fix=_FIX) from None
    return found
