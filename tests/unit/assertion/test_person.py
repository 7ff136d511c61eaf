from __future__ import annotations

import pytest

from shared.assertion.person import person
from shared.assertion.text import Statement


def whose(marked: str) -> str:
    """The person of the reaction that stands between asterisks."""
    start = marked.index("*")
    end = marked.index("*", start + 1) - 1
    return person(Statement(marked.replace("*", "")), start, end)


@pytest.mark.parametrize(
    "post",
    [
        "zoloft gave me *nausea*",
        "*nausea* from zoloft",
        "my husband drove because i was so *dizzy*",
        "she put me on lexapro and i *yawn* all day",
        "told my mom that my *head hurts* from this",
    ],
)
def test_a_reaction_is_the_writers_unless_somebody_else_is_spoken_of(post: str) -> None:
    assert whose(post) == "writer"


@pytest.mark.parametrize(
    "post",
    [
        "my mom got a *rash* from amoxicillin",
        "gran was given tramadol. *saw cats* everywhere",
        "when i gave it to my son he *threw up*",
        "a lady in my team *fainted* after the shot",
        "*hives* all over my daughter from bactrim",
        "on amlodipine *his ankles swelled*",
    ],
)
def test_a_reaction_of_somebody_else_is_marked(post: str) -> None:
    assert whose(post) == "other"
