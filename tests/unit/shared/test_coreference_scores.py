"""The scores of coreference on cases whose values are published with the reference scorer, or worked out by hand here.

Letters are mentions, a word is a cluster. The cases A to N are those of the reference scorer's own tests (TC-A and so on).
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.coreference_scores import CorefScores, Share, scores

Values = tuple[float, float]


def of(gold: str, predicted: str) -> CorefScores:
    return scores(gold.split(), predicted.split())


def shown(share: Share) -> Values:
    return share.recall, share.precision


@pytest.mark.parametrize(
    ("gold", "predicted", "muc", "b_cubed", "ceaf_e"),
    [
        pytest.param("a bc def", "a bc def", (1, 1), (1, 1), (1, 1), id="A1"),
        pytest.param("a bc def", "a de", (1 / 3, 1), (7 / 18, 1), (0.6, 0.9), id="A2"),
        pytest.param("a bc def", "a bcx defy z", (1, 3 / 5), (1, 55 / 108), (31 / 35, 93 / 140), id="A3"),
        pytest.param("a bc def", "a bcx dy z", (1 / 3, 1 / 3), (5 / 9, 17 / 42), (11 / 15, 0.55), id="A4"),
        pytest.param("a bc def", "a bcxB dy z", (1 / 3, 1 / 4), (5 / 9, 5 / 16), (31 / 45, 31 / 60), id="A5"),
        pytest.param("a bc def", "a bcx dy Bz", (1 / 3, 1 / 4), (5 / 9, 17 / 48), (11 / 15, 0.55), id="A6"),
        pytest.param(
            "a bc def", "a bcxb dy z", (1 / 3, 1 / 3), (5 / 9, 17 / 42), (11 / 15, 0.55), id="A7: a mention twice"
        ),
        # Nothing is published for CEAFe of the next: φ4 by hand, 1 + 2/3 + 1/2, then 2*3/9 alone, and 1 + 2/3 + 1/2.
        pytest.param("a bc def", "a b c d e f", (0, 0), (1 / 2, 1), (13 / 18, 13 / 36), id="A10: all apart"),
        pytest.param("a bc def", "abcdef", (1, 3 / 5), (1, 7 / 18), (2 / 9, 2 / 3), id="A11: all together"),
        pytest.param("a bc def", "a b d e x y z", (0, 0), (13 / 36, 4 / 7), (13 / 18, 13 / 42), id="A12"),
        pytest.param("a bc def", "abdexyz", (1 / 3, 1 / 6), (17 / 36, 6 / 49), (2 / 15, 2 / 5), id="A13"),
        pytest.param("abcde fg hijkl", "abcde fghijkl", (1, 9 / 10), (1, 16 / 21), (11 / 18, 11 / 12), id="D1"),
        pytest.param("abcde fg hijkl", "abcdehijkl fg", (1, 9 / 10), (1, 7 / 12), (5 / 9, 5 / 6), id="E1"),
        pytest.param("abcdef", "abcdef", (1, 1), (1, 1), (1, 1), id="M1"),
        pytest.param("abcdef", "a b c d e f", (0, 0), (1 / 6, 1), (2 / 7, 1 / 21), id="M2"),
        pytest.param("a b c d e f", "a b c d e f", (0, 0), (1, 1), (1, 1), id="N1: no links, so no MUC"),
        # The worked example of Pradhan et al. 2014: .40 .40, .42 .50, .65 .43.
        pytest.param("abc defg", "ab cd fghi", (2 / 5, 2 / 5), (5 / 12, 1 / 2), (0.65, 1.3 / 3), id="Pradhan 2014"),
        pytest.param("ab", "", (0, 0), (0, 0), (0, 0), id="nothing predicted"),
    ],
)
def test_published_cases(gold: str, predicted: str, muc: Values, b_cubed: Values, ceaf_e: Values) -> None:
    found = of(gold, predicted)
    assert shown(found.muc) == pytest.approx(muc)
    assert shown(found.b_cubed) == pytest.approx(b_cubed)
    assert shown(found.ceaf_e) == pytest.approx(ceaf_e)


def test_f1_and_the_mean_of_the_shared_tasks() -> None:
    found = of("a bc def", "a de")
    assert (found.muc.f1, found.b_cubed.f1, found.ceaf_e.f1) == pytest.approx((0.5, 14 / 25, 0.72))
    assert found.conll == pytest.approx((0.5 + 0.56 + 0.72) / 3)


def test_the_alignment_is_the_best_one_and_not_the_first_that_fits() -> None:
    # The most similar two, abcdef and abcdgh (2/3), would leave nothing for the others (1/2 and 1/2).
    found = of("abcdef gh", "abcdgh ef")
    assert found.ceaf_e.recalled == pytest.approx(1)


def test_documents_are_added_up_before_they_are_divided() -> None:
    both = of("abc", "abc") + of("ab", "")
    assert both.muc.recall == pytest.approx(2 / 3)
    assert both.b_cubed.recall == pytest.approx(3 / 5)
    assert both.ceaf_e.precision == 1


def test_a_mention_in_two_clusters_is_refused() -> None:
    with pytest.raises(ValueError, match="two clusters"):
        of("ab bc", "ab")


PARTITION = st.lists(st.integers(0, 4), min_size=2, max_size=12).map(
    lambda marks: [[at for at, mark in enumerate(marks) if mark == one] for one in sorted(set(marks))]
)


@given(PARTITION, PARTITION)
def test_exchanging_the_sides_exchanges_recall_and_precision(one: list[list[int]], other: list[list[int]]) -> None:
    there, back = scores(one, other), scores(other, one)
    for metric in ("muc", "b_cubed", "ceaf_e"):
        ahead, behind = getattr(there, metric), getattr(back, metric)
        assert shown(ahead) == pytest.approx((behind.precision, behind.recall))
        assert 0 <= ahead.f1 <= 1 + 1e-9
