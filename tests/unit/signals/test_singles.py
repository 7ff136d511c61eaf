"""What makes a mention a single report."""

from datetime import UTC, datetime

import pytest

from shared.events import Concept, Mention, Span
from shared.settings import load
from shared.signals.rules import load_rules
from shared.signals.singles import criteria_of, item, item_id, queue

RULES = load_rules(load().rules_file)
SINGLE = RULES.single_report
CASES = [(SINGLE.serious.lane, name) for name in SINGLE.serious.criteria] + [
    (SINGLE.situations.lane, name) for name in SINGLE.situations.criteria
]


def mention(post="s:1", reaction="HP:0002018", span=20, **fields):
    return Mention(
        id=f"{post}-{span}", post_id=post, created_at=datetime(2026, 3, 1, 12, tzinfo=UTC), drug=Concept("d1", "Drug one"),
        reaction=Concept(reaction, "Nausea"), drug_span=Span(0, 4), reaction_span=Span(span, span + 5), score=0.9,
        model_version="test", **fields,
    )  # fmt: skip


@pytest.mark.parametrize(("lane", "name"), CASES)
def test_every_criterion_of_the_rules_opens_an_item_in_its_lane(lane, name):
    found = mention(**({"serious": (name,)} if lane == "urgent" else {"situations": (name,)}))
    assert criteria_of(found, RULES) == (name,)
    alert = item(found, (name,), RULES)
    assert (alert.kind, alert.lane, alert.rules, alert.examples) == ("single_report", lane, (name,), ("s:1",))
    assert alert.rule_version == RULES.stamp


def test_a_serious_criterion_makes_an_item_urgent_whatever_else_is_met():
    both = mention(serious=("death",), situations=("overdose",))
    assert item(both, criteria_of(both, RULES), RULES).lane == "urgent"


def test_a_designated_event_is_known_by_its_concept():
    assert criteria_of(mention(reaction="HP:0001695"), RULES) == ("designated_event",)


def test_an_ordinary_mention_is_no_single_report():
    assert criteria_of(mention(), RULES) == ()


def test_a_name_that_the_rules_do_not_know_opens_nothing():
    assert criteria_of(mention(serious=("frightening",)), RULES) == ()


def test_an_item_is_words_a_drug_and_a_reaction_whatever_the_spans():
    assert item_id(mention(span=20)) == item_id(mention(span=40))
    assert item_id(mention()) != item_id(mention(reaction="HP:0001695"))


def test_reposts_have_one_item_and_posts_without_a_fingerprint_one_each():
    assert item_id(mention("s:1", fingerprint="f")) == item_id(mention("s:2", fingerprint="f"))
    assert item_id(mention("s:1", fingerprint="f")) != item_id(mention("s:1", fingerprint="g"))
    assert item_id(mention("s:1")) != item_id(mention("s:2"))


def test_the_queue_has_the_same_items_in_whatever_order_reposts_come():
    mentions = [mention(f"s:{i}", fingerprint="f", serious=("death",)) for i in range(3)] + [
        mention("s:9", fingerprint="g", situations=("overdose",)),
        mention("s:8", fingerprint="h"),
    ]
    assert {found.id for found in queue(mentions, RULES)} == {found.id for found in queue(mentions[::-1], RULES)}
    assert {found.examples for found in queue(mentions, RULES)} == {("s:0",), ("s:9",)}


def test_the_mentions_of_the_first_post_give_their_criteria_to_one_item_and_a_repost_gives_none():
    mentions = [
        mention("s:1", span=20, fingerprint="f", situations=("overdose",)),
        mention("s:2", span=20, fingerprint="f", serious=("disability",)),
        mention("s:1", span=40, fingerprint="f", serious=("death",)),
    ]
    [found] = queue(mentions, RULES)
    assert (found.lane, found.rules, found.examples) == ("urgent", ("death", "overdose"), ("s:1",))
