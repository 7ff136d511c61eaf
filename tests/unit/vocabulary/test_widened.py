"""In Chinese a place is widened to the known phrase that it is a part of; elsewhere words say where they end."""

from __future__ import annotations

import pytest

from shared.settings import load
from shared.vocabulary.languages import LanguageReactions, reactions_in
from shared.vocabulary.normaliser import ReactionNormaliser


@pytest.fixture(scope="module")
def normaliser() -> ReactionNormaliser:
    return ReactionNormaliser.load(load())


def reactions(language: str, normaliser: ReactionNormaliser) -> LanguageReactions:
    found = reactions_in(language, normaliser)
    assert isinstance(found, LanguageReactions)
    return found


@pytest.mark.parametrize(
    ("text", "part", "whole"),
    [
        ("吃优甲乐第二周，心慌得厉害", "心", "心慌"),
        ("吃得心悸，躺下更明显", "悸，", "心悸，"),
        ("今天去买了心爱的书", "心", "心"),
        ("İİ吃得心悸", "悸", "心悸"),
    ],
)
def test_a_part_of_a_known_phrase_becomes_the_phrase(
    text: str, part: str, whole: str, normaliser: ReactionNormaliser
) -> None:
    start = text.index(part)
    first, last = reactions("zh", normaliser).widened(text, start, start + len(part))
    assert text[first:last] == whole


def test_languages_with_spaces_keep_their_places(normaliser: ReactionNormaliser) -> None:
    assert reactions("ru", normaliser).widened("сердце колотится", 0, 6) == (0, 6)
