"""Near-duplicates count once, whatever came when and whatever was deleted."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.signals import near
from shared.signals.near import NearLinks
from shared.signals.rules import Rules
from shared.signals.windows import Block, Ledger, Row, Vocabulary
from shared.text.sketch import BITS, agreeing
from tests.unit.signals.signal_rows import HOUR, alike, ledger_of, row, rules_with, sketch_with

A, B, OTHER = ("d1", "r1"), ("d1", "r2"), ("d2", "r1")
WORDS, COPY, ELSE = sketch_with(0), sketch_with(20), sketch_with(0, of=1)
WEEK = 168 * HOUR


def posts(rows: list[Row], pair: tuple[str, str] = A, start: int = 0, end: int = WEEK, rules: Rules | None = None):
    """The posts that count for a pair, the earliest first."""
    ledger = ledger_of(rows, rules=rules)
    return ledger.window(start, end).posts(ledger.find_pair(*pair), 99)[::-1]


def test_a_copy_counts_once_with_its_original_and_another_report_counts() -> None:
    rows = [row("p1", 1, A, sketch=WORDS), row("p2", 2, A, sketch=COPY), row("p3", 3, A, sketch=ELSE), row("p4", 4, A)]
    assert posts(rows) == ("p1", "p3", "p4")


def test_a_copy_with_another_drug_in_it_tells_something_else() -> None:
    rows = [row("p1", 1, A, sketch=WORDS), row("p2", 2, OTHER, sketch=COPY)]
    assert posts(rows, OTHER) == ("p2",)


def test_of_a_copy_that_adds_a_reaction_only_that_counts() -> None:
    rows = [row("p1", 1, A, sketch=WORDS), row("p2", 2, A, B, sketch=COPY)]
    assert (posts(rows), posts(rows, B)) == (("p1",), ("p2",))


def test_reports_without_a_sketch_are_no_near_duplicates_of_one_another() -> None:
    assert posts([row(f"p{i}", i, A) for i in range(5)]) == ("p0", "p1", "p2", "p3", "p4")


def test_a_copy_is_linked_within_the_hours_of_the_rule_and_not_at_their_end() -> None:
    rules = rules_with(near__hours=5)
    for gap, counted in ((5 * HOUR - 1, ("p1",)), (5 * HOUR, ("p1", "p2"))):
        assert posts([row("p1", 7, A, sketch=WORDS), row("p2", 7 + gap, A, sketch=COPY)], rules=rules) == counted
    assert posts([row("p1", 7, A, sketch=WORDS), row("p2", 7, A, sketch=COPY)], rules=rules_with(near__hours=0)) == (
        "p1", "p2",
    )  # fmt: skip


def test_a_copy_is_linked_from_the_similarity_of_the_rule_on() -> None:
    differing = BITS - agreeing(0.7)
    for more, counted in ((0, ("p1",)), (1, ("p1", "p2"))):
        rows = [row("p1", 1, A, sketch=WORDS), row("p2", 2, A, sketch=sketch_with(differing + more))]
        assert posts(rows, rules=rules_with(near__similarity=0.7)) == counted


def test_a_copy_counts_in_a_window_that_begins_after_its_original() -> None:
    rows = [row("p1", 1, A, sketch=WORDS), row("p2", 2, A, sketch=COPY)]
    assert posts(rows, start=2) == ("p2",)


def test_copies_that_follow_one_another_count_once_however_long_they_go_on() -> None:
    rows = [row(f"p{i}", i * 24 * HOUR, A, sketch=sketch_with(i)) for i in range(7)]
    assert posts(rows) == ("p0",)


def test_an_author_whose_first_post_was_a_copy_still_reports_once() -> None:
    rows = [
        row("p1", 1, A, author="x", sketch=WORDS),
        row("p2", 2, A, author="y", sketch=COPY),
        row("p3", 3, A, author="y", sketch=ELSE),
    ]
    assert posts(rows) == ("p1", "p3")


def test_without_the_first_of_several_copies_the_next_one_stands_for_them() -> None:
    rows = [row(f"p{i}", i, A, sketch=sketch_with(10 * i)) for i in range(4)]
    for gone in range(4):
        left = [r for r in rows if r.post_id != f"p{gone}"]
        assert posts(left) == ("p1" if gone == 0 else "p0",)


def test_a_report_is_compared_with_so_many_before_it_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near, "MOST_COMPARED", 3)
    between = [row(f"q{i}", 2 + i, A, sketch=sketch_with(0, of=9 + i)) for i in range(3)]
    first, last = row("p1", 1, A, sketch=WORDS), row("p2", 9, A, sketch=COPY)
    assert "p2" not in posts([first, *between[:2], last])
    assert "p2" in posts([first, *between, last])


def test_what_is_linked_is_counted_each_report_once() -> None:
    rows = [
        row("p1", 1, A, B, fingerprint="f", sketch=WORDS),
        row("p2", 2, A, B, fingerprint="g", sketch=COPY),
        row("p3", 3, A, fingerprint="f", sketch=WORDS),
        row("p4", 4, OTHER, sketch=COPY),
    ]
    assert ledger_of(rows).linked() == (1, 1)


SKETCHES = st.one_of(st.none(), st.builds(sketch_with, st.sampled_from([0, 20, 40, 60]), st.integers(0, 1)))
ROWS = st.lists(
    st.builds(
        row,
        st.integers(0, 30).map(lambda i: f"p{i:02d}"),
        st.integers(0, 27).map(lambda i: i * HOUR // 3),
        st.sampled_from([A, B, OTHER]),
        sketch=SKETCHES,
    ),
    max_size=25,
    unique_by=lambda r: r.post_id,
)


@settings(max_examples=100, deadline=None)
@given(ROWS)
def test_links_are_those_of_the_definition_written_out(rows: list[Row]) -> None:
    rules = rules_with(near__hours=2)
    ordered = sorted(rows, key=lambda r: (r.at_ms, r.post_id))
    for i, later in enumerate(ordered):
        told = [e for e in ordered[:i] if e.pairs == later.pairs and alike(e, later, rules)]
        assert (later.post_id in posts(rows, later.pairs[0], rules=rules)) == (not told)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_links_that_are_remembered_are_those_that_are_found_anew(rows: list[Row], rng: random.Random) -> None:
    """Rows come in any order, some go again, old buckets are let go of: what is remembered makes no difference."""
    rules, vocabulary = rules_with(near__hours=2), Vocabulary()
    links, blocks, held = NearLinks(rules.near), {}, {}
    arrivals = rng.sample(rows, len(rows))
    for number, arrived in enumerate(arrivals):
        held[arrived.post_id] = arrived
        if number % 4 == 3:
            held.pop(rng.choice(sorted(held)))
        first = min(r.at_ms for r in rows) + (HOUR if number > len(rows) // 2 else 0)
        buckets: dict[int, list[Row]] = {}
        for one in held.values():
            if one.at_ms >= first // HOUR * HOUR:
                buckets.setdefault(one.at_ms // HOUR, []).append(one)
        known = {key: blocks[key] for key in buckets if key in blocks and blocks[key][0] == buckets[key]}
        blocks = {key: known.get(key) or (list(found), Block.of(found, vocabulary)) for key, found in buckets.items()}
        ordered = [blocks[key][1] for key in sorted(blocks)]
        remembered = Ledger(ordered, vocabulary, links).window(0, WEEK)
        anew = Ledger(ordered, vocabulary, NearLinks(rules.near)).window(0, WEEK)
        assert remembered.total == anew.total
        assert np.array_equal(remembered.counts(remembered.pairs()), anew.counts(anew.pairs()))
