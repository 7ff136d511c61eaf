"""Scores of whole mentions, against values worked out by hand."""

from __future__ import annotations

from shared.corpora.readers import Mention
from shared.mention_scores import confusion, discontinuous, overlapping, pairings, places, shared
from shared.scores import Counts, strict

SORE_LEGS = ((0, 4), (14, 18))


def test_a_discontinuous_mention_is_strictly_found_only_as_a_whole() -> None:
    gold = [SORE_LEGS, ((20, 25),)]
    assert strict([((0, 4),), ((14, 18),), ((20, 25),)], gold) == Counts(1, 1, 3, 2)
    assert strict([((0, 18),)], gold) == Counts(0, 0, 1, 2)
    assert strict([SORE_LEGS], gold) == Counts(1, 1, 1, 2)


def test_fragments_overlap_where_they_stand_and_not_between() -> None:
    assert shared(SORE_LEGS, ((3, 16),)) == 3
    assert overlapping([((5, 9),)], [SORE_LEGS]) == Counts(0, 0, 1, 1)
    # Two predicted spans meet one mention: both are right, and it is found once.
    assert overlapping([((0, 4),), ((14, 18),)], [SORE_LEGS]) == Counts(2, 1, 2, 1)


def test_mentions_are_taken_by_type_and_by_being_discontinuous() -> None:
    mentions = [Mention(0, 18, "reaction", SORE_LEGS), Mention(20, 25, "reaction"), Mention(0, 4, "drug")]
    assert places(mentions, "reaction") == [SORE_LEGS, ((20, 25),)]
    assert discontinuous(places(mentions, "reaction")) == [SORE_LEGS]


def test_confusion_pairs_each_gold_mention_once_and_prefers_its_own_type() -> None:
    gold = [Mention(0, 10, "reaction"), Mention(20, 30, "indication"), Mention(40, 44, "drug")]
    predicted = [
        Mention(0, 10, "indication"),
        Mention(8, 10, "reaction"),
        Mention(20, 30, "reaction"),
        Mention(50, 54, "drug"),
    ]
    found = pairings(predicted, gold)
    assert [pair.types for pair in found] == [
        ("reaction", "reaction"),
        ("indication", "reaction"),
        ("drug", "none"),
        ("none", "drug"),
    ]
    assert confusion(found, ["reaction", "drug", "indication"]) == [
        [1, 0, 0, 0],
        [0, 0, 0, 1],
        [1, 0, 0, 0],
        [0, 1, 0, 0],
    ]
