"""What makes a mention a single report."""

from datetime import UTC, datetime

import pytest

from services.alerting.singles import criteria_of, item, item_id
from shared.events import Concept, Mention, Span
from shared.settings import load
from shared.signals.rules import load_rules

RULES = load_rules(load().rules_file)
SINGLE = RULES.single_report
CASES = [(SINGLE.serious.lane, name) for name in SINGLE.serious.criteria] + [
    (SINGLE.situations.lane, name) for name in SINGLE.situations.criteria
]


def mention(reaction="HP:0002018", span=20, **fields):
    return Mention(
        id=f"m{span}", post_id="s:1", created_at=datetime(2026, 3, 1, 12, tzinfo=UTC), drug=Concept("d1", "Drug one"),
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


def test_an_item_is_a_post_a_drug_and_a_reaction_whatever_the_spans():
    assert item_id(mention(span=20)) == item_id(mention(span=40))
    assert item_id(mention()) != item_id(mention(reaction="HP:0001695"))
