"""Likely misspellings: made by one slip or by sound, and nothing else already."""

from __future__ import annotations

import pytest
from rapidfuzz.distance import OSA

from services.vocabulary.everyday import chosen, everyday
from services.vocabulary.misspell import Recall, misspellings, recall, variants
from services.vocabulary.sources import DrugRow
from shared.events import Concept
from shared.vocabulary.drugs import DrugLexicon, default_lexicon

NOVEL = Concept("own:1", "novelfine")
LEXICON = DrugLexicon([("novelfine", NOVEL), ("novelline", Concept("own:2", "novelline"))], "test")


@pytest.mark.parametrize(
    ("name", "misspelt"),
    [
        ("zoloft", "zolft"), ("zoloft", "zolotf"), ("zoloft", "zooloft"), ("zoloft", "zolofy"), ("wegovy", "wegovi"),
        ("phentermine", "fentermine"), ("metformin", "metphormin"), ("cymbalta", "cimbalta"), ("accutane", "acutane"),
    ],
)  # fmt: skip
def test_slips_of_the_finger_and_spellings_by_sound_are_among_the_variants(name: str, misspelt: str) -> None:
    assert misspelt in variants(name)


def test_what_is_an_everyday_word_or_near_another_drug_is_left_out() -> None:
    made = misspellings("novelfine", NOVEL.id, LEXICON, {"novelfin"})
    assert "novelfien" in made
    assert "novelfin" in variants("novelfine")
    assert "novelfin" not in made
    assert all(OSA.distance(word, "novelline") > 1 for word in made)


@pytest.mark.parametrize("name", ["yaz", "z-pack", "flu shot", "é" * 6])
def test_short_names_and_names_of_several_words_have_none(name: str) -> None:
    assert misspellings(name, NOVEL.id, LEXICON, ()) == []


def test_no_misspelling_of_a_common_brand_is_a_shipped_name_of_another_drug_or_an_everyday_word() -> None:
    lexicon = default_lexicon()
    for name in ("zoloft", "wegovy", "prozac", "xanax"):
        drug = lexicon.names[name].id
        made = misspellings(name, drug, lexicon, everyday())
        assert len(made) > 10
        assert not everyday() & set(made)
        assert {lexicon.names[word].id for word in made if word in lexicon.names} <= {drug}


def test_recall_counts_what_people_wrote_and_a_variant_has() -> None:
    rows = [
        DrugRow("own:1", "novelfine", ("novelfine",), ("novelfien", "nuvulfine", "novelfin", "two words")),
        DrugRow("DB9", "not in the lexicon", (), ("whatever",)),
    ]
    assert recall(rows, LEXICON, {"novelfin"}) == Recall(written=3, found=1, slips=2, slips_found=1)


def test_everyday_words_are_letters_of_some_length_and_frequent() -> None:
    assert chosen({"word": 4.0, "rare": 1.0, "it": 7.0, "don't": 6.0, "café": 5.0, "able": 1.7}) == ["able", "word"]
    assert {"house", "molly", "revolution"} <= everyday()
    assert "sertaline" not in everyday()
