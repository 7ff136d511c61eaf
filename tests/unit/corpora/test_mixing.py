"""Mixing posts to a prevalence: by seed, without repeats, honest on what the classifier knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.corpora.mixing import mix, mixed_tweets
from shared.corpora.readers import AnnotatedPost, Mention
from shared.corpora.splits import annotated_tweets
from shared.errors import AdrwatchError
from tests.unit.corpora.corpus_files import tweets_of_both_tasks

REACTION = frozenset({"reaction"})
HIVES = [AnnotatedPost(f"hives {number}", (Mention(0, 5, "reaction"),), REACTION) for number in range(10)]
QUIET = [AnnotatedPost(f"quiet {number}", (), REACTION) for number in range(100)]


def test_the_scarcer_side_is_taken_whole() -> None:
    posts = mix(HIVES, QUIET, 0.2, seed=1)
    assert sum(bool(post.mentions) for post in posts) == 10
    assert len(posts) == 50
    fewer = mix(HIVES, QUIET, 0.05, seed=1)
    assert (sum(bool(post.mentions) for post in fewer), len(fewer)) == (5, 100)
    assert len({post.text for post in posts}) == 50


def test_the_same_seed_gives_the_same_posts_in_the_same_order() -> None:
    assert mix(HIVES, QUIET, 0.2, seed=1) == mix(HIVES, QUIET, 0.2, seed=1)
    assert mix(HIVES, QUIET, 0.2, seed=1) != mix(HIVES, QUIET, 0.2, seed=2)


@pytest.mark.parametrize("prevalence", [0.0, 1.0, -1.0, 0.0001])
def test_a_prevalence_that_cannot_be_is_refused(prevalence: float) -> None:
    with pytest.raises(AdrwatchError):
        mix(HIVES, QUIET, prevalence, seed=1)


def test_mixed_tweets_are_of_the_dev_parts_and_tell_what_the_classifier_knows(tmp_path: Path) -> None:
    tweets_of_both_tasks(tmp_path)
    mixture = mixed_tweets(tmp_path, 0.07, seed=1)
    dev = {post.text for post in annotated_tweets(tmp_path).dev}
    positives = [post for post in mixture.posts if post.mentions]
    assert mixture.positive == mixture.learned == len(positives) > 0
    assert {post.text for post in positives} <= dev
    assert all(post.drug == "drugol" and post.mentions[0].concept is not None for post in positives)
    assert all(post.text.startswith("quiet") for post in mixture.posts if not post.mentions)
    assert len(positives) / len(mixture.posts) == pytest.approx(0.07, abs=0.01)
