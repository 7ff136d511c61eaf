from __future__ import annotations

import pytest
from msgspec.structs import replace

from services.pipeline.steps.attribute import attribute
from services.pipeline.steps.document import AssertedPair, Document
from services.pipeline.steps.normalise import Reported, Vocabularies, normalise
from shared.events import Span, Terms, encode, mention_id
from shared.text.clean import fingerprint
from shared.text.sketch import near_sketch
from shared.vocabulary.drugs import default_lexicon
from shared.vocabulary.reactions import default_vocabulary
from tests.unit.pipeline.posts import extracted, post

VOCABULARIES = Vocabularies(default_vocabulary(), frozenset({"HP:0100845"}), frozenset({"serotonin syndrome"}))


def reported(document: Document) -> Reported:
    (document,), _ = attribute([document])
    (one,), failed = normalise([document], VOCABULARIES, "c1+e1")
    assert failed == []
    return one


def test_a_post_becomes_an_outcome_with_distinct_pairs_and_a_mention_for_each_place() -> None:
    text = "zoloft made me throw up. zoloft made me puke again. zoloft gave me a headache"
    one = reported(extracted(text, "throw up", "puke", "headache"))
    assert one.outcome.status == "mentions:3"
    assert [(pair.drug.id, pair.reaction.id) for pair in one.outcome.pairs] == [
        ("DB01104", "HP:0002013"),
        ("DB01104", "HP:0002315"),
    ]
    assert (one.outcome.probability, one.outcome.model_version, one.outcome.author) == (0.9, "c1+e1", "a1")
    assert one.outcome.fingerprint == fingerprint(text) == one.mentions[0].fingerprint
    first = one.mentions[0]
    assert first.id == mention_id("test:1", first.drug_span, first.reaction_span)
    assert text[first.reaction_span.start : first.reaction_span.end] == "throw up"


def test_no_message_carries_words_of_the_post() -> None:
    text = "zoloft made me puke behind the bakery"
    one = reported(extracted(text, "puke"))
    for event in (one.outcome, *one.mentions):
        assert b"bakery" not in encode(event)
        assert b"puke" not in encode(event)


def test_a_report_has_a_sketch_if_it_is_long_enough_and_no_other_post_has_one() -> None:
    long = "zoloft made me puke behind the bakery, in front of the school and twice in the number 12 bus to the station"
    (document,), _ = attribute([extracted(long, "puke")])
    short, negative = attribute([extracted("zoloft made me puke", "puke"), extracted(long)])[0]
    with_key, _ = normalise([document, short, negative], VOCABULARIES, "c1+e1", b"key")
    assert [one.outcome.sketch for one in with_key] == [near_sketch(long, b"key"), None, None]
    assert len(near_sketch(long, b"key") or b"") == 32
    without_key, _ = normalise([document], VOCABULARIES, "c1+e1")
    assert without_key[0].outcome.sketch is None


@pytest.mark.parametrize(
    ("said", "kept"),
    [("en", "en"), ("EN-gb", "en"), ("pt_BR", "pt"), ("und", None), ("", None), (None, None), ("<b>", None)],
)
def test_messages_tell_the_language_that_the_source_says_unless_only_aggregates_may_be_kept(
    said: str | None, kept: str | None
) -> None:
    document = extracted("zoloft made me puke", "puke")
    document.post = replace(document.post, language=said)
    one = reported(document)
    assert {one.outcome.language, *(mention.language for mention in one.mentions)} == {kept}
    document.post = replace(document.post, terms=Terms(aggregates_only=True))
    closed = reported(document)
    assert {closed.outcome.language, *(mention.language for mention in closed.mentions)} == {None}


def test_screened_and_negative_posts_have_an_outcome_and_no_mention() -> None:
    assert reported(Document(post("hi"), screened="no_drug")).outcome.status == "screened:no_drug"
    assert reported(Document(post("zoloft day one"), probability=0.1)).outcome.status == "negative"
    denied = reported(extracted("no nausea on zoloft", "nausea"))
    assert (denied.outcome.status, denied.outcome.pairs, denied.mentions) == ("negative", (), ())


def test_an_unknown_reaction_stays_countable_as_unmapped() -> None:
    one = reported(extracted("zoloft gave me a purple bicycle", "purple bicycle"))
    assert one.mentions[0].reaction.id == "unmapped"
    assert one.outcome.pairs[0].reaction.id == "unmapped"


def test_designated_events_and_criteria_stand_on_the_mention() -> None:
    one = reported(extracted("went into anaphylactic shock from cipro, rushed to the hospital", "anaphylactic shock"))
    assert one.mentions[0].serious == ("designated_event", "life_threatening", "hospitalisation")
    by_name = reported(extracted("zoloft gave me serotonin syndrome", "serotonin syndrome"))
    assert by_name.mentions[0].serious == ("designated_event",)
    special = reported(extracted("20 weeks pregnant and zofran gave me headaches", "headaches"))
    assert (special.mentions[0].serious, special.mentions[0].situations) == ((), ("pregnancy",))


def test_a_document_that_breaks_the_step_fails_alone() -> None:
    broken = extracted("zoloft gave me a rash", "rash", number=2)
    drug = default_lexicon().find(broken.post.text)[0]
    broken.pairs = [AssertedPair(drug, Span(0, 5), score=None), None]  # type: ignore[arg-type, list-item]
    done, failed = normalise([extracted("hi", number=1), broken], VOCABULARIES, "c1+e1")
    assert [one.outcome.post_id for one in done] == ["test:1"]
    assert [(failure.post.id, failure.reason) for failure in failed] == [("test:2", "normalise-failed")]
