"""MaxSPRT: published critical values, and simulated surveillance that rejects as often as it should."""

from __future__ import annotations

import numpy as np
import pytest

from shared.errors import AdrwatchError
from shared.signals.measures import poisson_llr
from shared.signals.sequential import critical_value, reached

# Kulldorff et al. 2011, table 1, and the values of the R package Sequential (alpha = 0.05).
PUBLISHED = {1: 2.853937, 2: 3.046977, 5: 3.297183, 10: 3.467952, 20: 3.628123, 50: 3.819903, 100: 3.952321}


@pytest.mark.parametrize(("planned", "value"), PUBLISHED.items())
def test_critical_values_are_those_published(planned, value):
    assert critical_value(planned) == pytest.approx(value, abs=1e-6)


def test_a_least_number_of_events_lowers_the_critical_value():
    assert critical_value(10, least_events=4) == pytest.approx(2.921562, abs=1e-6)


def test_simulated_surveillance_without_any_effect_rejects_in_one_of_twenty():
    generator = np.random.default_rng(3)
    planned, critical = 5.0, critical_value(5.0)
    rejected = 0
    for _ in range(4_000):
        moments = np.cumsum(generator.exponential(size=60))
        moments = moments[moments < planned]
        rejected += bool((poisson_llr(np.arange(1, len(moments) + 1), moments) >= critical).any())
    assert rejected / 4_000 == pytest.approx(0.05, abs=0.012)


def test_a_higher_ratio_is_reached_less_often():
    chances = [reached(height, 10.0) for height in (0.5, 1.0, 2.0, 4.0, 8.0)]
    assert chances == sorted(chances, reverse=True)
    assert 0 < chances[-1] < chances[0] < 1


@pytest.mark.parametrize(
    "wrong", [(0.0, 0.05, 1), (1.0, 0.0, 1), (1.0, 1.0, 1), (1.0, 0.05, 0), (float("nan"), 0.05, 1)]
)
def test_surveillance_that_cannot_be_is_refused(wrong):
    with pytest.raises(AdrwatchError, match="no critical value"):
        critical_value(*wrong)


def test_more_events_than_can_come_are_refused():
    with pytest.raises(AdrwatchError, match="never as likely"):
        critical_value(0.5, least_events=10)
