"""Rules over tables of many pairs: each threshold decides, and an absent measure abstains."""

from __future__ import annotations

import numpy as np
import pytest

from shared.signals.criteria import CRITERIA
from tests.unit.signals.signal_rows import rules_with

ROW = {"a": 4, "expected": 1.0, "q_lower": 0.2, "eb05": 2.1, "ebgm": 3.0, "chi2_fdr": 0.02, "llr_p": 0.03}
# Of each threshold: the rule that reads it, the value that just lets the row pass, and the next that does not.
EDGES = {
    "q.lower": ("q", 0.199, 0.2),
    "eb05.lower": ("eb05", 2.1, 2.11),
    "mhra.ebgm": ("mhra", 3.0, 3.01),
    "mhra.eb05": ("mhra", 2.1, 2.11),
    "mhra.reports": ("mhra", 4, 5),
    "chi2.rate": ("chi2", 0.021, 0.02),
    "chi2.reports": ("chi2", 4, 5),
    "llr.p": ("llr", 0.031, 0.03),
}


def columns(**changed: float) -> dict[str, np.ndarray]:
    return {name: np.array([value]) for name, value in (ROW | changed).items()}


@pytest.mark.parametrize("key", EDGES)
def test_each_threshold_of_tables_decides(key):
    rule, passes, fails = EDGES[key]
    name = key.replace(".", "__")
    assert CRITERIA[rule](columns(), rules_with(**{name: passes})).fires.tolist() == [True]
    assert CRITERIA[rule](columns(), rules_with(**{name: fails})).fires.tolist() == [False]


@pytest.mark.parametrize(
    ("rule", "measure"), [("q", "q_lower"), ("eb05", "eb05"), ("mhra", "ebgm"), ("chi2", "chi2_fdr"), ("llr", "llr_p")]
)
def test_a_rule_without_its_measure_abstains(rule, measure):
    verdict = CRITERIA[rule](columns(**{measure: np.nan}), rules_with())
    assert (verdict.fires.tolist(), verdict.abstains.tolist()) == ([False], [True])


def test_fewer_reports_than_expected_are_no_excess_however_significant():
    assert not CRITERIA["chi2"](columns(expected=9.0), rules_with()).fires[0]


def test_one_report_of_a_rare_drug_and_a_rare_reaction_is_no_signal_by_chi_squared():
    assert not CRITERIA["chi2"](columns(a=1, expected=0.0001, chi2_fdr=1e-9), rules_with()).fires[0]
