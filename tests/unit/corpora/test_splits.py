"""How corpora are taken together: copies are found, drugs are named, splits depend on content."""

from __future__ import annotations

from shared.corpora.readers import AnnotatedPost, Mention
from shared.corpora.splits import coded, name_drugs, normalised
from shared.events import Concept

REACTION = frozenset({"reaction"})


def test_copies_that_differ_in_masks_and_spacing_are_equal() -> None:
    assert normalised("@USER My head  hurts! HTTPURL") == normalised("my head hurts")


def test_a_queried_drug_is_named_in_every_post() -> None:
    posts = [
        AnnotatedPost("itchy on drugol", (Mention(0, 5, "reaction"),), REACTION, drug="drugol"),
        AnnotatedPost("Drugol or drugolax?", (), REACTION),
    ]
    first, second = name_drugs(posts)
    assert first.mentions == (Mention(0, 5, "reaction"), Mention(9, 15, "drug"))
    assert second.mentions == (Mention(0, 6, "drug"),)
    assert second.types == {"reaction", "drug"}


def test_without_queried_drugs_posts_stay_as_they_are() -> None:
    posts = [AnnotatedPost("hello", (), REACTION)]
    assert name_drugs(posts) == posts


def test_a_mention_takes_the_concept_of_the_one_it_shares_most_with() -> None:
    dizzy, tired = Concept("MedDRA:1", "dizzy"), Concept("MedDRA:2", "tired")
    others = (Mention(0, 5, "reaction", (), dizzy), Mention(4, 15, "reaction", (), tired), Mention(20, 22, "reaction"))
    post = AnnotatedPost("x" * 30, (Mention(3, 12, "reaction"), Mention(20, 25, "reaction")), REACTION)
    assert [mention.concept for mention in coded(post, others).mentions] == [tired, None]
