"""Codes of an alert's drug and reaction in the tables that the user brought: ATC, and the place in MedDRA."""

from __future__ import annotations

from shared.events import Alert
from shared.settings import Settings
from shared.vocabulary.atc import lexicon
from shared.vocabulary.meddra import PREFIX, MedDra, way_up


def codes_of(alert: Alert, settings: Settings) -> dict[str, str]:
    """Lines by their names; empty where the settings name no tables. Raises AdrwatchError where a table is broken."""
    lines: dict[str, str] = {}
    if settings.atc_file is not None:
        concept = lexicon(settings).concept(alert.drug.label.lower())
        codes = concept.codes if concept and concept.id == alert.drug.id else ()
        lines["ATC"] = ", ".join(code.removeprefix("ATC:") for code in codes) or "none in the table"
    if settings.meddra_folder is not None and alert.reaction.id.startswith(PREFIX):
        meddra = MedDra.load(settings.meddra_folder, settings.meddra_version)
        place = way_up(meddra, alert.reaction.id) or "not in this release"
        lines["MedDRA"] = f"{meddra.version}: {place}"
    return lines
