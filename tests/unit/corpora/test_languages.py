"""How the corpora of other languages are split, on tiny ones that we wrote."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest

from shared.corpora.languages import classification, reviews
from shared.errors import AdrwatchError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    tweets = tmp_path / "classification" / "ru_tweets"
    tweets.mkdir(parents=True)
    head = "tweet_id\ttweet\tlabel\n"
    rows = [f"{number}\tпост номер {number} про золофт\t{number % 2}\n" for number in range(200)]
    (tweets / "task2_ru_train.tsv.xz").write_bytes(lzma.compress((head + "".join(rows)).encode()))
    # One of the training posts, written in another way.
    dev = f"{head}7\tПост номер 7 про золофт!\t1\n900\tещё один пост\t0\n"
    (tweets / "task2_ru_validation.tsv.xz").write_bytes(lzma.compress(dev.encode()))
    ner = tmp_path / "ner" / "rudrec_ru"
    ner.mkdir(parents=True)
    lines = [
        json.dumps({"file_name": f"review-{number // 4}", "sentence_id": number % 4, "text": "тошнит", "entities": []})
        for number in range(400)
    ]
    (ner / "rudrec_annotated.json.xz").write_bytes(lzma.compress("\n".join(lines).encode()))
    return tmp_path


def test_what_is_scored_is_never_learned_from_and_a_post_is_on_one_side(data: Path) -> None:
    split = classification(data, ["ru"])["ru"]
    sides = [{post.text for post in side} for side in (split.train, split.held_out)]
    assert not sides[0] & sides[1]
    assert len(sides[0] | sides[1]) == 199
    assert "пост номер 7 про золофт" not in sides[0] | sides[1]
    assert 20 <= len(sides[1]) <= 60
    assert [post.id for post in split.dev] == ["7", "900"]


def test_all_sentences_of_a_review_are_on_one_side(data: Path) -> None:
    split = reviews(data)
    sides = [{post.id.split(":")[0] for post in side} for side in (split.train, split.held_out, split.dev)]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 100
    assert 10 <= len(sides[2]) <= 30
    assert sides[1]


def test_a_language_without_a_corpus_is_refused_by_name(data: Path) -> None:
    with pytest.raises(AdrwatchError, match="zh"):
        classification(data, ["zh"])
