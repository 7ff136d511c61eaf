"""Similar words, and which cases are held against which. All texts are ours."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from shared.cases.duplicates import SIMILAR, Pair, Trace, pairs, suspicions
from shared.cases.model import Case, Flag
from shared.cases.sketch import NUMBERS, numbers, sketch
from shared.events import Concept
from tests.unit.cases.near_pairs import APART, FORM, LIVER, NEAR, RASH, SHOCK, SON

KEY = b"a key of the tests"
MOMENT = datetime(2026, 3, 1, 9, tzinfo=UTC)


def trace(
    case: str, text: str | None = None, *, drug: str = "DB:1", author: str | None = None, words: str | None = None
):
    return Trace(case, drug, f"post {case}", author, words, sketch(text, KEY) if text else None)


def similarity(one: str, other: str) -> float:
    first, second = (sketch(text, KEY) for text in (one, other))
    assert first is not None
    assert second is not None
    return float(np.mean(numbers(first) == numbers(second)))


@pytest.mark.parametrize("name", NEAR)
def test_one_report_in_nearly_the_same_words_is_flagged(name):
    [found] = pairs([trace("a", NEAR[name][0]), trace("b", NEAR[name][1])])
    assert (found.first, found.second, found.reasons) == ("a", "b", ("similar words",))
    assert found.similarity == round(similarity(*NEAR[name]), 2) >= SIMILAR


@pytest.mark.parametrize("name", APART)
def test_two_reports_of_one_drug_and_reaction_are_not_similar(name):
    assert list(pairs([trace("a", APART[name][0]), trace("b", APART[name][1])])) == []
    assert similarity(*APART[name]) < SIMILAR - 0.1


def test_forms_of_an_app_are_similar_whosever_they_are():
    """The limit of the measure: words are all it knows, so a person decides."""
    assert similarity(*FORM) > SIMILAR


@pytest.mark.parametrize("text", ["", "amoxicillin gave me a bad rash", "HTTPURL @USER RT " * 20])
def test_a_text_of_few_words_has_no_sketch(text):
    assert sketch(text, KEY) is None


def test_nobody_without_the_key_can_try_a_text():
    assert similarity(SHOCK, SHOCK) == 1
    other = sketch(SHOCK, b"another key of the tests")
    assert np.mean(numbers(other) == numbers(sketch(SHOCK, KEY))) < 0.1


def test_a_sketch_is_the_same_for_ever():
    """Sketches are kept in databases: one that is made otherwise by a later library must not be held against them unseen."""
    found = sketch(RASH, KEY)
    assert len(found) == 4 * NUMBERS
    assert hashlib.sha256(found).hexdigest()[:16] == "dfdc3b2b57701606"


@given(some.text(alphabet=some.characters(codec="utf-8"), max_size=400), some.binary(min_size=1, max_size=64))
def test_any_text_has_a_sketch_or_is_too_short(text, key):
    found = sketch(text, key)
    assert found is None or len(found) == 4 * NUMBERS


def test_words_are_compared_among_cases_of_one_drug():
    assert list(pairs([trace("a", SHOCK), trace("b", SHOCK + " Hm.", drug="DB:2")])) == []


def test_of_several_similar_posts_the_most_similar_one_is_named_and_of_equal_ones_the_latest():
    first, second = trace("a", SON), trace("b", SON.split(". ")[0] + ".")
    [*_, found] = pairs([first, second, trace("c", SON + " Thanks.")])
    assert (found.first, found.second) == ("a", "c")
    twin = trace("d", SON)
    [*_, found] = pairs([first, twin, trace("c", SON + " Thanks.")])
    assert found.first == "d"


def test_the_similar_one_is_found_among_many_of_a_drug():
    days = ("one", "two", "three", "four", "five", "six", "seven")
    many = [
        trace(f"{day} {number}", f"{number} pills, {day} days, {text[::-1]}")
        for number, text in enumerate((RASH, SON, SHOCK, *(text for _, text in APART.values())))
        for day in days
    ]
    [found] = pairs(
        [*many[:40], trace("sought", LIVER), *many[40:], trace("new", NEAR["told in the third person"][1])], {"new"}
    )
    assert (found.first, found.second) == ("sought", "new")


def test_equal_words_hang_together_and_are_not_called_similar():
    same = [trace(case, SHOCK, words="f1", author=author) for case, author in (("a", "x"), ("b", "y"), ("c", "x"))]
    assert set(pairs(same)) == {
        Pair("a", "b", ("the same words",), None),
        Pair("b", "c", ("the same words",), None),
        Pair("a", "c", ("one author",), None),
    }


def test_only_pairs_of_the_cases_that_are_wanted_are_given_and_all_are_known():
    given_ = [trace("a", author="x"), trace("b", author="x"), trace("c", author="x")]
    assert list(pairs(given_, {"c"})) == [Pair("b", "c", ("one author",), None)]


def test_what_is_not_known_of_posts_connects_nothing():
    assert list(pairs([trace("a"), trace("b")])) == []


def case(name: str, day: int, *flags: Flag, duplicates: tuple[str, ...] = (), reaction: str = "HP:1") -> Case:
    return Case(
        id=name, opened_at=MOMENT + timedelta(days=day), opened_by="r", drug=Concept("DB:1", "d"),
        reaction=Concept(reaction, "r"), flags=flags, duplicates=duplicates,
    )  # fmt: skip


def test_what_is_suspected_joins_flags_links_and_the_names_of_drug_and_reaction():
    found = suspicions(
        [
            case("a", 0, Flag("b", ("similar words",), 0.8), Flag("gone", ("one author",))),
            case("b", 1, Flag("a", ("similar words",), 0.8)),
            case("c", 30, duplicates=("d",)),
            case("d", 60, duplicates=("c",), reaction="HP:2"),
        ],
        # It was written long before it was opened.
        {"c": MOMENT - timedelta(days=3)},
    )
    assert [(one.first, one.second, one.reasons, one.linked, one.similarity) for one in found] == [
        ("c", "d", (), True, None),
        ("a", "c", ("drug and reaction within 14 days",), False, None),
        ("a", "b", ("similar words", "drug and reaction within 14 days"), False, 0.8),
    ]
