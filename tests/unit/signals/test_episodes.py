"""Episodes of a pair."""

from shared.events import Concept
from shared.signals.episodes import amend, record, without_example
from shared.signals.findings import evaluate, look_at
from shared.signals.windows import from_ms, to_ms
from tests.unit.signals.signal_rows import HOUR, background, ledger_of, row, rules_with

PAIR = ("d1", "r1")
RULES = rules_with()


def ledger(hour, count):
    return ledger_of(
        [
            *background(400, (hour - 1) * HOUR),
            *[row(f"p{i}", hour * HOUR + i, PAIR, author=f"a{i}") for i in range(count)],
        ]
    )


def firing(hour, count=4):
    [finding] = evaluate(ledger(hour, count), (hour + 1) * HOUR, RULES, lambda drug: drug == "d1")
    return finding


def test_a_signal_is_named_and_dated_by_the_first_bucket_of_its_episode():
    _, alert = record((), firing(20), {"d1": "Drug one", "r1": "Rash"}, RULES)
    assert (alert.drug, alert.reaction) == (Concept("d1", "Drug one"), Concept("r1", "Rash"))
    assert (to_ms(alert.episode), to_ms(alert.evaluated_at)) == (20 * HOUR, 21 * HOUR)
    assert alert.rule_version == RULES.stamp


def test_recording_a_firing_twice_changes_nothing():
    once, first = record((), firing(20), {}, RULES)
    twice, again = record(once, firing(20), {}, RULES)
    assert twice == once
    assert first is not None
    assert again is None


def test_an_episode_that_escalated_is_not_published_again_when_its_buckets_are_evaluated_anew():
    episodes, first = record((), firing(20), {}, RULES)
    episodes, escalated = record(episodes, firing(21, 8), {}, RULES)
    assert escalated.id == first.id
    for hour, count in ((20, 4), (21, 8)):
        episodes, again = record(episodes, firing(hour, count), {}, RULES)
        assert again is None
    assert episodes[0].alert == escalated


def test_a_late_firing_before_an_episode_joins_it_under_the_published_id():
    episodes, alert = record((), firing(20), {}, RULES)
    [episode], nothing = record(episodes, firing(15), {}, RULES)
    assert nothing is None
    assert (episode.first_ms, episode.last_ms, episode.alert.id) == (15 * HOUR, 20 * HOUR, alert.id)


def test_episodes_that_the_topic_of_alerts_no_longer_holds_are_let_go():
    old, _ = record((), firing(20), {}, RULES)
    episodes, _ = record(old, firing(20 + 366 * 24), {}, RULES)
    assert len(episodes) == 1
    assert episodes[0].first_ms == (20 + 366 * 24) * HOUR


def test_an_amended_signal_keeps_its_id_and_has_no_rules_when_its_counts_no_longer_raise():
    [episode], alert = record((), firing(20), {"d1": "Drug one"}, RULES)
    fewer = look_at(ledger(20, 2), *PAIR, 21 * HOUR, alert.window_hours, RULES)
    amended = amend(episode, fewer, RULES)
    assert (amended.alert.id, amended.alert.rules, amended.alert.table.a) == (alert.id, (), 2)
    assert amended.alert.drug.label == "Drug one"
    assert amended.alert.examples == ("p1", "p0")


def test_a_signal_without_any_report_left_is_taken_back():
    [episode], alert = record((), firing(20), {}, RULES)
    assert amend(episode, look_at(ledger_of(background(9)), *PAIR, 21 * HOUR, 24, RULES), RULES) is None
    assert alert.evaluated_at == from_ms(21 * HOUR)


def test_an_example_can_be_left_out_when_its_window_cannot_be_counted_anew():
    [episode], alert = record((), firing(20), {}, RULES)
    assert without_example(episode, "p3").alert.examples == ("p2", "p1", "p0")
    assert without_example(episode, "p3").alert.table == alert.table


def test_new_evidence_after_a_signal_was_closed_opens_an_episode_that_names_it():
    episodes, closed = record((), firing(20), {}, RULES)
    settled = to_ms(closed.evaluated_at)
    # What the person saw, evaluated once more, changes nothing, however much it has grown.
    assert record(episodes, firing(20, 8), {}, RULES, settled) == (episodes, None)
    both, opened = record(episodes, firing(21), {}, RULES, settled)
    assert (opened.previous, to_ms(opened.episode)) == (closed.id, 21 * HOUR)
    assert opened.id != closed.id
    assert [episode.alert.id for episode in both] == [closed.id, opened.id]
    assert both[0] == episodes[0]
    # From then on it goes as with any other episode.
    again, nothing = record(both, firing(22), {}, RULES, settled)
    assert nothing is None
    assert [(episode.first_ms, episode.last_ms) for episode in again] == [
        (20 * HOUR, 20 * HOUR),
        (21 * HOUR, 22 * HOUR),
    ]
    _, escalated = record(again, firing(23, 8), {}, RULES, settled)
    assert (escalated.id, escalated.previous) == (opened.id, closed.id)


def test_evidence_that_returns_after_the_cool_down_names_the_episode_before():
    episodes, first = record((), firing(20), {}, RULES)
    later = 21 + RULES.policy.cool_down_hours.value
    _, second = record(episodes, firing(later), {}, RULES)
    assert (first.previous, second.previous) == (None, first.id)
    assert second.id != first.id


def test_an_amended_signal_still_names_the_episode_before():
    episodes, first = record((), firing(20), {}, RULES)
    episodes, _ = record(episodes, firing(21), {}, RULES, to_ms(first.evaluated_at))
    finding = look_at(ledger(21, 1), *PAIR, 22 * HOUR, 24, RULES)
    assert amend(episodes[1], finding, RULES).alert.previous == first.id
