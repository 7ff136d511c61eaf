"""Everything that the vocabularies in force say of a phrase: its concept, candidates, place in MedDRA, medicines, codes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shared.events import UNMAPPED
from shared.settings import Settings
from shared.vocabulary.atc import lexicon
from shared.vocabulary.icd10 import PREFIX, load_icd10
from shared.vocabulary.languages import ENGLISH, drugs_in, reactions_in
from shared.vocabulary.meddra import PREFIX as MEDDRA
from shared.vocabulary.meddra import MedDra, way_up
from shared.vocabulary.normaliser import ReactionNormaliser

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Found:
    """One line: what kind of thing, its id and label, how it was found, a score from 0 to 1 for candidates, and more of it."""

    kind: str
    id: str
    label: str
    how: str
    score: float | None = None
    note: str = ""


def look_up(phrase: str, settings: Settings, language: str = ENGLISH) -> list[Found]:
    """What the settings' vocabularies say of a phrase in a language; the reaction first. Candidates are English only."""
    normaliser = ReactionNormaliser.load(settings)
    match = reactions_in(language, normaliser).match(phrase)
    note = _note(normaliser.meddra, match.concept.id, match.concept.version)
    rows = [Found("reaction", match.concept.id, match.concept.label, match.how, note=note)]
    if language == ENGLISH:
        if normaliser.meddra:
            rows += _lowest(normaliser.meddra, phrase)
        rows += [
            Found("candidate", one.concept.id, one.concept.label, one.source, round(one.score, 4), one.phrase)
            for one in normaliser.candidates(phrase, _SHOWN)
        ]
    rows += [
        Found("medicine", drug.concept.id, drug.concept.label, "name", note=" ".join(drug.concept.codes))
        for drug in drugs_in(language, lexicon(settings)).find(phrase)
    ]
    if settings.icd10 is not None:
        names = (phrase,) if match.concept.id == UNMAPPED else (phrase, match.concept.label)
        codes = load_icd10(settings.icd10).codes(*names)
        rows += [Found("indication", f"{PREFIX}{code.code}", code.name, "name") for code in codes[:_SHOWN]]
    return rows


def _note(meddra: MedDra | None, key: str, version: str | None) -> str:
    if meddra is None or not key.startswith(MEDDRA):
        return ""
    return f"MedDRA {version}: {way_up(meddra, key)}"


def _lowest(meddra: MedDra, phrase: str) -> Iterator[Found]:
    for term in meddra.lowest(phrase):
        current = "current" if term.current else "not current: not for coding"
        yield Found("lowest level term", f"{MEDDRA}{term.code}", term.name, "name", note=current)
