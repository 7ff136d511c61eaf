"""A reaction in a script without spaces reaches as far as the vocabulary's phrase that it is a part of; parts of one are one."""

from __future__ import annotations

import pytest

from services.pipeline.steps.extract import _wide
from shared.models.decode import Span
from shared.settings import load
from shared.vocabulary.languages import LanguageReactions, reactions_in
from shared.vocabulary.normaliser import ReactionNormaliser

TEXT = "吃优甲乐第二周，心慌得厉害"


@pytest.fixture(scope="module")
def chinese() -> LanguageReactions:
    settings = load()
    found = reactions_in("zh", ReactionNormaliser.load(settings))
    assert isinstance(found, LanguageReactions)
    return found


def span(words: str, kind: str = "reaction", score: float = 0.9) -> Span:
    return Span(TEXT.index(words), TEXT.index(words) + len(words), kind, score)


def test_parts_of_one_phrase_are_one_reaction_and_other_types_stay(chinese: LanguageReactions) -> None:
    found = _wide([span("优甲", "drug"), span("心"), span("慌", score=0.6)], TEXT, chinese.widened)
    assert [(TEXT[one.start : one.end], one.type, one.score) for one in found] == [
        ("优甲", "drug", 0.9),
        ("心慌", "reaction", 0.9),
    ]


def test_a_reaction_in_fragments_and_one_that_is_no_part_of_a_phrase_stay(chinese: LanguageReactions) -> None:
    whole = span("心")
    split = Span(whole.start, whole.end, "reaction", 0.9, ((whole.start, whole.start + 1), (whole.end, whole.end + 1)))
    assert _wide([split, span("厉害")], TEXT, chinese.widened) == [split, span("厉害")]
