"""Builds the reaction vocabulary: HPO with its synonyms, SYMP where HPO has no such term, and our own lay phrases.

One preferred concept a meaning: a SYMP term whose name or exact synonym is one of HPO's lends its phrases to the HPO term.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.vocabulary.sources import TermRow, table
from shared.errors import AdrwatchError
from shared.vocabulary.phrases import words

# Ranks: where two concepts share a phrase, the lower one wins.
OURS, LABEL, LAY, EXACT, SYMP, LOOSE = range(6)
# Shorter synonyms are abbreviations ("AF", "SAD") that mean something else in a post.
_SHORTEST = 4
_LONGEST_WORDS = 7
_NOT_SAID = re.compile(
    r"inheritance|exposure|history of|clinical onset|frequency of|^(focal|generalized)\b.*seizure|gene\b|antenatal|on ultrasound"
    r"|cell proportion|proportion of|expression|fetal|congenital|hypoplas|aplasia|dysplas|agenesis|morphology of",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Phrase:
    """One row of the vocabulary: a phrase, its concept's id and label, and its rank."""

    phrase: str
    id: str
    label: str
    rank: int


def build(hpo: list[TermRow], symp: list[TermRow]) -> list[Phrase]:
    """All rows, sorted by phrase; a phrase has one concept."""
    never = [row[0].lower() for row in table("not_reactions.txt")]
    hpo, symp = [[term for term in terms if not _left_out(term.label, never)] for terms in (hpo, symp)]
    rows = [*_ours(hpo, symp), *_of_hpo(hpo), *_of_symp(symp, hpo)]
    best: dict[str, Phrase] = {}
    for row in sorted(rows, key=lambda row: (row.rank, row.id)):
        best.setdefault(row.phrase, row)
    return [best[phrase] for phrase in sorted(best)]


def _left_out(label: str, never: list[str]) -> bool:
    name = label.lower()
    # A group of the Symptom Ontology ("head and neck symptom") would take every phrase that names the place.
    if name.endswith(" symptom"):
        return True
    return any(name == word or (word[-1] == "*" and name.startswith(word[:-1])) for word in never) or bool(
        _NOT_SAID.search(label)
    )


def _row(phrase: str, key: str, label: str, rank: int) -> list[Phrase]:
    listed = words(phrase)
    normal = " ".join(listed)
    wanted = rank == OURS or (len(normal) >= _SHORTEST and len(listed) <= _LONGEST_WORDS)
    return [Phrase(normal, key, label, rank)] if normal and wanted else []


def _ours(hpo: list[TermRow], symp: list[TermRow]) -> list[Phrase]:
    """Our lay phrases. Raises AdrwatchError where the table names a label that no source has."""
    by_label = {term.label: term for term in (*symp, *hpo)}
    rows: list[Phrase] = []
    missing = []
    for target, phrases in table("lay_phrases.tsv"):
        key, _, label = target.rpartition("|")
        if not key and label not in by_label:
            missing.append(label)
            continue
        key = key or by_label[label].id
        for phrase in (label, *phrases.split(",")):
            rows.extend(_row(phrase, key, label, OURS))
    if missing:
        raise AdrwatchError(
            f"lay_phrases.tsv: no source has {', '.join(missing)}", fix="use an HPO or SYMP label, or write `id|label`"
        )
    return rows


def _of_hpo(terms: list[TermRow]) -> list[Phrase]:
    rows: list[Phrase] = []
    for term in terms:
        rows.extend(_row(term.label, term.id, term.label, LABEL))
        for synonym, scope, lay in term.synonyms:
            rank = (LAY if lay else EXACT) if scope == "EXACT" else LOOSE
            # A broader or related term is another meaning, unless lay people use it for this one.
            if scope in ("EXACT", "NARROW") or lay:
                rows.extend(_row(synonym, term.id, term.label, rank))
    return rows


def _of_symp(terms: list[TermRow], hpo: list[TermRow]) -> list[Phrase]:
    names: dict[str, TermRow] = {}
    for term in hpo:
        for name in (term.label, *(text for text, scope, _ in term.synonyms if scope == "EXACT")):
            names.setdefault(name.lower(), term)
    rows: list[Phrase] = []
    for term in terms:
        said = [term.label, *(text for text, scope, _ in term.synonyms if scope == "EXACT")]
        same = next((names[name.lower()] for name in said if name.lower() in names), None)
        key, label = (same.id, same.label) if same else (term.id, term.label)
        for phrase in said:
            rows.extend(_row(phrase, key, label, SYMP))
    return rows
