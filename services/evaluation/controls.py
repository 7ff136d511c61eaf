"""Measures against a reference set: pairs of a drug and an outcome that are known to be, or not to be, adverse reactions.

The set has the form of the EU-ADR's (Coloma et al. 2013, doi:10.1007/s40264-012-0002-x): a CSV file with the columns exposureName,
outcomeName and groundTruth. Drugs are matched by ingredient where adrwatch's lexicon knows their names, else by name; outcomes by a
table of reactions that count as each, whose reports are counted together. Case and spaces of names make no difference.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.errors import AdrwatchError
from shared.signals.counts import Reports
from shared.signals.criteria import CRITERIA
from shared.signals.rules import Rules
from shared.signals.table import MeasuredTable
from shared.vocabulary.drugs import DrugLexicon

# What orders pairs, as a person would sort a table by it.
SCORES = ("a", "prr", "ror", "ror_lower", "rrr", "q", "chi2_yates", "ic", "ic025", "ebgm", "eb05", "llr")
_OF_ONE_TABLE = frozenset({"prr", "ror", "ror_lower", "q", "chi2_yates"})
_RULES_OF_ONE_TABLE = frozenset({"evans", "ror", "q", "chi2"})
_COLUMNS = ("exposureName", "outcomeName", "groundTruth")


@dataclass(frozen=True)
class Control:
    """A drug, by its ingredient, and an outcome, in lower case. `positive`: whether it is known to be a reaction to the drug."""

    drug: str
    outcome: str
    positive: bool


def read_controls(path: Path, lexicon: DrugLexicon) -> list[Control]:
    """The pairs of a reference set, each once.

    Raises AdrwatchError naming the line that cannot be, or that says the opposite of another.
    """
    lines: dict[tuple[str, str], tuple[int, Control]] = {}
    for line, row in _rows(path, _COLUMNS):
        drug, outcome, truth = (_key(row[name]) for name in _COLUMNS)
        if truth not in ("0", "1") or not drug or not outcome:
            raise AdrwatchError(
                f"{path}, line {line}: no control", fix="give a drug, an outcome and groundTruth 0 or 1"
            )
        control = Control(_ingredient(drug, lexicon), outcome, truth == "1")
        first, other = lines.setdefault((control.drug, outcome), (line, control))
        if other.positive != control.positive:
            raise AdrwatchError(
                f"{path}, line {line}: line {first} says the opposite of {drug} and {outcome}", fix="remove one of them"
            )
    found = [control for _, control in lines.values()]
    if len({control.positive for control in found}) < 2:
        raise AdrwatchError(f"{path} has no positive or no negative controls", fix="give both")
    return found


def read_terms(path: Path) -> dict[str, str]:
    """Reaction → the outcome that it counts as, both in lower case: CSV, columns outcome and reaction.

    Raises AdrwatchError for a reaction of two outcomes.
    """
    terms: dict[str, str] = {}
    for line, row in _rows(path, ("outcome", "reaction")):
        reaction, outcome = _key(row["reaction"]), _key(row["outcome"])
        if terms.setdefault(reaction, outcome) != outcome:
            raise AdrwatchError(
                f"{path}, line {line}: {reaction} counts as {terms[reaction]} already",
                fix="let each reaction count as one outcome",
            )
    return terms


def without_terms(reports: Reports, controls: Sequence[Control], terms: Mapping[str, str]) -> set[str]:
    """Outcomes of controls that no reaction counts as: neither a term, nor a reaction of the reports with the outcome's name."""
    return {control.outcome for control in controls} - set(terms.values()) - {_key(name) for name in reports.reactions}


def by_outcome(
    reports: Reports, controls: Sequence[Control], terms: Mapping[str, str], lexicon: DrugLexicon
) -> Reports:
    """The same reports with the drugs of the controls under their ingredients, and reactions under their outcomes.

    Everything else stays as it is: it is the background.
    """
    ingredients = {control.drug for control in controls}
    outcomes = {control.outcome: control.outcome for control in controls} | dict(terms)
    keys = [_ingredient(drug, lexicon) for drug in reports.drugs]
    drugs = [key if key in ingredients else drug for key, drug in zip(keys, reports.drugs, strict=True)]
    reactions = [outcomes.get(_key(reaction), reaction) for reaction in reports.reactions]
    return replace(
        reports,
        drugs=list(dict.fromkeys(drugs)),
        reactions=list(dict.fromkeys(reactions)),
        drug=_recoded(reports.drug, drugs),
        reaction=_recoded(reports.reaction, reactions),
    )


@dataclass(frozen=True)
class Judged:
    """The controls in a table. `scores` by measure, -inf where a pair has none; `flags` by rule, False where it has none."""

    labels: NDArray[np.int64]
    reported: NDArray[np.bool_]
    scores: dict[str, NDArray[np.float64]]
    flags: dict[str, NDArray[np.bool_]]


def judge(table: MeasuredTable, controls: Sequence[Control], rules: Rules, *, strata: bool = False) -> Judged:
    """What each measure and each rule says of each control. Who is never reported, or has no such measure, is no signal.

    `strata`: only what is over expectations, which are stratified; what is over one table of all reports says nothing of several.
    """
    drugs = {drug: code for code, drug in enumerate(table.pairs.drugs)}
    reactions = {reaction: code for code, reaction in enumerate(table.pairs.reactions)}
    places = {
        pair: i for i, pair in enumerate(zip(table.pairs.drug.tolist(), table.pairs.reaction.tolist(), strict=True))
    }
    at = np.array([places.get((drugs.get(c.drug, -1), reactions.get(c.outcome, -1)), -1) for c in controls])
    reported = at >= 0
    scores, flags = {}, {}
    for name in (name for name in SCORES if not (strata and name in _OF_ONE_TABLE)):
        values = np.full(len(controls), -np.inf)
        values[reported] = np.nan_to_num(np.asarray(table.columns[name], dtype=np.float64)[at[reported]], nan=-np.inf)
        scores[name] = values
    for name, criterion in CRITERIA.items():
        if strata and name in _RULES_OF_ONE_TABLE:
            continue
        fires = np.zeros(len(controls), dtype=np.bool_)
        fires[reported] = criterion(table.columns, rules).fires[at[reported]]
        flags[name] = fires
    return Judged(np.array([int(control.positive) for control in controls]), reported, scores, flags)


def _key(name: str) -> str:
    """Names are the same whatever their case and spaces."""
    return " ".join(name.split()).lower()


def _ingredient(name: str, lexicon: DrugLexicon) -> str:
    concept = lexicon.concept(_key(name))
    return _key(name) if concept is None else concept.id


def _recoded(codes: NDArray[np.int64], names: Sequence[str]) -> NDArray[np.int64]:
    numbers: dict[str, int] = defaultdict(lambda: len(numbers))
    new = np.array([numbers[name] for name in names], dtype=np.int64)
    return new[codes]


def _rows(path: Path, columns: Sequence[str]) -> Iterable[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            if missing := [name for name in columns if name not in (reader.fieldnames or ())]:
                raise AdrwatchError(
                    f"{path} has no column {missing[0]}", fix=f"give a CSV file with {', '.join(columns)}"
                )
            for row in reader:
                if any(row[name] is None for name in columns):
                    raise AdrwatchError(
                        f"{path}, line {reader.line_num}: too few fields", fix="mend or remove the line"
                    )
                yield reader.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AdrwatchError(f"{path} cannot be read: {error}", fix="give a CSV file in UTF-8") from None
