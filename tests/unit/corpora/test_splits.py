"""How corpora are taken together: copies are found, drugs are named, splits depend on content."""

from __future__ import annotations

from shared.corpora.readers import AnnotatedPost, Mention
from shared.corpora.splits import name_drugs, normalised

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
