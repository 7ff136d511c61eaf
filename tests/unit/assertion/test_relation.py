from __future__ import annotations

import pytest

from shared.assertion.relation import caused, joined
from shared.assertion.text import Statement
from shared.assertion.treatment import treated
from shared.events import Span


def spans(marked: str) -> tuple[str, Span, Span]:
    """The post, the span in [brackets] (medicine) and the one in *asterisks* (reaction)."""
    text, found, open_at = "", {}, {}
    for character in marked:
        kind = "drug" if character in "[]" else "reaction" if character == "*" else None
        if kind is None:
            text += character
        elif kind in open_at:
            found[kind] = Span(open_at.pop(kind), len(text))
        else:
            open_at[kind] = len(text)
    return text, found["drug"], found["reaction"]


@pytest.mark.parametrize(
    "post",
    [
        "taking [advil] for my *headaches*",
        "[zoloft] for *insomnia* was a bust",
        "[zoloft] really helps my *anxiety*",
        "[nyquil] cured my *cough*",
        "*headache* so bad i took [advil]",
        "what a *migraine*. popping another [imitrex]",
        "since starting [humira] my *joint pain* is gone",
        "took [tylenol] because my *head hurts*",
        "[tramadol] doesn't touch the *pain*",
        "i was *itchy* so they gave me [benadryl]",
        "[aimovig] killed my *migraines*",
        "*joint pain* is so much better on [enbrel]",
        "finally *slept* through the night on [doxepin]",
        "my *asthma* and [singulair], a love story",
        "patients with *insomnia* were given [zolpidem]",
        "need my [imodium], *cramps* all morning",
    ],
)
def test_what_a_medicine_is_taken_for_is_its_indication(post: str) -> None:
    text, drug, reaction = spans(post)
    assert treated(Statement(text), drug, reaction.start, reaction.end)


@pytest.mark.parametrize(
    "post",
    [
        "[advil] gave me a *headache*",
        "thank you [seroquel] for the *nightmares*",
        "i blame [paxil] for the *weight gain*",
        "got a *rash* after i took [amoxicillin]",
        "*nausea* again, i will never take [metformin] again",
        "took [zoloft] for two days, *nausea*",
        "on [zoloft] for depression and now i *can't sleep*",
        "[humira] for my crohn's and it felt like *acid*",
        "felt *dizzy* because i took [lyrica]",
        "*brain zaps* because i forgot to take my [effexor]",
        "missing [effexor] was responsible for my *joint pain*",
        "[zoloft] killed my *appetite*",
        "stopped [lisinopril] and the *cough* is gone",
        "quit [lipitor] because of my *leg pain*",
        "*rash* cleared up when i stopped [bactrim]",
        "[seroquel] and then i developed *type 2 diabetes*",
    ],
)
def test_what_a_medicine_does_is_not_its_indication(post: str) -> None:
    text, drug, reaction = spans(post)
    assert not treated(Statement(text), drug, reaction.start, reaction.end)


def test_a_chronic_condition_is_a_reaction_where_the_post_says_what_caused_it() -> None:
    text, drug, reaction = spans("[zantac] gave me *cancer*")
    statement = Statement(text)
    blame = caused(statement, drug, reaction.start, reaction.end, [])
    assert blame
    assert not treated(statement, drug, reaction.start, reaction.end, caused=blame)
    text, drug, reaction = spans("[tamoxifen] year two, *cancer* sucks")
    assert treated(Statement(text), drug, reaction.start, reaction.end)


@pytest.mark.parametrize(
    ("post", "together"),
    [
        ("advil and nyquil", True),
        ("advil, nyquil", True),
        ("advil & nyquil", True),
        ("advil mixed with nyquil", True),
        ("switched from advil to nyquil", False),
        ("advil instead of nyquil", False),
        ("advil, later that day nyquil", False),
    ],
)
def test_medicines_side_by_side_are_spoken_of_together(post: str, together: bool) -> None:
    first, second = (Span(post.index(name), post.index(name) + len(name)) for name in ("advil", "nyquil"))
    assert joined(Statement(post), first, second) is together
    assert joined(Statement(post), second, first) is together
