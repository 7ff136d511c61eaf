"""From rows of reports to tables: distinct reports, strata, and a drug taken out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.signals.counts import Pairs, Reports, count
from shared.signals.measures import poisson_llr
from shared.signals.table import measure


def reports(*rows: tuple[str, str, str], strata: dict[str, int] | None = None) -> Reports:
    names, drugs, reactions = (list(dict.fromkeys(column)) for column in zip(*rows, strict=True))
    codes = [
        np.array([known.index(value) for value in column])
        for known, column in zip((names, drugs, reactions), zip(*rows, strict=True), strict=True)
    ]
    stratum = None if strata is None else np.array([strata[row[0]] for row in rows])
    return Reports(drugs, reactions, *codes, stratum)


def tables(pairs: Pairs) -> dict[tuple[str, str], tuple[int, int, int, int]]:
    cells = zip(
        *(column.tolist() for column in (pairs.drug, pairs.reaction, pairs.a, pairs.b, pairs.c, pairs.d)), strict=True
    )
    return {(pairs.drugs[d], pairs.reactions[r]): tuple(counts) for d, r, *counts in cells}


ROWS = (
    ("1", "x", "rash"),
    ("1", "x", "rash"),
    ("1", "y", "rash"),
    ("1", "x", "pain"),
    ("2", "x", "pain"),
    ("3", "y", "itch"),
)


def test_a_report_counts_once_whatever_its_rows():
    assert tables(count(reports(*ROWS))) == {
        ("x", "rash"): (1, 1, 0, 1),
        ("y", "rash"): (1, 1, 0, 1),
        ("x", "pain"): (2, 0, 0, 1),
        ("y", "itch"): (1, 1, 0, 1),
    }


rows = st.lists(
    st.tuples(
        st.sampled_from("12345678"), st.sampled_from("uvwxyz"), st.sampled_from(["rash", "pain", "itch", "cough"])
    ),
    min_size=1,
    max_size=60,
)


@given(rows, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(some, random):
    turned = random.sample(some, len(some))
    assert tables(count(reports(*some))) == tables(count(reports(*turned)))


@given(rows)
def test_tables_add_up_to_the_reports_and_hold_each_report_once(some):
    pairs = count(reports(*some))
    total = len({row[0] for row in some})
    for (drug, reaction), (a, b, c, d) in tables(pairs).items():
        assert a + b + c + d == total
        assert min(a, b, c) >= 0
        of_drug, of_reaction = ({row[0] for row in some if row[at] == name} for at, name in ((1, drug), (2, reaction)))
        assert (a + b, a + c) == (len(of_drug), len(of_reaction))
        assert a == len({row[0] for row in some if row[1:] == (drug, reaction)})


@given(rows)
def test_one_stratum_changes_nothing(some):
    plain, one = count(reports(*some)), count(reports(*some, strata={str(i): 0 for i in range(1, 9)}))
    np.testing.assert_allclose(one.expected, plain.expected)


def test_strata_take_out_what_only_a_season_shares():
    # Drug and reaction both belong to summer: within summer and within winter they have nothing to do with each other.
    rows, strata = [], {}
    for season, share in ((0, 8), (1, 2)):
        for i in range(100):
            name = f"{season}-{i}"
            strata[name] = season
            rows.append((name, "sunscreen" if i % 10 < share else "other", "rash" if i // 10 < share else "cough"))
    pairs = count(reports(*rows, strata=strata))
    at = tables(pairs).keys()
    place = list(at).index(("sunscreen", "rash"))
    assert pairs.a[place] == 68
    assert pairs.expected[place] == pytest.approx(68.0)
    assert count(reports(*rows)).expected[place] == pytest.approx(50.0)


def test_without_the_drug_that_dominates_a_reaction_another_one_is_unmasked():
    rows = [(f"m{i}", "masker", "bleeding") for i in range(90)] + [(f"o{i}", "other", "cough") for i in range(300)]
    rows += [(f"h{i}", "hidden", "bleeding") for i in range(4)] + [(f"k{i}", "hidden", "cough") for i in range(12)]
    all_reports = reports(*rows)

    def prr(of: Reports) -> float:
        table = measure(count(of))
        found = list(tables(table.pairs)).index(("hidden", "bleeding"))
        return float(np.nan_to_num(table.columns["prr"][found], nan=np.inf))

    assert prr(all_reports) < 2
    assert prr(all_reports.without("masker")) > 2
    with pytest.raises(KeyError):
        all_reports.without("nobody")


def test_a_table_that_cannot_be_has_no_measure_over_it():
    # The first report names u and rash, but not that one caused the other.
    table = measure(count(reports(("1", "u", "pain"), ("1", "v", "rash"), ("2", "u", "rash"))))
    place = list(tables(table.pairs)).index(("u", "rash"))
    assert table.pairs.d[place] == -1
    for name in ("prr", "ror", "q", "chi2", "chi2_yates", "chi2_p", "chi2_fdr"):
        assert np.isnan(table.columns[name][place])
    assert np.isfinite(table.columns["ic"]).all()


def test_a_table_with_one_drug_only_has_no_ratio_and_no_infinity():
    table = measure(count(reports(("1", "x", "rash"), ("2", "x", "pain"))))
    assert np.isnan(table.columns["prr"]).all()
    assert not any(np.isinf(values).any() for values in table.columns.values())
    assert table.fit is None or not table.fit.trustworthy or np.isfinite(table.columns["ebgm"]).all()


@settings(max_examples=40)
@given(rows)
def test_no_table_gives_infinity(some):
    columns = measure(count(reports(*some))).columns
    assert not any(np.isinf(values).any() for values in columns.values())


@settings(max_examples=25)
@given(rows)
def test_one_stratum_leaves_every_measure_as_it_is(some):
    plain = measure(count(reports(*some))).columns
    one = measure(count(reports(*some, strata={str(i): 0 for i in range(1, 9)}))).columns
    for name, column in plain.items():
        np.testing.assert_allclose(one[name], column, rtol=1e-6, err_msg=name)


def test_strata_of_the_same_reports_leave_the_likelihood_ratio_and_its_p_value_as_they_are():
    twice = [(f"{half}{report}", drug, reaction) for half in "12" for report, drug, reaction in ROWS]
    plain = measure(count(reports(*twice))).columns
    halves = measure(count(reports(*twice, strata={row[0]: int(row[0][0]) for row in twice}))).columns
    for name in ("expected", "llr", "llr_p"):
        np.testing.assert_allclose(halves[name], plain[name], rtol=1e-9)


def test_the_p_value_of_the_likelihood_ratio_is_over_the_expectations_that_the_ratio_is_over():
    # Ten strata with drugs and reactions of their own, which have something to do with each other in one of them.
    rows = []
    for stratum in range(10):
        both = 14 if stratum == 0 else 8
        for i, (drug, reaction) in enumerate(["xa"] * both + ["xb", "ya"] * (15 - both) + ["yb"] * both):
            rows.append((f"{stratum}-{i}", f"{drug}{stratum}", f"{reaction}{stratum}"))
    table = measure(count(reports(*rows, strata={row[0]: int(row[0][0]) for row in rows})))
    expected = table.columns["expected"]
    counts = np.random.default_rng(1).poisson(expected, (20_000, len(expected)))
    greatest = poisson_llr(counts, np.broadcast_to(expected, counts.shape)).max(axis=1)
    assert table.columns["llr"].max() > 2
    for llr, p in zip(table.columns["llr"], table.columns["llr_p"], strict=True):
        at_most = (greatest >= llr).mean()
        # p is rounded up to one of a few dozen values.
        assert at_most - 0.02 <= p <= at_most + 0.1


def test_without_any_report_there_is_no_pair_and_no_measure():
    nothing = reports(*ROWS, strata={"1": 0, "2": 1, "3": 0}).where(np.zeros(len(ROWS), dtype=bool))
    for empty in (nothing, replace(nothing, stratum=None)):
        table = measure(count(empty))
        assert (len(table.pairs), table.pairs.total) == (0, 0)
        assert all(len(column) == 0 for column in table.columns.values())
