from __future__ import annotations

import pytest

from services.pipeline.steps.attribute import attribute, pairs
from shared.models.decode import Span as TypedSpan
from shared.vocabulary.drugs import default_lexicon
from tests.unit.pipeline.posts import extracted, spans


def asserted(text: str, *words: str) -> list[tuple[str, str]]:
    (document,), failed = attribute([extracted(text, *words)])
    assert failed == []
    return [(p.drug.concept.label, text[p.reaction.start : p.reaction.end]) for p in document.pairs]


@pytest.mark.parametrize(
    ("text", "word", "drug"),
    [
        ("adderall makes me vomit and vyvanse gives me migraines", "vomit", "amphetamine"),
        ("adderall makes me vomit and vyvanse gives me migraines", "migraines", "lisdexamfetamine"),
        ("switched from lexapro to zoloft and now i feel sick", "sick", "sertraline"),
        ("zoloft gives me headaches so i take advil", "headaches", "sertraline"),
        ("on lithium and seroquel. dizzy from the seroquel", "dizzy", "quetiapine"),
        ("i love my zoloft. the metformin though: diarrhea from hell", "diarrhea", "metformin"),
        ("zoloft was better than paxil. horrible nightmares on paxil", "nightmares", "paroxetine"),
        ("stopped taking effexor and have brain zaps all day", "brain zaps", "venlafaxine"),
        ("my mum got a rash from amoxicillin", "rash", "amoxicillin"),
    ],
)
def test_a_reaction_goes_to_the_medicine_that_the_post_blames(text: str, word: str, drug: str) -> None:
    assert asserted(text, word) == [(drug, word)]


@pytest.mark.parametrize(
    ("text", "word", "drugs"),
    [
        ("on zoloft and seroquel. the second one makes me dizzy", "dizzy", ["quetiapine"]),
        ("i take zoloft, used to take paxil. It gives me nightmares", "nightmares", ["sertraline"]),
        ("advil and nyquil, the two together left me puking", "puking", ["ibuprofen", "acetaminophen"]),
        ("on lipitor and zoloft, the statin gives me cramps", "cramps", ["atorvastatin"]),
        ("zoloft after paxil, this pill gives me nightmares", "nightmares", ["sertraline"]),
    ],
)
def test_a_word_for_a_medicine_is_followed_to_its_name(text: str, word: str, drugs: list[str]) -> None:
    assert [drug for drug, _ in asserted(text, word)] == drugs


def test_a_pair_by_a_word_has_the_place_of_the_name_that_the_word_means() -> None:
    text = "zoloft and paxil. zoloft it is. The first one makes me sick"
    (document,), _ = attribute([extracted(text, "sick")])
    (pair,) = document.pairs
    assert (pair.drug.span.start, pair.drug.span.end) == (18, 24)


def test_medicines_without_a_concept_are_told_apart_by_their_words() -> None:
    text = "on drugol and testamol. the second one makes me dizzy"
    named = [TypedSpan(3, 9, "drug", 1.0), TypedSpan(14, 22, "drug", 1.0)]
    (pair,) = pairs(text, [], [*named, *spans(text, "dizzy")])
    assert text[pair.drug.span.start : pair.drug.span.end] == "testamol"


def test_medicines_that_are_blamed_together_are_both_blamed() -> None:
    assert asserted("mixing advil and nyquil made me puke", "puke") == [
        ("ibuprofen", "puke"),
        ("acetaminophen", "puke"),
    ]
    text = "ativan, seroquel & ambien make me stumble"
    assert [drug for drug, _ in asserted(text, "stumble")] == ["lorazepam", "quetiapine", "zolpidem"]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("no nausea on zoloft", "nausea"),
        ("does zoloft cause insomnia?", "insomnia"),
        ("side effects of zoloft include nausea, dizziness", "dizziness"),
        ("taking advil for my headache", "headache"),
        ("worried about getting a rash from lamictal", "rash"),
        ("this says nothing of a medicine but i feel sick", "sick"),
        ("zoloft is a reaction of its own", "zoloft"),
    ],
)
def test_what_is_not_asserted_gives_no_pair(text: str, word: str) -> None:
    assert asserted(text, word) == []


def test_a_cannot_before_a_function_becomes_part_of_the_reaction() -> None:
    assert asserted("zoloft and i can't sleep", "sleep") == [("sertraline", "can't sleep")]


def test_a_medicine_that_only_the_extractor_knows_can_be_to_blame() -> None:
    text = "novelmab gave me a rash, advil is fine"
    found = [*spans(text, "novelmab", kind="drug"), *spans(text, "rash")]
    (pair,) = pairs(text, default_lexicon().find(text), found)
    assert (text[pair.drug.span.start : pair.drug.span.end], pair.drug.concept.id) == ("novelmab", "unmapped")


def test_words_that_the_extractor_holds_for_an_indication_are_dropped() -> None:
    text = "zoloft day 3 #anxiety #nausea"
    found = [*spans(text, "anxiety", "nausea"), *spans(text, "anxiety", kind="indication", score=0.95)]
    (pair,) = pairs(text, default_lexicon().find(text), found)
    assert text[pair.reaction.start : pair.reaction.end] == "nausea"


def test_a_reaction_to_stopping_a_medicine_counts_and_one_span_of_two_types_counts_once() -> None:
    text = "effexor brain zaps are the worst"
    found = [*spans(text, "brain zaps", kind="withdrawal"), *spans(text, "brain zaps")]
    assert len(pairs(text, default_lexicon().find(text), found)) == 1


def test_spans_of_mere_grammar_are_no_reactions() -> None:
    assert asserted("seroquel has made me so hungry", "so", "hungry") == [("quetiapine", "hungry")]


def test_a_sign_of_illness_that_the_extractor_is_surer_of_is_no_reaction() -> None:
    text = "cymbalta for my fibro, but my hands still hurt"
    start, end = text.index("hands still hurt"), len(text)
    drugs = default_lexicon().find(text)
    reaction = TypedSpan(start, end, "reaction", 0.6)
    assert pairs(text, drugs, [reaction, TypedSpan(start, end, "symptom", 0.8)]) == []
    assert len(pairs(text, drugs, [reaction, TypedSpan(start, end, "symptom", 0.4)])) == 1


def test_a_negation_before_a_discontinuous_reaction_belongs_to_its_first_fragment() -> None:
    text = "on lipitor i can't sleep at all these nights"
    head, tail = text.index("sleep"), text.index("nights")
    span = TypedSpan(head, len(text), "reaction", 0.9, ((head, head + 5), (tail, len(text))))
    [pair] = pairs(text, default_lexicon().find(text), [span])
    assert [text[start:end] for start, end in pair.fragments] == ["can't sleep", "nights"]
    assert (pair.reaction.start, pair.reaction.end) == (text.index("can't"), len(text))
