"""A history evaluated in stretches, with a bounded part of it in memory."""

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.events import Concept, Outcome, Pair
from shared.signals.reports import labels_of, row_of
from shared.signals.timeline import Timeline, publications
from shared.signals.windows import Row, from_ms
from tests.unit.signals.signal_rows import HOUR, ledger_of, rules_with

PAIRS = st.tuples(st.sampled_from(["d1", "d2", "d3"]), st.sampled_from(["r1", "r2", "unmapped"]))
DAYS = 6
ROWS = st.lists(
    st.builds(
        Row,
        st.integers(0, 200).map(lambda i: f"p{i:03d}"),
        st.integers(0, DAYS * 24 * HOUR - 1),
        st.sampled_from([None, *"uvwxyz"]),
        st.sampled_from([None, "f", "g", "h"]),
        st.lists(PAIRS, min_size=1, max_size=3).map(lambda pairs: tuple(sorted(set(pairs)))),
    ),
    max_size=80,
    unique_by=lambda r: r.post_id,
)
# So easy that a handful of reports raises, with windows much shorter than the history.
EASY = {
    "time__windows_hours": [3, 12], "policy__raise_when": "any", "policy__authors": 1, "policy__cool_down_hours": 5,
    "policy__escalation_factor": 1.5, "evans__reports": 1, "ror__reports": 1, "evans__prr": 0.5, "evans__chi2": 0.0,
}  # fmt: skip


class History:
    """Rows by time, and how many of them were asked for at once."""

    def __init__(self, rows):
        self.rows = sorted(rows, key=lambda r: r.at_ms)
        self.spans = []

    def between(self, start, end):
        self.spans.append((start, end))
        return (r for r in self.rows if start <= r.at_ms < end)

    def buckets(self, length):
        return sorted({r.at_ms // length for r in self.rows})


def all_at_once(rows, rules, length):
    """Every bucket of the whole history, the empty ones too, over one ledger of all rows."""
    timeline, ledger = Timeline(rules, {"d1": "Drug one"}), ledger_of(rows, length)
    return [alert for end in range(length, DAYS * 24 * HOUR + 1, length) for alert in timeline.close(ledger, end)]


@settings(max_examples=120)
@given(ROWS, st.sampled_from([1, 3]))
def test_stretches_publish_what_the_whole_history_at_once_publishes(rows, hours):
    rules, history = rules_with(**EASY, time__bucket_hours=hours), History(rows)
    published = publications(history.buckets(hours * HOUR), history.between, rules, Timeline(rules, {"d1": "Drug one"}))
    assert [alert for _, alerts in published for alert in alerts] == all_at_once(rows, rules, hours * HOUR)


def reports(count, every):
    return [Row(f"p{i}", i * every, f"a{i}", None, ((f"d{i % 3}", f"r{i % 2}"),)) for i in range(count)]


def test_the_easy_rules_open_episodes_and_escalate_so_that_the_comparison_is_not_hollow():
    quiet = [Row(f"q{r.post_id}", r.at_ms + 40 * HOUR, r.author, None, r.pairs) for r in reports(60, HOUR // 3)]
    found = all_at_once(reports(60, HOUR // 3) + quiet, rules_with(**EASY), HOUR)
    assert len(found) > len({alert.id for alert in found}) > len({(alert.drug, alert.reaction) for alert in found}) > 2


def test_at_most_twice_the_longest_window_is_asked_for_at_once():
    history = History(reports(500, HOUR))
    buckets = history.buckets(HOUR)
    assert [
        bucket
        for bucket, _ in publications(buckets, history.between, rules_with(**EASY), Timeline(rules_with(**EASY), {}))
    ] == buckets
    assert max(end - start for start, end in history.spans) < 2 * 12 * HOUR
    assert len(history.spans) > 10


def test_long_silences_are_skipped():
    near = reports(6, HOUR)
    far = [Row(f"far-{r.post_id}", r.at_ms + 90_000 * HOUR, r.author, None, r.pairs) for r in near]
    history = History(near + far)
    closed = [
        bucket
        for bucket, _ in publications(
            history.buckets(HOUR), history.between, rules_with(**EASY), Timeline(rules_with(**EASY), {})
        )
    ]
    assert len(closed) == 12
    assert len(history.spans) == 2


def outcome(*pairs):
    return Outcome(
        post_id="p", status="x", created_at=from_ms(90_061_001), model_version="1", author="a", fingerprint="f",
        pairs=tuple(Pair(Concept(drug, drug.upper()), Concept(reaction, reaction.upper())) for drug, reaction in pairs),
    )  # fmt: skip


def test_a_row_holds_the_distinct_pairs_of_its_post():
    found = row_of(outcome(("d2", "r1"), ("d1", "r1"), ("d2", "r1")))
    assert found == Row("p", 90_061_001, "a", "f", (("d1", "r1"), ("d2", "r1")))
    assert labels_of(outcome(("d2", "r1"), ("d1", "r1"))) == {"d1": "D1", "d2": "D2", "r1": "R1"}


def test_a_post_without_a_pair_has_no_row():
    assert row_of(outcome()) is None
