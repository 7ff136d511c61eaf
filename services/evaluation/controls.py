"""Measures against a reference set: pairs of a drug and an outcome that are known to be, or not to be, adverse reactions.

The set has the form of the EU-ADR's (Coloma et al. 2013, doi:10.1007/s40264-012-0002-x): a CSV file with the columns exposureName,
outcomeName and groundTruth. Drugs are matched by ingredient where adrwatch's lexicon knows their names, else by name; outcomes by a
table of reactions that count as each, whose reports are counted together.
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
_COLUMNS = ("exposureName", "outcomeName", "groundTruth")


@dataclass(frozen=True)
class Control:
    """A drug and an outcome. `positive`: whether it is known to be a reaction to the drug."""

    drug: str
    outcome: str
    positive: bool


def read_controls(path: Path) -> list[Control]:
    """The pairs of a reference set. Raises AdrwatchError naming the line that cannot be."""
    found = []
    for line, row in _rows(path, _COLUMNS):
        drug, outcome, truth = (" ".join(row[name].split()) for name in _COLUMNS)
        if truth not in ("0", "1") or not drug or not outcome:
            raise AdrwatchError(
                f"{path}, line {line}: no control", fix="give a drug, an outcome and groundTruth 0 or 1"
            )
        found.append(Control(drug.lower(), outcome, truth == "1"))
    if len({control.positive for control in found}) < 2:
        raise AdrwatchError(f"{path} has no positive or no negative controls", fix="give both")
    return found


def read_terms(path: Path) -> dict[str, str]:
    """Reaction, lower case → the outcome that it counts as: CSV, columns outcome and reaction."""
    return {row["reaction"].strip().lower(): row["outcome"].strip() for _, row in _rows(path, ("outcome", "reaction"))}


def by_outcome(
    reports: Reports, controls: Sequence[Control], terms: Mapping[str, str], lexicon: DrugLexicon
) -> Reports:
    """The same reports with the drugs of the controls under the controls' names, and reactions under their outcomes.

    Everything else stays as it is: it is the background.
    """
    wanted = {_ingredient(control.drug, lexicon): control.drug for control in controls}
    outcomes = {control.outcome.lower(): control.outcome for control in controls} | dict(terms)
    drugs = [wanted.get(_ingredient(drug, lexicon), drug) for drug in reports.drugs]
    reactions = [outcomes.get(reaction.strip().lower(), reaction) for reaction in reports.reactions]
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


def judge(table: MeasuredTable, controls: Sequence[Control], rules: Rules) -> Judged:
    """What each measure and each rule says of each control. Who is never reported, or has no such measure, is no signal."""
    drugs = {drug: code for code, drug in enumerate(table.pairs.drugs)}
    reactions = {reaction: code for code, reaction in enumerate(table.pairs.reactions)}
    places = {
        pair: i for i, pair in enumerate(zip(table.pairs.drug.tolist(), table.pairs.reaction.tolist(), strict=True))
    }
    at = np.array([places.get((drugs.get(c.drug, -1), reactions.get(c.outcome, -1)), -1) for c in controls])
    reported = at >= 0
    scores, flags = {}, {}
    for name in SCORES:
        values = np.full(len(controls), -np.inf)
        values[reported] = np.nan_to_num(np.asarray(table.columns[name], dtype=np.float64)[at[reported]], nan=-np.inf)
        scores[name] = values
    for name, criterion in CRITERIA.items():
        fires = np.zeros(len(controls), dtype=np.bool_)
        fires[reported] = criterion(table.columns, rules).fires[at[reported]]
        flags[name] = fires
    return Judged(np.array([int(control.positive) for control in controls]), reported, scores, flags)


def _ingredient(name: str, lexicon: DrugLexicon) -> str:
    concept = lexicon.concept(name.strip().lower())
    return name.strip().lower() if concept is None else concept.id


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
