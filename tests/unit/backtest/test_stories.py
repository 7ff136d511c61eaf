"""How pairs came to alert."""

from __future__ import annotations

import pytest

from services.backtest.comparison import Comparison, compare
from services.backtest.result import Result
from services.backtest.run import Decided, evaluate
from services.backtest.stories import Calendar
from shared.events import Outcome
from shared.signals.rules import Rules
from shared.signals.windows import from_ms
from tests.unit.alerting.world import HOUR, START, mention, outcome, small_rules
from tests.unit.backtest.messages import filled, quiet

DAY = 24 * HOUR
LOOSE = {
    "policy__raise_when": "any",
    "evans__reports": 1,
    "ror__reports": 1,
    "ror__lower": 0.5,
    "policy__rules": ["ror"],
}
EASY = small_rules(policy__authors=1, **LOOSE)
STRICT = small_rules(policy__authors=3, **LOOSE)


def burst(start: int, number: int) -> list[Outcome]:
    """Reports of a pair by as many authors, one an hour, from an hour on; in its first hour many posts of other pairs."""
    others = [("d1", "r2"), ("d2", "r1"), *[("d2", "r2")] * 60]
    return [
        *(outcome(f"other-{start}-{i}", start * HOUR, pair) for i, pair in enumerate(others)),
        *(
            outcome(f"p-{start + i}", (start + i) * HOUR + 1, ("d1", "r1"), author=f"a{start + i}")
            for i in range(number)
        ),
    ]


POSTS = [*burst(0, 6), *burst(60, 4), outcome("last", 90 * HOUR)]


def result(rules: Rules, posts: list[Outcome] = POSTS) -> Result:
    kept = filled(posts, [mention("p", 5 * HOUR, serious=("death",))])
    return evaluate(kept, rules, Decided(len(posts), "m", 1.0), "made up", quiet(), to_the_end=True)


def test_a_story_counts_reports_and_days_up_to_the_end_of_the_hour_that_alerted() -> None:
    (story,) = [one for one in result(STRICT).stories if one.drug.id == "d1"]
    assert story.first_report == from_ms(START + 1)
    # The third author came in the third hour.
    assert (story.first_alert, story.reports) == (from_ms(START + 3 * HOUR), 3)
    assert story.days == pytest.approx(3 / 24, abs=0.01)
    assert [span.alerted_at for span in story.spans] == [from_ms(START + 3 * HOUR), from_ms(START + 63 * HOUR)]
    assert story.spans[0].fired_until == from_ms(START + 6 * HOUR)
    assert sum(story.series) == 10


def test_steps_count_each_alert_once_when_it_was_raised() -> None:
    found = result(STRICT)
    assert found.steps is not None
    assert (sum(found.steps.signals), sum(found.steps.single_reports)) == (found.account.alerts, 1)
    assert found.steps.single_reports[0] == 1


@pytest.mark.parametrize(("days", "step"), [(1, 1), (60, 1), (61, 7), (400, 7), (421, 28), (5000, 91), (90_000, 364)])
def test_a_calendar_has_few_steps_and_covers_all(days: int, step: int) -> None:
    calendar = Calendar(START, START + days * DAY - 1)
    assert calendar.days == step
    assert sum(calendar.count([START, START + days * DAY - 1])) == 2
    assert calendar.count([START + days * DAY - 1])[-1] == 1


def compared(a: Result, b: Result) -> Comparison:
    return compare("a", a, "b", b)


def test_a_result_against_itself_differs_in_nothing() -> None:
    found = compared(result(EASY), result(EASY))
    assert (found.only_a, found.only_b, found.differences) == ((), (), ())
    assert len(found.both) == result(EASY).account.alerts > 1
    assert {one.later_hours for one in found.both} == {0.0}
    assert found.single_both == 1


def test_episodes_of_a_pair_that_overlap_are_one_though_their_ids_differ() -> None:
    found = compared(result(EASY), result(STRICT))
    mine = [one for one in found.both if one.drug.id == "d1"]
    assert [one.later_hours for one in mine] == [pytest.approx(2.0), pytest.approx(2.0)]
    assert all(set(one.ids_a).isdisjoint(one.ids_b) for one in mine)
    assert any("alone: policy.authors=1" in difference for difference in found.differences)
    back = [one for one in compared(result(STRICT), result(EASY)).both if one.drug.id == "d1"]
    assert [one.later_hours for one in back] == [-one.later_hours for one in mine]


def test_an_episode_that_one_side_has_alone_is_told_with_its_rules() -> None:
    fewer = [one for one in POSTS if not one.post_id.startswith("p-6")]
    found = compared(result(STRICT), result(STRICT, fewer))
    alone = [one for one in found.only_a if one.drug.id == "d1"]
    assert [(one.drug.id, one.alerted_at) for one in alone] == [("d1", from_ms(START + 63 * HOUR))]
    assert alone[0].rules == ("ror",)
    assert found.only_b == ()
    assert any(difference.startswith("posts: ") for difference in found.differences)


def test_one_long_episode_stands_against_several_short_ones() -> None:
    posts = [*burst(0, 6), *burst(24, 4), outcome("last", 90 * HOUR)]
    long = small_rules(policy__authors=3, **LOOSE | {"policy__cool_down_hours": 48})
    (one,) = [one for one in compared(result(long, posts), result(STRICT, posts)).both if one.drug.id == "d1"]
    assert (len(one.ids_a), len(one.ids_b)) == (1, 2)
    assert one.ids_a[0] == one.ids_b[0]
    assert one.later_hours == 0
