"""What a back-test keeps in the place of topics."""

from __future__ import annotations

import pytest

from services.backtest.kept import Kept
from shared.errors import AdrwatchError
from shared.events import Mention, Outcome, decode
from shared.signals.windows import Row
from shared.stream import Output
from shared.topics import DEAD_LETTERS
from tests.unit.alerting.world import HOUR, START, mention, outcome
from tests.unit.backtest.messages import filled, outputs, reject


def test_of_two_outcomes_of_a_post_the_later_one_counts() -> None:
    kept = filled([outcome("p1", 0, ("d1", "r1")), outcome("p2", 0)], [outcome("p1", 5 * HOUR, ("d2", "r1"))])
    assert kept.statuses() == {"mentions": 1, "negative": 1}
    assert list(kept.rows(START, START + 9 * HOUR)) == [
        Row("p1", START + 5 * HOUR, None, None, (("d2", "r1"),)),
    ]
    assert list(filled([outcome("p1", 0, ("d1", "r1")), outcome("p1", 1)]).rows(0, START + HOUR)) == []


def test_mentions_are_the_union_of_all_that_came_by_id() -> None:
    kept = filled([mention("p1", 0), mention("p2", 1)], [mention("p1", 0, span=40), mention("p1", 0)])
    found = [decode(record, Mention) for record in kept.mention_records()]
    assert [(one.post_id, one.reaction_span.start) for one in found] == [("p1", 20), ("p1", 40), ("p2", 20)]
    assert kept.mentions() == 3


def test_event_time_reaches_from_the_earliest_to_the_latest_outcome_whatever_became_of_it() -> None:
    assert (Kept().first_ms, Kept().last_ms) == (None, None)
    kept = filled([outcome("p1", 5, ("d1", "r1")), outcome("p2", 9)], [outcome("p3", 2), outcome("p2", 3)])
    assert (kept.first_ms, kept.last_ms) == (START + 2, START + 9)


def test_rows_come_in_the_order_of_event_time_and_only_those_of_the_interval() -> None:
    kept = filled([outcome(f"p{i}", i * HOUR, ("d1", "r1")) for i in (4, 1, 3, 0, 2)])
    assert [row.post_id for row in kept.rows(START + HOUR, START + 4 * HOUR)] == ["p1", "p2", "p3"]
    assert kept.reports_from(START + 3 * HOUR) == 2


def test_buckets_are_those_with_a_report_before_a_moment() -> None:
    kept = filled([outcome(f"p{i}", i * HOUR, *([("d1", "r1")] if i % 2 else [])) for i in range(8)])
    first = START // HOUR
    assert kept.buckets(HOUR, START + 6 * HOUR) == [first + 1, first + 3, first + 5]


def test_records_are_counted_once_by_id_or_place() -> None:
    kept = filled([outcome("p1", 0), outcome("p1", 0), outcome("p2", 0)])
    for refused in (reject(7), reject(7), reject(8), reject(9, "empty-text", "p3"), reject(10, "bad-time", "p1")):
        kept.refuse(refused)
    assert kept.distinct == 5
    # The post p1 came in good form too.
    assert kept.refused == 3
    assert kept.letters == 4


def test_dead_letters_of_the_pipeline_count_too() -> None:
    kept = Kept()
    kept.add([Output(DEAD_LETTERS, "t:0:1:pipeline", b"{}"), Output(DEAD_LETTERS, "t:0:2:pipeline", b"{}")])
    assert kept.letters == 2


def test_labels_are_known_of_every_concept_that_came_up() -> None:
    assert filled([outcome("p1", 0, ("d1", "r2")), outcome("p2", 0, ("d9", "r1"))]).labels == {
        "d1": "Drug one", "r2": "Nausea", "d9": "d9", "r1": "Rash"}  # fmt: skip


def test_the_messages_are_those_that_were_taken_in() -> None:
    found = [outcome("p1", 1, ("d1", "r1"), author="a", fingerprint="f"), outcome("p2", 0)]
    assert [decode(record, Outcome) for record in filled(found).outcome_records()] == found[::-1]


def test_a_full_disk_is_a_clear_error() -> None:
    kept = filled([outcome("p", 0)])
    [(pages,)] = kept._database.execute("PRAGMA page_count")
    kept._database.execute(f"PRAGMA max_page_count = {pages}")
    many = [outcome(f"p{i}", i) for i in range(500)]
    with pytest.raises(AdrwatchError, match=r"temporary file: .*full") as caught:
        kept.add(outputs(many))
    assert "TMPDIR" in caught.value.fix
