"""Why a reaction was put down to a medicine."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.assertion.explain import explain
from shared.events import Span


def place(text: str, word: str) -> Span:
    start = text.index(word)
    return Span(start, start + len(word))


def test_the_words_that_name_the_cause_are_marked() -> None:
    text = "Metformin gave me vomiting all night."
    found = explain(text, place(text, "Metformin"), place(text, "vomiting"))
    assert [(piece.text, piece.kind) for piece in found.pieces(text) if piece.kind] == [
        ("Metformin", "drug"), ("gave me", "cause"), ("vomiting", "reaction"),
    ]  # fmt: skip
    assert "gave me" in found.reasons[0]
    assert "drug and reaction stand in one clause" in found.reasons


def test_negation_near_by_is_marked_and_said_not_to_reach() -> None:
    text = "I did not sleep on Monday, but metformin gave me vomiting."
    found = explain(text, place(text, "metformin"), place(text, "vomiting"))
    assert "not" in [piece.text for piece in found.pieces(text) if piece.kind == "negation"]
    assert any(reason.startswith("negation in the sentence") for reason in found.reasons)


def test_a_word_that_stands_for_the_drug_is_marked_and_told() -> None:
    text = "Metformin and losartan. The second one gave me vomiting."
    metformin, losartan, reaction = place(text, "Metformin"), place(text, "losartan"), place(text, "vomiting")
    found = explain(text, losartan, reaction, [metformin])
    assert [piece.text for piece in found.pieces(text) if piece.kind == "drug"] == ["losartan", "The second one"]
    assert "“The second one” is read as another word for the drug" in found.reasons
    assert any(reason.startswith("of 2 drugs") for reason in found.reasons)
    assert "by the rules in force now another drug of the text is tied more closely to the reaction" in (
        explain(text, metformin, reaction, [losartan]).reasons
    )


def test_of_several_drugs_the_one_that_is_tied_most_closely_is_told() -> None:
    text = "I take losartan daily. Then metformin. Vomiting since."
    metformin, losartan, reaction = place(text, "metformin"), place(text, "losartan"), place(text, "Vomiting")
    found = explain(text, metformin, reaction, [losartan])
    assert "the drug is named in a sentence before the reaction" in found.reasons
    assert any(reason.startswith("of 2 drugs") for reason in found.reasons)
    other = explain(text, losartan, reaction, [metformin])
    assert any("another drug of the text" in reason for reason in other.reasons)


def test_what_the_rules_in_force_would_not_assert_is_said() -> None:
    text = "Metformin never gave me vomiting."
    found = explain(text, place(text, "Metformin"), place(text, "vomiting"))
    assert any("is denied, and not asserted" in reason for reason in found.reasons)


def test_places_that_do_not_fit_the_text_mark_nothing() -> None:
    found = explain("short", Span(0, 3), Span(40, 50))
    assert found.marks == ()
    assert "do not fit" in found.reasons[0]


@given(st.text(max_size=80), st.lists(st.integers(0, 80), min_size=4, max_size=4))
def test_pieces_together_are_the_text(text: str, at: list[int]) -> None:
    first, second, third, fourth = sorted(at)
    found = explain(text, Span(first, second), Span(third, fourth))
    assert "".join(piece.text for piece in found.pieces(text)) == text
