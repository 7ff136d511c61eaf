"""TF-IDF with logistic regression on posts that we wrote: it learns words, and never looks at the dev split beforehand."""

from __future__ import annotations

import random

import pytest

from services.training.baseline import compare
from shared.corpora.readers import LabelledPost
from shared.corpora.splits import Split

REPORTS = ("от золофта тошнит", "после метформина болит живот", "эутирокс и сердце колотится", "сыпь от амоксициллина")
OTHERS = ("купила золофт в аптеке", "сколько стоит метформин", "эутирокса нигде нет", "мне выписали амоксициллин")


def drawn(size: int, seed: int) -> list[LabelledPost]:
    generator = random.Random(seed)
    posts = []
    for number in range(size):
        label = number % 2
        text = f"{generator.choice(REPORTS if label else OTHERS)} день {generator.randrange(90)}"
        posts.append(LabelledPost(text, label))
    return posts


def test_each_language_is_learned_by_itself_and_scored_on_its_dev_split() -> None:
    turned = [LabelledPost(post.text, 1 - post.label) for post in drawn(40, 3)]
    splits = {
        "ru": Split(drawn(120, 1), drawn(40, 2), drawn(40, 3)),
        "de": Split(drawn(120, 1), drawn(40, 2), turned),
    }
    one, other = compare(splits, seed=13)
    assert (one.language, one.posts, one.positive) == ("ru", 40, 20)
    assert one.f1 == pytest.approx(1.0)
    # Labels of the dev split change its scores, and nothing that was chosen.
    assert other.f1 == pytest.approx(0.0)
    assert (other.c, other.threshold) == (one.c, one.threshold)
