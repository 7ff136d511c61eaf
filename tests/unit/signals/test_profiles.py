"""Groups of drugs with the same reactions: what is compared, in which order, and in how much memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from shared.errors import AdrwatchError
from shared.signals import profiles
from shared.signals.counts import Pairs, Reports, count
from shared.signals.measures import expected


def pairs_of(a: np.ndarray, total: int) -> Pairs:
    """All pairs with a report, from counts [drugs, reactions] of reports that name one of each."""
    drug, reaction = np.nonzero(a)
    n = a[drug, reaction]
    of_drug, of_reaction = a.sum(axis=1)[drug], a.sum(axis=0)[reaction]
    cells = (n, of_drug - n, of_reaction - n, total - of_drug - of_reaction + n)
    names = ([f"{kind}{i}" for i in range(size)] for kind, size in zip("dr", a.shape, strict=True))
    return Pairs(*names, drug, reaction, *cells, expected(*cells))


def test_cosine_and_shared_reactions_are_those_of_the_profiles():
    a = np.array([[40, 40, 0, 0], [30, 60, 0, 0], [0, 0, 50, 5], [10, 10, 10, 60]])
    pairs = pairs_of(a, int(a.sum()))
    [found] = profiles.groups(pairs, 10, 0.6)
    information = np.maximum(np.log2((a + 0.5) / (np.outer(a.sum(1), a.sum(0)) / a.sum() + 0.5)), 0) * (a > 0)
    one, other = information[:2]
    assert found.drugs == ("d0", "d1")
    assert found.likeness == pytest.approx(one @ other / np.sqrt((one @ one) * (other @ other)), abs=1e-4)
    assert found.shared == tuple(f"r{i}" for i in np.argsort(-np.minimum(one, other))[:2])


def test_drugs_of_few_reports_and_those_without_a_profile_are_left_out():
    a = np.array([[40, 0, 20], [40, 0, 20], [4, 0, 2], [10, 30, 10]])
    assert [group.drugs for group in profiles.groups(pairs_of(a, 300), 10, 0.6)] == [("d0", "d1")]
    assert list(profiles.groups(pairs_of(a[:1], 300), 10, 0.6)) == []


def test_the_order_of_the_rows_does_not_matter():
    generator = np.random.default_rng(4)
    drug, reaction = generator.integers(0, 12, 600), generator.integers(0, 9, 600)
    names = [[f"{kind}{i}" for i in range(size)] for kind, size in (("d", 12), ("r", 9))]
    order = generator.permutation(600)
    one = count(Reports(*names, np.arange(600), drug, reaction))
    other = count(Reports(*names, order, drug[order], reaction[order]))
    assert list(profiles.groups(one, 5, 0.2)) == list(profiles.groups(other, 5, 0.2)) != []


def test_memory_goes_by_the_drugs_that_are_compared_and_not_by_all_drugs_times_all_reactions():
    rare = np.arange(3_000)
    frequent = np.repeat([[3_000, 0], [3_001, 1]], 60, axis=0).T
    drug, reaction = (np.concatenate([rare, part]) for part in (frequent[0], frequent[1]))
    report = np.arange(len(drug))
    twin = np.full(60, 3_002), np.zeros(60, dtype=np.int64), report[-1] + 1 + np.arange(60)
    names = [f"n{i}" for i in range(3_003)]
    pairs = count(
        Reports(
            names,
            names,
            *(np.concatenate(parts) for parts in ((report, twin[2]), (drug, twin[0]), (reaction, twin[1]))),
        )
    )
    tracemalloc.start()
    try:
        [found] = profiles.groups(pairs, 50, 0.6)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.drugs == ("n3000", "n3002")
    # 3,003 drugs by 3,003 reactions would be 72 MB.
    assert peak < 5e6


def test_more_drugs_than_can_be_compared_are_refused(monkeypatch):
    monkeypatch.setattr(profiles, "MOST_DRUGS", 2)
    a = np.array([[40, 0, 20], [40, 0, 20], [0, 30, 10]])
    with pytest.raises(AdrwatchError, match="3 drugs have 10 reports") as caught:
        profiles.groups(pairs_of(a, 300), 10, 0.6)
    assert "--least" in caught.value.fix
