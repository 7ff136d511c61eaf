"""Folds of reviews, balanced training parts, units that are read at once."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli import build
from services.training.russian.folds import balanced, fold, reviews, units
from services.training.russian.options import FOLDS
from shared.corpora.readers import AnnotatedPost, Mention
from shared.errors import AdrwatchError

TYPES = frozenset({"reaction"})


def sentences(count: int, reporting: int) -> list[AnnotatedPost]:
    """Reviews of three sentences; the second one of the first `reporting` names a reaction."""
    return [
        AnnotatedPost(
            f"строка {place} из {review}",
            (Mention(0, 6, "reaction"),) if place == 1 and review < reporting else (),
            TYPES,
            id=f"отзыв {review}:{place}",
        )
        for review in range(count)
        for place in range(3)
    ]


def test_every_review_is_scored_once_and_stands_in_one_part_of_each_fold() -> None:
    found = reviews(sentences(53, 20))
    scored: list[str] = []
    for number in range(FOLDS):
        part = fold(found, number)
        names = [{review.name for review in side} for side in (part.train, part.held_out, part.scored)]
        assert sum(map(len, names)) == len(set.union(*names)) == 53
        assert len(part.held_out) in (4, 5)
        scored += sorted(names[2])
    assert sorted(scored) == sorted(review.name for review in found)


def test_folds_do_not_depend_on_the_order_of_the_file() -> None:
    posts = sentences(30, 10)
    shuffled = random.Random(1).sample(posts, len(posts))
    one, other = fold(reviews(posts), 3), fold(reviews(shuffled), 3)
    assert [review.name for review in one.scored] == [review.name for review in other.scored]
    assert one.scored == other.scored, "sentences stand in their order"


def test_what_cannot_be_parted_is_refused() -> None:
    with pytest.raises(AdrwatchError, match="which review"):
        reviews([AnnotatedPost("строка", (), TYPES, id="7")])
    with pytest.raises(AdrwatchError, match="9 reviews are too few"):
        fold(reviews(sentences(9, 2)), 0)
    with pytest.raises(AdrwatchError, match="no fold 5"):
        fold(reviews(sentences(20, 2)), 5)


@pytest.mark.parametrize(("share", "expected"), [(0.5, (12, 12)), (0.25, (9, 28)), (1.0, (12, 0))])
def test_balanced_reviews(share: float, expected: tuple[int, int]) -> None:
    made = balanced(reviews(sentences(40, 12)), share, "reviews", random.Random(13))
    reporting = sum(review.reaction for review in made)
    assert (reporting, len(made) - reporting) == expected
    assert all(len(review.sentences) == 3 for review in made)


def test_balanced_sentences_stand_alone() -> None:
    made = balanced(reviews(sentences(40, 12)), 0.5, "sentences", random.Random(13))
    assert [len(review.sentences) for review in made] == [1] * 24
    assert sum(review.reaction for review in made) == 12


def test_sentences_are_read_together_and_what_is_found_goes_back_to_its_own() -> None:
    [review] = reviews(
        [
            AnnotatedPost("Пил глицин.", (), TYPES, id="а:0"),
            AnnotatedPost("Болят ноги и руки.", (Mention(0, 17, "reaction", ((0, 5), (13, 17))),), TYPES, id="а:1"),
            AnnotatedPost("Тошнит!", (Mention(0, 6, "reaction"),), TYPES, id="а:2"),
        ]
    )
    [unit] = units([review], 100)
    assert unit.post.text == "Пил глицин.\nБолят ноги и руки.\nТошнит!"
    assert [mention.places for mention in unit.post.mentions] == [((12, 17), (25, 29)), ((31, 37),)]
    beyond = Mention(25, 37, "reaction")
    assert unit.back([*unit.post.mentions, beyond]) == [
        [],
        [review.sentences[1].mentions[0], Mention(13, 18, "reaction")],
        [review.sentences[2].mentions[0]],
    ]
    assert [len(each.sentences) for each in units([review], 0)] == [1, 1, 1]
    assert [len(each.sentences) for each in units([review], 30)] == [2, 1]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--variants", "Model C"], "no variant Model C"),
        (["--folds", "one"], "--folds one is no list of numbers"),
        (["--folds", "0,5"], "--folds 0,5 names a fold that is none"),
        (["--data", "nowhere"], "no corpus file"),
    ],
)
def test_the_command_names_what_is_wrong(tmp_path: Path, given: list[str], said: str) -> None:
    told = ["train", "russian-study", "--data", str(tmp_path), "--folder", str(tmp_path / "out"), *given]
    with pytest.raises(AdrwatchError, match=said):
        CliRunner().invoke(build(), told, catch_exceptions=False)


def test_a_fold_that_does_not_exist_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    result = CliRunner().invoke(build(), ["train", "russian", "--data", str(tmp_path), "--fold", "5"])
    assert result.exit_code == 2
