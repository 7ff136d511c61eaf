"""Gold pairs of annotated posts, and when what the pipeline states is one of them."""

from __future__ import annotations

import pytest

from services.evaluation.pairs import LEVELS, Stated, counts, gold_of
from shared.corpora.readers import AnnotatedPost, Mention, Relation
from shared.events import Concept
from shared.scores import Counts
from shared.vocabulary.drugs import DrugLexicon
from shared.vocabulary.reactions import ReactionVocabulary

LEXICON = DrugLexicon([("drugol", Concept("DB1", "Drugol")), ("pillex", Concept("DB2", "Pillex"))], "test")
VOCABULARY = ReactionVocabulary(
    [("hives", Concept("HP:1", "Hives"), 0), ("vomiting", Concept("HP:2", "Vomiting"), 0)], "test"
)
TEXT = "drugol gave me hives and i threw up"
HIVES = Mention(15, 20, "reaction", (), Concept("MedDRA:10", "hives"))
THREW = Mention(27, 35, "reaction", (), Concept("MedDRA:11", "vomiting"))


def post(*mentions: Mention, drug: str = "drugol", text: str = TEXT) -> AnnotatedPost:
    return AnnotatedPost(text, mentions, frozenset({"reaction"}), drug)


def stated(drug: str, start: int, end: int, concept: str) -> Stated:
    return Stated(drug, ((start, end),), concept)


def on_all(gold: AnnotatedPost, *found: Stated) -> dict[str, Counts]:
    known = gold_of(gold, LEXICON, VOCABULARY)
    return {level: counts(level, known, found) for level in LEVELS}


def test_concepts_of_the_corpus_are_compared_by_the_vocabularys_id_of_their_term() -> None:
    unknown = Mention(0, 6, "reaction", (), Concept("MedDRA:12", "purple ears"))
    code, held = (
        Mention(8, 9, "reaction", (), Concept("MedDRA:13", "")),
        Mention(9, 10, "reaction", (), Concept("HP:2", "")),
    )
    reactions = gold_of(post(HIVES, unknown, Mention(7, 8, "reaction"), code, held), LEXICON, VOCABULARY).reactions
    assert [(reaction.concept, reaction.named) for reaction in reactions] == [
        ("HP:1", True),
        ("MedDRA:12", False),
        (None, False),
        (None, False),
        ("HP:2", True),
    ]


@pytest.mark.parametrize(
    ("drug", "text", "expected"),
    [
        ("pillex", TEXT, {"DB2"}),
        ("", TEXT, {"DB1"}),
        ("unheardof", TEXT, {"DB1"}),
        ("", "drugol or pillex: hives", set()),
        ("", "the pills gave me hives", set()),
    ],
)
def test_the_medicine_is_the_queried_one_else_the_only_one_named(drug: str, text: str, expected: set[str]) -> None:
    [reaction] = gold_of(post(Mention(0, 4, "reaction"), drug=drug, text=text), LEXICON, VOCABULARY).reactions
    assert reaction.drugs == expected


def test_relations_say_which_medicine_and_leave_other_reactions_out() -> None:
    mentions = (Mention(0, 6, "drug"), HIVES, THREW)
    related = AnnotatedPost(TEXT, mentions, frozenset({"reaction"}), relations=(Relation("causes", 0, 1),))
    [reaction] = gold_of(related, LEXICON, VOCABULARY).reactions
    assert (reaction.places, reaction.drugs) == (HIVES.places, {"DB1"})


def test_each_level_asks_for_more() -> None:
    found = on_all(post(HIVES, THREW), stated("DB1", 15, 20, "HP:1"), stated("DB2", 25, 35, "HP:2"))
    assert found == {
        "post": Counts(1, 1, 1, 1),
        "reaction span, overlapping": Counts(2, 2, 2, 2),
        "reaction span, strict": Counts(1, 1, 2, 2),
        "medicine and reaction span, overlapping": Counts(1, 1, 2, 2),
        "medicine and reaction span, strict": Counts(1, 1, 2, 2),
        "reaction concept": Counts(2, 2, 2, 2),
        "medicine and reaction concept": Counts(1, 1, 2, 2),
    }


def test_what_a_post_without_reactions_states_is_wrong_on_every_level() -> None:
    assert set(on_all(post(), stated("DB1", 15, 20, "HP:1")).values()) == {Counts(0, 0, 1, 0)}


def test_the_same_pair_twice_in_a_post_is_one() -> None:
    found = on_all(post(HIVES), stated("DB1", 15, 20, "HP:1"), stated("DB1", 30, 35, "HP:1"))
    assert found["medicine and reaction concept"] == Counts(1, 1, 1, 1)
    assert found["medicine and reaction span, overlapping"] == Counts(1, 1, 2, 1)


def test_a_post_whose_annotation_is_not_enough_for_a_level_counts_for_nothing_there() -> None:
    found = on_all(post(HIVES, Mention(27, 35, "reaction")), stated("DB1", 15, 20, "HP:1"))
    assert found["reaction concept"] == found["medicine and reaction concept"] == Counts(0, 0, 0, 0)
    assert found["medicine and reaction span, strict"] == Counts(1, 1, 1, 2)
    nobody = on_all(post(HIVES, text="the pills gave me hives", drug=""), stated("DB1", 15, 20, "HP:1"))
    assert nobody["medicine and reaction concept"] == nobody["medicine and reaction span, strict"] == Counts(0, 0, 0, 0)
    assert nobody["reaction concept"] == Counts(1, 1, 1, 1)


def test_an_unmapped_reaction_is_no_concept_found() -> None:
    found = on_all(post(HIVES), stated("DB1", 15, 20, "unmapped"))
    assert found["reaction concept"] == Counts(0, 0, 1, 1)
