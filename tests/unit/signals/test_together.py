"""Rules of two drugs and a reaction against a count by the definition's own words, and what must not change them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.signals.counts import Reports
from shared.signals.together import Together, together

DRUGS, REACTIONS = list("uvwx"), ["cough", "itch", "rash"]

rows = st.lists(st.tuples(st.integers(0, 14), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=60)


def reports_of(some, drugs=DRUGS, reactions=REACTIONS) -> Reports:
    return Reports(drugs, reactions, *np.array(some, dtype=np.int64).T)


def by_name(found: Together) -> dict[tuple, dict[str, float]]:
    """Each triple's columns, by its names, the two drugs in any order."""
    return {
        (frozenset(names[:2]), names[2]): {column: float(values[i]) for column, values in found.columns.items()}
        for i, names in enumerate(found.names)
    }


@settings(max_examples=60)
@given(rows)
def test_counts_are_those_of_the_definition(some):
    named = {report: (set(), set()) for report, *_ in some}
    for report, drug, reaction in some:
        named[report][0].add(DRUGS[drug])
        named[report][1].add(REACTIONS[reaction])
    found = by_name(together(reports_of(some), least=1))
    expected = {}
    for one, other in combinations(DRUGS, 2):
        both = [reactions for drugs, reactions in named.values() if {one, other} <= drugs]
        for reaction in REACTIONS:
            n = sum(reaction in reactions for reactions in both)
            if n:
                everywhere = sum(reaction in reactions for _, reactions in named.values())
                expected[frozenset((one, other)), reaction] = (
                    n, len(both), n / len(named), n / len(both), n / len(both) * len(named) / everywhere,
                )  # fmt: skip
    columns = ("n", "both", "support", "confidence", "lift")
    assert {key: tuple(row[name] for name in columns) for key, row in found.items()} == {
        key: pytest.approx(values) for key, values in expected.items()
    }
    for row in found.values():
        assert 0 < row["support"] <= row["confidence"] <= 1


@settings(max_examples=60)
@given(rows, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_and_of_the_names_does_not_matter(some, random):
    one = by_name(together(reports_of(some), least=1))
    turned = [(14 - report, 3 - drug, 2 - reaction) for report, drug, reaction in random.sample(some, len(some))]
    other = by_name(together(reports_of(turned, DRUGS[::-1], REACTIONS[::-1]), least=1))
    assert one.keys() == other.keys()
    for key, row in one.items():
        assert row == pytest.approx(other[key], nan_ok=True)


@settings(max_examples=40)
@given(rows, st.integers(1, 4))
def test_a_higher_least_number_only_leaves_triples_out(some, least):
    every = by_name(together(reports_of(some), least=1))
    assert by_name(together(reports_of(some), least=least)) == {
        key: pytest.approx(row, nan_ok=True) for key, row in every.items() if row["n"] >= least
    }
