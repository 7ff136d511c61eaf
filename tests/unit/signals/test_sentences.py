"""Measures in sentences."""

from __future__ import annotations

from shared.events import Measure, Table
from shared.signals.rules import shipped
from shared.signals.sentences import said, thresholds
from shared.signals.wording import NAMES

TABLE = Table(8, 12, 30, 3000)


def sentence(name: str, measure: Measure) -> str:
    return next(one.sentence for one in said({name: measure}, TABLE, "metformin", "Vomiting") if one.key == name)


def test_a_ratio_is_told_with_what_it_compares() -> None:
    assert sentence("prr", Measure(12.1, 5.0, 29.0)) == (
        "Vomiting makes up 12.1 times as large a share of the reports of metformin as of those of other drugs;"
        " the whole interval lies above chance."
    )


def test_an_interval_that_takes_in_chance_says_so() -> None:
    assert "may be no more than that" in sentence("ror", Measure(1.5, 0.8, 2.9))
    assert "below chance" in sentence("ic", Measure(-2.0, -3.0, -1.0))


def test_the_information_component_is_told_as_a_ratio() -> None:
    assert "reported together 8.00 times as often" in sentence("ic", Measure(3.0, 2.0, 4.0))


def test_every_measure_that_an_alert_can_carry_is_told_and_explained_when_it_is_absent() -> None:
    there = said({name: Measure(0.5, 0.2, 0.9) for name in NAMES}, TABLE, "a", "b")
    assert {one.key for one in there} == set(NAMES)
    assert all(one.sentence and not one.absent for one in there)
    gone = said({}, TABLE, "a", "b")
    assert all(one.absent and one.value == "–" and one.sentence for one in gone)


def test_small_chances_are_no_zeros() -> None:
    assert "less than 0.1 %" in sentence("llr_p", Measure(0.00001))
    assert "2.5 %" in sentence("chi2_fdr", Measure(0.025))


def test_thresholds_are_those_of_the_rules_that_fired() -> None:
    found = thresholds(("evans",), shipped())
    assert [(one.key, one.value) for one in found] == [("evans.prr", 2.0), ("evans.chi2", 4.0), ("evans.reports", 3)]
    assert thresholds((), shipped()) == []
