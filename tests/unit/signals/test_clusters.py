"""What a window takes for one report is shown: every report of a pair, why it counts or not, and what it repeats."""

from __future__ import annotations

import random

import msgspec

from shared.signals.clusters import clusters
from shared.signals.windows import Ledger, Told
from tests.unit.signals.signal_rows import HOUR, counted_plainly, ledger_of, row, sketch_with

A, B = ("d1", "r1"), ("d1", "r2")
WORDS, ELSE = sketch_with(0), sketch_with(0, of=1)
DAY = 24 * HOUR


def told(ledger: Ledger, start: int = 0, end: int = 30 * DAY) -> list[Told]:
    return ledger.told(ledger.find_pair(*A), start, end)


def test_each_report_says_why_it_does_not_count_and_what_it_repeats() -> None:
    ledger = ledger_of([
        row("p1", 1, A, author="x", fingerprint="f", sketch=WORDS),
        row("p2", 2, A, B, author="y", sketch=sketch_with(20)),
        row("p3", 3, A, author="z", fingerprint="f", sketch=WORDS),
        row("p4", 4, A, author="x", sketch=ELSE),
        row("p5", 5, B, author="v", sketch=WORDS),
        row("p6", 6, A),
    ])  # fmt: skip
    found = told(ledger)
    assert [(one.post_id, one.why, one.like) for one in found] == [
        ("p1", "counted", None),
        ("p2", "near_duplicate", "p1"),
        ("p3", "repost", "p1"),
        ("p4", "same_author", "p1"),
        ("p6", "counted", None),
    ]
    [group] = clusters(found)
    assert [one.post_id for one in group.reports] == ["p1", "p2", "p3"]
    assert (group.counted, group.taken_out) == (1, {"near_duplicate": 1, "repost": 1})


def test_copies_of_copies_are_one_cluster_and_a_window_that_begins_later_has_another_head() -> None:
    ledger = ledger_of([row(f"p{i}", i * DAY, A, sketch=sketch_with(i)) for i in range(6)])
    [group] = clusters(told(ledger))
    assert [one.like for one in group.reports] == [None, "p0", "p1", "p2", "p3", "p4"]
    [later] = clusters(told(ledger, start=3 * DAY))
    assert [(one.post_id, one.why) for one in later.reports][:2] == [("p3", "counted"), ("p4", "near_duplicate")]


def test_the_largest_cluster_comes_first_and_what_repeats_nothing_is_in_none() -> None:
    rows = [row(f"a{i}", i, A, sketch=sketch_with(i)) for i in range(2)]
    rows += [row(f"b{i}", 10 + i, A, sketch=sketch_with(i, of=1)) for i in range(3)]
    found = clusters(told(ledger_of([*rows, row("c", 99, A, sketch=sketch_with(0, of=2))])))
    assert [[one.post_id for one in group.reports] for group in found] == [["b0", "b1", "b2"], ["a0", "a1"]]
    assert clusters(told(ledger_of([]))) == []


def test_what_is_said_to_count_is_what_a_window_counts() -> None:
    rng = random.Random(5)
    rows = [
        row(
            f"p{i}", rng.randrange(9 * DAY), *rng.sample([A, B], rng.randint(1, 2)),
            author=f"a{rng.randrange(40)}", fingerprint=f"f{rng.randrange(60)}",
            sketch=sketch_with(rng.randrange(60), of=rng.randrange(12)),
        )
        for i in range(150)
    ]  # fmt: skip
    ledger = ledger_of(rows)
    for start in (0, 3 * DAY):
        plainly = {post for post, pairs in counted_plainly(rows, start, 9 * DAY).items() if A in pairs}
        found = told(ledger, start, 9 * DAY)
        assert {one.post_id for one in found if one.why == "counted"} == plainly
        earlier = {one.post_id: place for place, one in enumerate(found)}
        assert all(earlier.get(one.like, -1) < earlier[one.post_id] for one in found if one.like is not None)


def test_posts_that_nobody_may_name_are_as_distinct_as_others() -> None:
    rows = [row("p1", 1, A, fingerprint="f"), row("p2", 2, A, fingerprint="f"), row("p3", 3, A), row("p4", 4, A)]
    ledger = ledger_of(msgspec.structs.replace(one, unnamed=True) for one in rows)
    [group] = clusters(told(ledger))
    assert [(one.post_id, one.like) for one in group.reports] == [("p1", None), ("p2", "p1")]
    assert [ledger.named(one.row) for one in group.reports] == [None, None]
