from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.assertion.status import status, widened
from shared.assertion.text import Statement


def said(marked: str) -> str:
    """The status of the reaction that stands between asterisks."""
    start = marked.index("*")
    end = marked.index("*", start + 1) - 1
    return status(Statement(marked.replace("*", "")), start, end)


@pytest.mark.parametrize(
    "post",
    [
        "zoloft gave me *nausea*",
        "my mom got a *rash* from amoxicillin",
        "i never had *headaches* until i started zoloft",
        "never had *migraines* this bad before effexor",
        "i can't stop *shaking* on this stuff",
        "not gonna lie, seroquel makes me *sleepy*",
        "no wonder i have *brain zaps*, i forgot my effexor",
        "forgot my effexor, did not take it for two days, *brain zaps* all day",
        "why does seroquel make me so *hungry*?",
        "anyone else get *headaches* on zoloft?",
        "anyone get headaches on zoloft? i have had *one* for 3 days",
        "is it just me or does lexapro cause *yawning*?",
        "no nausea but the *dizziness* is awful",
        "other than the *dry mouth* i feel fine",
        "the side effects are real, i have *dry mouth* and my hands shake",
        "i couldn't take the *nausea* anymore",
        "anyone get *headaches* on zoloft?? mine are awful",
        "*could not eat* a thing on metformin",
    ],
)
def test_what_somebody_had_is_asserted(post: str) -> None:
    assert said(post) == "asserted"


@pytest.mark.parametrize(
    "post",
    [
        "no *nausea* on zoloft so far",
        "zoloft didn't give me any *nausea*",
        "two weeks in without any *headaches*",
        "i have never had *insomnia* from it",
        "no more *dizziness* since monday",
        "it doesnt make me *drowsy* at all",
        "this one is *nausea*-free for me",
        "the dizziness is awful but no *vomiting* yet",
    ],
)
def test_what_is_denied_is_no_reaction(post: str) -> None:
    assert said(post) == "denied"


@pytest.mark.parametrize(
    "post",
    [
        "this may cause *drowsiness*",
        "worried about getting a *rash* from lamictal",
        "if i get a *headache* i will stop",
        "hope i don't get *insomnia* from this",
        "methotrexate is linked to *liver damage*",
        "tell your doctor if you experience *hallucinations*",
        "i'm scared to start lamictal, the *rash* sounds awful",
        "they watch me for *liver damage* on methotrexate",
        "zoloft will make me *fat*",
    ],
)
def test_what_may_come_or_is_feared_is_hypothetical(post: str) -> None:
    assert said(post) == "hypothetical"


@pytest.mark.parametrize(
    "post",
    [
        "does zoloft cause *insomnia*?",
        "will it make me *fat*?",
        "is *nausea* normal on metformin?",
        "i wonder if lexapro causes *acne*",
        "does anyone know if humira causes *fatigue*",
        "is *hair loss* a thing on lexapro",
    ],
)
def test_what_is_only_asked_is_no_report(post: str) -> None:
    assert said(post) == "asked"


@pytest.mark.parametrize(
    "post",
    [
        "side effects include *nausea*, dizziness and death",
        "side effects include nausea, dizziness and *death*",
        "that commercial says *constipation* and memory loss lol",
        "new study of 400 patients: *weight gain* and sedation",
        "the leaflet in my box of pills mentions *hair loss*",
    ],
)
def test_a_recited_label_or_study_is_no_report(post: str) -> None:
    assert said(post) == "listed"


@pytest.mark.parametrize(
    ("post", "word", "whole"),
    [
        ("i couldn't sleep on zoloft", "sleep", "couldn't sleep"),
        ("can't even fall asleep", "asleep", "can't even fall asleep"),
        ("i have no appetite", "appetite", "no appetite"),
        ("no rash, great sleep", "sleep", "sleep"),
        ("not dizzy", "dizzy", "dizzy"),
    ],
)
def test_a_negation_of_what_a_body_should_do_belongs_to_the_reaction(post: str, word: str, whole: str) -> None:
    start = post.index(word)
    begin = widened(Statement(post), start, start + len(word))
    assert post[begin : start + len(word)] == whole
    assert status(Statement(post), begin, start + len(word)) == ("denied" if word == "dizzy" else "asserted")


@given(st.text(max_size=200), st.data())
def test_any_span_of_any_text_has_a_status_and_grows_to_the_left_only(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    statement = Statement(text)
    assert 0 <= widened(statement, start, end) <= start
    assert status(statement, start, end) in {"asserted", "denied", "hypothetical", "asked", "listed"}
