"""Candidates for phrases that the cascade does not settle, and which of them are taken."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from shared.errors import AdrwatchError
from shared.events import Concept
from shared.vocabulary.candidates import PhraseIndex
from shared.vocabulary.ngrams import TfIdf, character_ngrams
from shared.vocabulary.normaliser import ReactionNormaliser
from shared.vocabulary.rank import FEATURES, Ranker, Weights

ITCH, SLEEP, HEAD = Concept("X:1", "Itch"), Concept("X:2", "Insomnia"), Concept("X:3", "Headache")
PHRASES = [("itchy skin", ITCH), ("itching all over", ITCH), ("no sleep at night", SLEEP), ("pounding headache", HEAD)]


@pytest.fixture(scope="module")
def normaliser() -> ReactionNormaliser:
    return ReactionNormaliser.open()


def test_ngrams_keep_the_edges_of_words() -> None:
    assert character_ngrams("ab c", 2, 3) == [" a", "ab", "b ", " ab", "ab ", " c", "c ", " c "]


def test_tf_idf_rows_have_length_one_and_leave_out_what_was_not_learned() -> None:
    weighting = TfIdf.fit([["a", "b"], ["a"]])
    columns, weights = weighting.row(["a", "b", "b", "never seen"])
    assert len(columns) == 2
    assert math.isclose(float((weights**2).sum()), 1.0, rel_tol=1e-6)
    rare = (1 + math.log(2)) * (math.log(3 / 2) + 1)
    assert math.isclose(max(weights), rare / math.hypot(1.0, rare), rel_tol=1e-6)
    assert weighting.row(["never seen"])[0].size == 0
    matrix = weighting.matrix([["never seen"], ["a", "b", "b"]])
    assert matrix[[0]].sum() == 0
    assert matrix[[1]].toarray()[0, columns] == pytest.approx(weights)


def test_the_nearest_phrase_comes_first_with_ratcliff_and_obershelps_similarity() -> None:
    first, *_ = PhraseIndex([("wikimania", ITCH), *PHRASES]).near("wikimedia")
    # Twice the characters that match in order ("wikim", "ia") over the characters of both.
    assert (first.phrase, first.similarity) == ("wikimania", pytest.approx(2 * 7 / 18))
    assert PhraseIndex(PHRASES).near("zzz") == []


def test_each_concept_is_proposed_once_by_its_best_phrase() -> None:
    found = Ranker(PHRASES, Weights.load()).candidates("itchy skin all over")
    assert [one.concept for one in found].count(ITCH) == 1
    assert found[0].concept == ITCH
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert all(0 <= one.score <= 1 for one in found)


def test_a_negated_phrase_never_meets_one_that_is_not() -> None:
    ranker = Ranker(PHRASES, Weights.load())
    assert [one.concept for one in ranker.candidates("no itchy skin")] == [SLEEP]
    assert SLEEP not in [one.concept for one in ranker.candidates("sleep at night")]


def test_only_what_is_alike_and_scores_high_is_taken() -> None:
    sure = Weights((1.0, *[0.0] * (len(FEATURES) - 1)), 5.0, 0.95)
    assert Ranker(PHRASES, sure).sure("pounding headaches") is not None
    assert Ranker(PHRASES, sure).sure("pounding on the door") is None
    assert Ranker(PHRASES, Weights(sure.weights, -5.0, 0.95)).sure("pounding headaches") is None


def test_a_phrase_that_the_cascade_misses_is_found_near_a_known_one(normaliser: ReactionNormaliser) -> None:
    assert normaliser.vocabulary.match("not lettin me sleep").how == "none"
    match = normaliser.match("not lettin me sleep")
    assert (match.concept.label, match.how) == ("Insomnia", "ranked")


@pytest.mark.parametrize("phrase", ["purple bicycle", "my bus was late again", "", "!!!"])
def test_what_is_no_reaction_stays_unmapped(normaliser: ReactionNormaliser, phrase: str) -> None:
    assert normaliser.match(phrase).concept.id == "unmapped"


@pytest.mark.parametrize("phrase", ["puking", "couldnt sleep", "nausiating", "really bad headache today"])
def test_what_the_cascade_settles_stays_as_it_is(normaliser: ReactionNormaliser, phrase: str) -> None:
    assert normaliser.match(phrase) == normaliser.vocabulary.match(phrase)


def test_at_most_five_candidates_are_shown_and_always_the_same(normaliser: ReactionNormaliser) -> None:
    found = normaliser.candidates("no sleeping tablets left")
    assert 0 < len(found) <= 5
    assert found == ReactionNormaliser.open().candidates("no sleeping tablets left")


def test_death_is_never_a_candidate(normaliser: ReactionNormaliser) -> None:
    assert "ADRW:0009" not in [one.concept.id for one in normaliser.candidates("death of my houseplant", 50)]


def test_a_file_of_weights_that_lacks_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rank.toml").write_text("threshold = 0.9\nconstant = 1\n[weights]\ncosine = 1\n")
    with pytest.raises(AdrwatchError, match="no file of weights"):
        Weights.load(tmp_path / "rank.toml")
