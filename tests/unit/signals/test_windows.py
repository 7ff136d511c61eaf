"""Counting reports in windows."""

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.events import Table
from shared.signals.near import NearLinks
from shared.signals.rules import shipped
from shared.signals.windows import Block, Ledger, Row, Vocabulary
from tests.unit.signals.signal_rows import HOUR, counted_plainly, ledger_of, row, rules_with, sketch_with, table_plainly

A, B = ("d1", "r1"), ("d1", "r2")
DAY = 24 * HOUR


def table(ledger: Ledger, pair: tuple[str, str], start: int = 0, end: int = DAY) -> Table | None:
    a, b, c, d, valid = ledger.window(start, end).tables(np.array([ledger.find_pair(*pair)]))
    return Table(int(a[0]), int(b[0]), int(c[0]), int(d[0])) if valid[0] else None


def test_the_unit_of_counting_is_the_post_not_the_pair():
    ledger = ledger_of([row("p1", 1, A, B), row("p2", 2, A), row("p3", 3, ("d2", "r2"))])
    assert ledger.window(0, DAY).total == 3
    assert table(ledger, A) == Table(2, 0, 0, 1)
    assert table(ledger, B) == Table(1, 1, 1, 0)


def test_a_pair_named_twice_in_a_post_counts_once():
    assert table(ledger_of([row("p1", 1, A, A)]), A) == Table(1, 0, 0, 0)


def test_a_repost_is_not_counted_while_its_original_is_in_the_window():
    rows = [row("p1", 1, A, author="x", fingerprint="f"), row("p2", 5 * HOUR, A, author="y", fingerprint="f")]
    ledger = ledger_of(rows)
    assert table(ledger, A) == Table(1, 0, 0, 0)
    assert ledger.window(0, DAY).posts(ledger.find_pair(*A), 5) == ("p1",)
    assert table(ledger, A, start=2) == Table(1, 0, 0, 0)
    assert ledger.window(2, DAY).posts(ledger.find_pair(*A), 5) == ("p2",)


def test_an_author_counts_once_a_pair_and_window():
    ledger = ledger_of([row("p1", 1, A, author="x"), row("p2", 2, A, B, author="x"), row("p3", 3, A, author="y")])
    assert table(ledger, A) == Table(2, 1, 0, 0)
    assert table(ledger, A, start=2) == Table(2, 0, 0, 0)


def test_an_author_whose_first_post_was_a_repost_still_reports_once():
    rows = [
        row("p1", 1, A, author="x", fingerprint="f"),
        row("p2", 2, A, author="y", fingerprint="f"),
        row("p3", 3, A, author="y", fingerprint="g"),
    ]
    assert table(ledger_of(rows), A) == Table(2, 0, 0, 0)


def test_authors_are_distinct_and_the_anonymous_count_each_or_not_at_all():
    ledger = ledger_of([row("p1", 1, A, author="x"), row("p2", 2, A), row("p3", 3, A), row("p4", 4, A, author="x")])
    window, pairs = ledger.window(0, DAY), np.array([ledger.find_pair(*A)])
    assert window.authors(pairs, anonymous_counts=True).tolist() == [3]
    assert window.authors(pairs, anonymous_counts=False).tolist() == [1]


def test_a_table_whose_rest_would_be_negative_is_absent():
    # Each post names both d1 and r1, but of different partners.
    ledger = ledger_of([row("p1", 1, ("d1", "r2"), ("d2", "r1")), row("p2", 2, ("d1", "r1"))])
    assert table(ledger, ("d1", "r1")) is None


def test_the_latest_posts_are_the_examples():
    ledger = ledger_of([row(f"p{i}", i, A) for i in range(6)])
    assert ledger.window(0, DAY).posts(ledger.find_pair(*A), 3) == ("p5", "p4", "p3")


def test_a_post_of_which_only_aggregates_may_be_kept_counts_and_is_no_example():
    ledger = ledger_of([msgspec.structs.replace(row(f"p{i}", i, A), unnamed=i % 2 == 1) for i in range(6)])
    window, pair = ledger.window(0, DAY), ledger.find_pair(*A)
    assert window.total == 6
    assert window.posts(pair, 2) == ("p4", "p2")
    assert window.posts(pair, 9) == ("p4", "p2", "p0")


def test_an_empty_window_counts_nothing():
    ledger = ledger_of([row("p1", 1, A)])
    assert ledger.window(DAY, 2 * DAY).total == 0
    assert table(ledger, A, DAY, 2 * DAY) == Table(0, 0, 0, 0)
    assert Ledger([], Vocabulary(), NearLinks(shipped().near)).window(0, DAY).total == 0


PAIRS = st.tuples(st.sampled_from(["d1", "d2", "d3"]), st.sampled_from(["r1", "r2", "unmapped"]))
ROWS = st.lists(
    st.builds(
        Row,
        st.integers(0, 40).map(lambda i: f"p{i:02d}"),
        st.integers(0, 9 * HOUR).map(lambda ms: ms // (HOUR // 3) * (HOUR // 3)),
        st.sampled_from([None, "x", "y", "z"]),
        st.sampled_from([None, "f", "g", "h"]),
        st.lists(PAIRS, min_size=1, max_size=3).map(tuple),
        st.one_of(st.none(), st.builds(sketch_with, st.sampled_from([0, 20, 40, 60, 80]), st.integers(0, 1))),
    ),
    max_size=40,
    unique_by=lambda r: r.post_id,
)


@settings(max_examples=150, deadline=None)
@given(ROWS, st.integers(0, 5), st.integers(1, 9))
def test_every_window_agrees_with_the_definition_written_out(rows, first, length):
    start, end = first * HOUR, (first + length) * HOUR
    rules = rules_with(near__hours=2)
    ledger = ledger_of(rows, rules=rules)
    counted = counted_plainly(rows, start, end, rules)
    window = ledger.window(start, end)
    assert window.total == len(counted)
    for drug, reaction in {p for r in rows for p in r.pairs}:
        pair = ledger.find_pair(drug, reaction)
        assert table(ledger, (drug, reaction), start, end) == table_plainly(counted, drug, reaction)
        assert set(window.posts(pair, 99)) == {post for post, pairs in counted.items() if (drug, reaction) in pairs}


@settings(max_examples=80, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_nor_batches_of_arrival_change_a_count(rows, random):
    arrived = rows + random.sample(rows, len(rows) // 2)
    random.shuffle(arrived)
    one, other = ledger_of(rows), ledger_of(arrived)
    assert one.posts == other.posts
    for pair in {p for r in rows for p in r.pairs}:
        assert table(one, pair) == table(other, pair)
        assert one.window(0, DAY).posts(one.find_pair(*pair), 9) == other.window(0, DAY).posts(
            other.find_pair(*pair), 9
        )


def test_a_pair_that_came_after_the_ledger_was_built_is_not_found_in_it():
    vocabulary = Vocabulary()
    ledger = Ledger([Block.of([row("p1", 1, A)], vocabulary)], vocabulary, NearLinks(shipped().near))
    Block.of([row("p2", 2, B)], vocabulary)
    assert ledger.find_pair(*B) == -1
