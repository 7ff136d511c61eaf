"""Reactions by their names: where they stand in a text, the longest first, and nothing that is only half a word."""

from __future__ import annotations

import pytest

from shared.events import Concept
from shared.vocabulary.terms import ReactionTerms, default_terms

DEATH, FAILURE, LIVER = Concept("T:1", "Death"), Concept("T:2", "Hepatic failure"), Concept("T:3", "Liver pain")


def found(terms: ReactionTerms, text: str) -> list[tuple[str, str]]:
    return [(text[r.span.start : r.span.end], r.concept.label) for r in terms.find(text)]


@pytest.fixture
def terms() -> ReactionTerms:
    return ReactionTerms([("died", DEATH), ("liver failure", FAILURE), ("liver", LIVER), ("hasn't slept", LIVER)])


def test_the_longest_names_are_found_where_they_stand_in_the_text(terms):
    assert found(terms, "He DIED, of liver\n failure; the liver!") == [
        ("DIED", "Death"),
        ("liver\n failure", "Hepatic failure"),
        ("liver", "Liver pain"),
    ]


def test_neighbouring_names_are_both_found(terms):
    assert found(terms, "liver liver died") == [("liver", "Liver pain"), ("liver", "Liver pain"), ("died", "Death")]


@pytest.mark.parametrize("text", ["", "...", "studied the livery", "a failure of the phone", "🙂"])
def test_parts_of_words_and_empty_posts_name_nothing(terms, text):
    assert found(terms, text) == []


def test_curly_quotes_drawn_out_letters_and_letters_that_grow_in_lower_case_keep_the_place(terms):
    assert found(terms, "İİ hasn’t slept, diiied? no: died") == [("hasn’t slept", "Liver pain"), ("died", "Death")]


def test_of_a_vague_concept_the_vocabulary_finds_only_its_own_name():
    assert found(default_terms(), "a psychosis, not the crazy kind") == [("psychosis", "Psychosis")]
