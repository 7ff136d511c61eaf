"""Which two drugs go with a reaction more than each by itself: Omega, and support, confidence and lift of the rule. Pure.

The rule is "reports of both drugs name the reaction". With two drugs the counts of all rules are few enough to be taken at once, so
that no candidates have to be generated first, as Apriori and FP-growth do for sets of any size.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from shared.signals.counts import Reports
from shared.signals.interaction import expected_together, omega
from shared.signals.measures import Counts, Floats, divide

# A report with more drugs than this says little of any two of them, and would have too many pairs.
MOST_DRUGS = 20


@dataclass(frozen=True)
class Together:
    """Triples of two drugs and a reaction, by name, with columns; `skipped` reports named more than `MOST_DRUGS` drugs."""

    names: Sequence[tuple[str, str, str]]
    columns: dict[str, Counts | Floats]
    skipped: int


def together(reports: Reports, least: int = 3) -> Together:
    """All triples that at least `least` distinct reports name, ordered by the lower bound of Omega, greatest first.

    A reaction is taken to be reported with every drug of its report: the pairs that a report asserts say which drug is held to
    account, and here that is the question.
    """
    drugs, reactions = _sets(reports.report, reports.drug), _sets(reports.report, reports.reaction)
    both: Counter[tuple[int, int]] = Counter()
    triples: Counter[tuple[int, int, int]] = Counter()
    of_drug: Counter[int] = Counter()
    of_reaction: Counter[int] = Counter()
    single: Counter[tuple[int, int]] = Counter()
    skipped = 0
    for report, named in drugs.items():
        of_drug.update(named)
        of_reaction.update(reactions[report])
        single.update((drug, reaction) for drug in named for reaction in reactions[report])
        if len(named) > MOST_DRUGS:
            skipped += 1
            continue
        for one, other in combinations(named, 2):
            both[one, other] += 1
            triples.update((one, other, reaction) for reaction in reactions[report])
    kept = [(triple, n) for triple, n in triples.items() if n >= least]
    total = len(drugs)
    rows = np.array(
        [
            (n, both[a, b], single[a, r], of_drug[a], single[b, r], of_drug[b], of_reaction[r])
            for (a, b, r), n in kept
        ],
        dtype=np.int64,
    ).reshape(-1, 7)  # fmt: skip
    n11r, n11, n1r, n1, n2r, n2, nr = rows.T
    with_reaction = (nr - n1r - n2r + n11r, n1r - n11r, n2r - n11r, n11r)
    all_ = (total - n1 - n2 + n11, n1 - n11, n2 - n11, n11)
    measured = omega(with_reaction, all_)
    order = np.argsort(-np.where(np.isnan(measured.lower), -np.inf, measured.lower), kind="stable")
    confidence = divide(n11r, n11)
    columns: dict[str, Counts | Floats] = {
        "n": n11r, "both": n11, "expected": expected_together(with_reaction, all_),
        "omega": measured.value, "omega025": measured.lower, "omega975": measured.upper,
        "support": n11r / max(total, 1), "confidence": confidence, "lift": divide(confidence * total, nr),
    }  # fmt: skip
    names = [(reports.drugs[a], reports.drugs[b], reports.reactions[r]) for (a, b, r), _ in kept]
    return Together([names[i] for i in order.tolist()], {k: v[order] for k, v in columns.items()}, skipped)


def _sets(report: Counts, code: Counts) -> dict[int, list[int]]:
    """The distinct codes of each report, ascending."""
    found: dict[int, list[int]] = {}
    for one, other in np.unique(np.stack([report, code]), axis=1).T.tolist():
        found.setdefault(one, []).append(other)
    return found
