"""Each rule's value decides: with the value changed, the outcome changes."""

import numpy as np
import pytest

from shared.events import Table
from shared.signals.episodes import record
from shared.signals.findings import evaluate, look_at
from shared.signals.measures import chi2_yates, ic, prr, ror
from tests.unit.signals.signal_rows import HOUR, background, ledger_of, row, rules_with

PAIR = ("d1", "r1")
END = 24 * HOUR


def world(reports=4, anonymous=False):
    """Reports of the pair in the last hour by as many authors, before a background of other pairs."""
    others = (
        background(60, drug="d2", reaction="r2") + background(4, HOUR, "d1", "r2") + background(3, HOUR, "d2", "r1")
    )
    last = [
        row(f"p{i}", END - 1000 + i, PAIR, author=None if anonymous else f"a{i}", fingerprint=f"f{i}")
        for i in range(reports)
    ]
    return ledger_of(others + last)


def raised(rules, ledger=None, end=END):
    return evaluate(ledger or world(), end, rules, lambda drug: True)


def measured(table):
    return tuple(np.array([count]) for count in (table.a, table.b, table.c, table.d))


def test_the_pair_of_this_world_raises_by_the_shipped_rules():
    [finding] = raised(rules_with())
    assert (finding.drug, finding.reaction) == PAIR
    assert finding.table == Table(4, 4, 3, 60)
    assert finding.rules == ("evans", "ror", "ic025")
    assert finding.authors == 4
    assert finding.window_hours == 2160


TABLE = measured(Table(4, 4, 3, 60))
THRESHOLDS = {
    "evans.prr": float(prr(*TABLE).value[0]),
    "evans.chi2": float(chi2_yates(*TABLE)[0]),
    "evans.reports": 4,
    "ror.lower": float(ror(*TABLE).lower[0]),
    "ror.reports": 4,
    "ic025.lower": float(ic(*TABLE).lower[0]),
    "policy.authors": 4,
}
# Those that must be exceeded; the others may be met.
ABOVE = {"ror.lower", "ic025.lower"}


@pytest.mark.parametrize("key", THRESHOLDS)
def test_each_threshold_decides(key):
    value, name = THRESHOLDS[key], key.replace(".", "__")
    step = 1 if isinstance(value, int) else 1e-9
    passes, fails = (value - step, value) if key in ABOVE else (value, value + step)
    assert len(raised(rules_with(**{name: passes}))) == 1
    assert raised(rules_with(**{name: fails})) == []


def test_only_the_rules_of_the_policy_decide():
    unmet = {"ic025__lower": 9.0}
    [finding] = raised(rules_with(policy__rules=["ror", "q"], **unmet))
    assert finding.rules == ("ror", "q")
    assert raised(rules_with(policy__rules=["ic025"], **unmet)) == []


def test_the_policy_decides_between_all_and_any():
    unmet = {"ic025__lower": 9.0}
    assert raised(rules_with(**unmet)) == []
    [finding] = raised(rules_with(policy__raise_when="any", **unmet))
    assert finding.rules == ("evans", "ror")


def test_a_rule_whose_measure_is_absent_abstains():
    ledger = ledger_of(background(400) + [row(f"p{i}", END - 1000 + i, PAIR, author=f"a{i}") for i in range(4)])
    [finding] = raised(rules_with(), ledger)
    assert finding.rules == ("ic025",)
    assert finding.measures()["prr"].value is None
    assert raised(rules_with(ic025__lower=9.0), ledger) == []


def test_a_bucket_has_the_length_of_its_rule():
    ledger = ledger_of([*background(400), *[row(f"p{i}", END - 5 * HOUR + i, PAIR, author=f"a{i}") for i in range(4)]])
    assert raised(rules_with(), ledger) == []
    rules = rules_with(time__bucket_hours=6)
    assert rules.time.bucket_ms == 6 * HOUR
    assert len(raised(rules, ledger)) == 1


def test_only_windows_of_the_rule_are_evaluated():
    reports = [row(f"p{i}", END - i * 20 * HOUR - 1, PAIR, author=f"a{i}") for i in range(4)]
    ledger = ledger_of([*background(400, at=END - HOUR), *reports])
    [finding] = raised(rules_with(), ledger)
    assert finding.window_hours == 2160
    assert raised(rules_with(time__windows_hours=[24]), ledger) == []


def test_posts_without_author_count_as_the_rule_says():
    ledger = world(anonymous=True)
    [finding] = raised(rules_with(), ledger)
    assert finding.authors == 4
    assert raised(rules_with(counting__posts_without_author="none"), ledger) == []


def test_an_alert_carries_as_many_examples_as_the_rule_says():
    [finding] = raised(rules_with(counting__examples=2))
    assert finding.examples == ("p3", "p2")


def test_a_suppressed_pair_counts_and_does_not_raise():
    pair = {"drug": "d1", "reaction": "r1", "reason": "in the label"}
    assert raised(rules_with(suppression__pairs=[pair])) == []


def test_a_reaction_that_is_not_mapped_counts_and_does_not_raise():
    unmapped = [row(f"p{i}", END - 1000 + i, ("d1", "unmapped"), author=f"a{i}") for i in range(4)]
    ledger = ledger_of([*background(60), *unmapped])
    assert raised(rules_with(), ledger) == []
    assert ledger.window(0, END).total == 64
    assert look_at(ledger, "d1", "unmapped", END, 24, rules_with()).table == Table(4, 0, 0, 60)


def test_only_drugs_that_are_owned_are_evaluated():
    assert evaluate(world(), END, rules_with(), lambda drug: drug != "d1") == []


def test_a_pair_without_a_report_in_the_closed_bucket_is_not_evaluated():
    assert raised(rules_with(), end=END + HOUR) == []


def finding_at(hour, count):
    ledger = ledger_of(
        [*background(4000), *[row(f"p{i}", hour * HOUR + i, PAIR, author=f"a{i}") for i in range(count)]]
    )
    [finding] = evaluate(ledger, (hour + 1) * HOUR, rules_with(time__windows_hours=[2160]), lambda drug: drug == "d1")
    return finding


def test_the_cool_down_parts_episodes():
    rules = rules_with(policy__cool_down_hours=10)
    episodes, first = record((), finding_at(20, 4), {}, rules)
    episodes, within = record(episodes, finding_at(30, 4), {}, rules)
    assert within is None
    episodes, later = record(episodes, finding_at(41, 4), {}, rules)
    assert len(episodes) == 2
    assert later.id != first.id
    [still_one] = record(episodes[:1], finding_at(41, 4), {}, rules_with(policy__cool_down_hours=11))[0]
    assert still_one.alert.id == first.id


def test_an_episode_is_published_again_when_its_count_has_grown_by_the_factor():
    rules = rules_with(policy__escalation_factor=1.5)
    episodes, first = record((), finding_at(20, 4), {}, rules)
    episodes, nothing = record(episodes, finding_at(21, 5), {}, rules)
    assert nothing is None
    episodes, escalated = record(episodes, finding_at(22, 6), {}, rules)
    assert (escalated.id, escalated.episode, escalated.table.a) == (first.id, first.episode, 6)
    assert record(episodes[:1], finding_at(23, 8), {}, rules)[1] is None
