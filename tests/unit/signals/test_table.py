"""All measures of a table: what must not change them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from shared.signals.counts import Pairs, Reports, count
from shared.signals.table import measure

DRUGS, REACTIONS = 60, 40


def some_pairs() -> Pairs:
    """Pairs of 6,000 reports: most go together a little more or less than by chance, some much more."""
    generator = np.random.default_rng(12)
    ratio = generator.gamma(3.0, 1 / 3, (DRUGS, REACTIONS))
    ratio[generator.random(ratio.shape) < 0.05] *= 8
    weights = ratio * generator.pareto(1.5, (DRUGS, 1)) * generator.pareto(1.5, (1, REACTIONS))
    drug, reaction = np.divmod(generator.choice(weights.size, 6_000, p=(weights / weights.sum()).ravel()), REACTIONS)
    names = [[f"{kind}{i}" for i in range(size)] for kind, size in (("d", DRUGS), ("r", REACTIONS))]
    return count(Reports(*names, np.arange(6_000), drug, reaction))


def test_the_order_of_the_pairs_does_not_matter_to_any_measure():
    pairs = some_pairs()
    order = np.random.default_rng(1).permutation(len(pairs))
    turned = replace(
        pairs, **{name: getattr(pairs, name)[order] for name in ("drug", "reaction", "a", "b", "c", "d", "expected")}
    )
    one, other = measure(pairs), measure(turned)
    assert one.fit.trustworthy
    for name, column in one.columns.items():
        np.testing.assert_allclose(column[order], other.columns[name], rtol=1e-3, err_msg=name)


def test_the_names_of_drugs_and_reactions_do_not_matter_to_any_measure():
    pairs = some_pairs()
    drugs, reactions = (np.random.default_rng(2).permutation(size) for size in (DRUGS, REACTIONS))
    reports = np.repeat(np.arange(len(pairs)), pairs.a)
    renamed = count(
        Reports(
            [pairs.drugs[i] for i in np.argsort(drugs)], [pairs.reactions[i] for i in np.argsort(reactions)],
            np.arange(len(reports)), drugs[pairs.drug[reports]], reactions[pairs.reaction[reports]],
        )
    )  # fmt: skip
    one, other = measure(pairs), measure(renamed)
    places = {name: i for i, name in enumerate(names_of(other.pairs))}
    order = [places[name] for name in names_of(one.pairs)]
    assert len(order) == len(places)
    for name, column in one.columns.items():
        np.testing.assert_allclose(column, other.columns[name][order], rtol=1e-3, err_msg=name)


def names_of(pairs: Pairs) -> list[tuple[str, str]]:
    return [(pairs.drugs[d], pairs.reactions[r]) for d, r in zip(pairs.drug, pairs.reaction, strict=True)]


def test_what_stands_out_by_one_measure_stands_out_by_those_that_allow_for_all_pairs():
    columns = measure(some_pairs()).columns
    strong = columns["ic025"] > 0.5
    assert strong.any()
    assert (columns["chi2_fdr"][strong] < 0.05).all()
    assert (columns["ebgm"][strong] > 1).all()
    assert (columns["llr_p"][strong] < 1).all()
    # Corrections for many pairs never make one more certain.
    known = ~np.isnan(columns["chi2_p"])
    assert (columns["chi2_fdr"][known] >= columns["chi2_p"][known]).all()
    # The geometric mean need not lie between the quantiles: the posterior may have two peaks.
    assert (columns["eb05"] <= columns["eb95"]).all()
