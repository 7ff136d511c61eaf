"""Alerts of what was kept, against those of the whole stream at once."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from services.backtest.evaluation import Evaluation, Evaluator
from services.backtest.kept import Kept
from shared.events import Alert, Outcome
from tests.unit.alerting.world import HOUR, START, expected_alerts, mention, outcome, several_days, small_rules
from tests.unit.backtest.messages import filled

RULES = small_rules()
END = 4 * 24 * HOUR


def evaluated(kept: Kept, *, to_the_end: bool = False) -> Evaluation:
    return Evaluator(kept, RULES, to_the_end=to_the_end).run(lambda passing: passing)


def latest(alerts: Sequence[Alert]) -> dict[str, Alert]:
    return {alert.id: alert for alert in alerts}


def in_batches(outcomes: Sequence[Outcome], size: int) -> list[Sequence[Outcome]]:
    return [outcomes[start : start + size] for start in range(0, len(outcomes), size)]


@settings(max_examples=12)
@given(st.integers(0, 10_000), st.sampled_from([1, 7, 64]), st.randoms(use_true_random=False))
def test_alerts_are_those_of_the_pure_functions_whatever_the_order_the_batches_and_the_repetitions(
    seed: int, size: int, shuffled: random.Random
) -> None:
    outcomes = several_days(seed)
    expected = expected_alerts(outcomes, END, RULES)
    arrived = outcomes + shuffled.sample(outcomes, 50) + [outcome("last", END + 2 * HOUR)]
    shuffled.shuffle(arrived)
    found = evaluated(filled(*in_batches(arrived, size)))
    assert found.alerts == latest(expected)
    assert found.published == len(expected)


def test_the_streams_of_that_comparison_have_signals_and_updates() -> None:
    expected = expected_alerts(several_days(1), END, RULES)
    assert len(expected) > len(latest(expected)) >= 2


def test_hours_at_the_end_are_open_as_they_would_be_live_unless_all_are_wanted() -> None:
    outcomes = [one for one in several_days() if one.created_at.timestamp() * 1000 < START + END - HOUR]
    reports = [one for one in outcomes if one.pairs]
    kept = filled(outcomes, [outcome("last", END - 40 * 60_000)])
    found = evaluated(kept)
    # The last post is 20 minutes into the last hour: it has not passed the allowed lateness after the hour before.
    assert found.until_ms == START + END - 2 * HOUR
    assert found.open_hours == 2
    assert found.open_reports == sum(one.created_at.timestamp() * 1000 >= found.until_ms for one in reports) > 0
    assert found.alerts == latest(expected_alerts(outcomes, END - 2 * HOUR, RULES))
    whole = evaluated(kept, to_the_end=True)
    assert (whole.until_ms, whole.open_hours, whole.open_reports) == (START + END, 0, 0)
    assert whole.alerts == latest(expected_alerts(outcomes, END, RULES))


def test_single_reports_come_from_mentions_the_first_post_with_the_words_by_event_time() -> None:
    serious = {"serious": ("death",), "fingerprint": "f"}
    kept = filled([mention("p2", 2, **serious), mention("p1", 1, **serious), outcome("p1", 1), outcome("p2", 2)])
    [alert] = evaluated(kept).in_order()
    assert (alert.kind, alert.lane, alert.examples) == ("single_report", "urgent", ("p1",))


def test_nothing_kept_is_nothing_found() -> None:
    found = evaluated(Kept())
    assert (found.until_ms, found.open_hours, found.alerts) == (None, 0, {})
