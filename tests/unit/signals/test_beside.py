"""What sources say together: against published figures, and against what one source or strata say already."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.signals.sides import Rule
from shared.settings import Settings
from shared.signals import measures
from shared.signals.beside import COMBINED, RULES, Source, beside, pooled_ror
from shared.signals.counts import Reports, count
from shared.signals.rules import load_rules
from shared.signals.table import measure

RULE_FILE = load_rules(Settings().rules_file)
# Admission by sex in six departments (Bickel, Hammel, O'Connell 1975), as R ships it.
BERKELEY = (
    (512, 313, 89, 19), (353, 207, 17, 8), (120, 205, 202, 391), (138, 279, 131, 244), (53, 138, 94, 299), (22, 351, 24, 317),
)  # fmt: skip


def test_the_pooled_odds_ratio_is_that_of_a_published_example():
    found = pooled_ror([tuple(np.array([cell]) for cell in table) for table in BERKELEY])
    # mantelhaen.test(UCBAdmissions) of R.
    assert found.value[0] == pytest.approx(0.9046968, rel=1e-6)
    assert (found.lower[0], found.upper[0]) == pytest.approx((0.7719074, 1.0603298), rel=1e-6)


cells = st.tuples(*[st.integers(0, 500)] * 4)


@given(cells)
def test_one_table_by_itself_has_its_own_odds_ratio(table):
    a, b, c, d = (np.array([cell]) for cell in table)
    found, own = pooled_ror([(a, b, c, d)]), measures.ror(a, b, c, d)
    np.testing.assert_allclose(
        [found.value, found.lower, found.upper], [own.value, own.lower, own.upper], rtol=1e-9, equal_nan=True
    )


@given(cells)
def test_a_table_without_reports_changes_nothing(table):
    one = tuple(np.array([cell]) for cell in table)
    none = (np.zeros(1, dtype=np.int64),) * 4
    np.testing.assert_allclose(pooled_ror([one, none]).value, pooled_ror([one]).value, equal_nan=True)


def reports(generator: np.random.Generator, number: int, odds: list[float], first: int = 0) -> tuple[np.ndarray, ...]:
    report = np.repeat(np.arange(first, first + number), 2)
    return report, generator.choice(4, len(report), p=odds), generator.choice(5, len(report))


def sources_of(*parts: tuple[np.ndarray, ...]) -> tuple[list[Source], np.ndarray, np.ndarray]:
    """Each part's counts of the pairs that any part has."""
    drug, reaction = np.divmod(np.unique(np.concatenate([d * 5 + r for _, d, r in parts])), 5)
    found = []
    for number, (report, drugs, reactions) in enumerate(parts):

        def of(mask: np.ndarray, report: np.ndarray = report) -> int:
            return len(np.unique(report[mask]))

        found.append(
            Source(
                f"s{number}", len(np.unique(report)),
                np.array([of((drugs == d) & (reactions == r)) for d, r in zip(drug, reaction, strict=True)]),
                np.array([of(drugs == d) for d in drug]), np.array([of(reactions == r) for r in reaction]),
            )
        )  # fmt: skip
    return found, drug, reaction


def test_combined_is_what_strata_expect_and_each_source_what_its_own_table_says():
    generator = np.random.default_rng(3)
    one = reports(generator, 150, [0.7, 0.1, 0.1, 0.1])
    # The second source lacks a drug.
    other = reports(generator, 250, [0.1, 0.2, 0.7, 0.0], first=1000)
    sources, drug, reaction = sources_of(one, other)
    found = beside(sources, drug, reaction, RULE_FILE, "ic025").columns
    names = [[str(i) for i in range(n)] for n in (4, 5)]
    stacked = Reports(*names, *(np.concatenate(each) for each in zip(one, other, strict=True)))
    stratum = (stacked.report >= 1000).astype(np.int64)
    together = measure(count(Reports(*names, stacked.report, stacked.drug, stacked.reaction, stratum)))
    for column in (
        "a",
        "b",
        "c",
        "d",
        "expected",
        "rrr",
        "ic",
        "ic025",
        "ic975",
        "llr",
        "llr_p",
        "ebgm",
        "eb05",
        "eb95",
    ):
        np.testing.assert_allclose(found[f"{COMBINED}_{column}"], together.columns[column], err_msg=column)
    for source, part in zip(sources, (one, other), strict=True):
        own = measure(count(Reports(*names, *part)))
        had = source.a > 0
        for column, values in own.columns.items():
            np.testing.assert_allclose(found[f"{source.name}_{column}"][had], values, err_msg=column)


def test_what_a_source_lacks_is_absent_and_what_it_could_have_is_few():
    sources = [
        Source("knows", 1000, np.array([0, 4]), np.array([100, 40]), np.array([200, 20])),
        Source("lacks", 500, np.array([3, 0]), np.array([10, 0]), np.array([30, 5])),
    ]
    found = beside(sources, np.array([0, 1]), np.array([0, 1]), RULE_FILE, "ic025")
    # Twenty were expected and none came: the IC says so, ratios with their logarithm of 0 do not.
    assert found.columns["knows_ic975"][0] < 0
    assert np.isnan(found.columns["knows_prr"][0])
    # A drug that the source does not know.
    assert np.isnan(found.columns["lacks_ic"][1])
    assert (found.columns["lacks_a"][1], found.columns["lacks_expected"][1]) == (0, 0)
    assert found.columns["combined_expected"][1] == found.columns["knows_expected"][1]


def test_the_command_line_offers_the_rules_that_a_combination_has():
    assert tuple(rule.value for rule in Rule) == RULES
    assert Path(Settings().rules_file).is_file()
