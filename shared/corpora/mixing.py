"""Posts to score the whole way on: tweets with annotated reactions among tweets without any, at a given prevalence."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.corpora import splits
from shared.corpora.readers import AnnotatedPost
from shared.errors import AdrwatchError


@dataclass(frozen=True, slots=True)
class Mixture:
    """The posts in their seeded order. `learned`: how many of the posts with reactions the classifier was trained on."""

    posts: list[AnnotatedPost]
    positive: int
    learned: int


def mixed_tweets(data: Path, prevalence: float, seed: int) -> Mixture:
    """Tweets with a reaction of ner/en_tweets' dev part among negatives of classification/en_tweets' dev split.

    The extractor has learned from none of them. Of the positive ones most also stand, as whole posts, in the training part of
    classification/en_tweets, so the classifier knows them: `learned` counts these.
    """
    (tweets, _) = splits.classification(data)
    annotated = splits.annotated_tweets(data).dev
    positives = [post for post in annotated if any(mention.type == "reaction" for mention in post.mentions)]
    known = {splits.normalised(post.text) for post in positives}
    negatives = [
        AnnotatedPost(post.text, (), frozenset({"reaction"}), id=post.id)
        for post in tweets.dev
        if post.label == 0 and splits.normalised(post.text) not in known
    ]
    posts = mix(positives, negatives, prevalence, seed)
    chosen = [post for post in posts if post.mentions]
    trained = {splits.normalised(post.text) for post in tweets.train}
    return Mixture(posts, len(chosen), sum(splits.normalised(post.text) in trained for post in chosen))


def mix(
    positives: Sequence[AnnotatedPost], negatives: Sequence[AnnotatedPost], prevalence: float, seed: int
) -> list[AnnotatedPost]:
    """As many posts as there can be of this share of positives, drawn without replacement and shuffled by `seed`.

    Raises AdrwatchError for a prevalence that is none, or that these posts cannot have.
    """
    if not 0 < prevalence < 1:
        raise AdrwatchError(f"prevalence {prevalence} is not between 0 and 1", fix="give a share such as 0.07")
    many = min(len(positives), int(len(negatives) * prevalence / (1 - prevalence) + 0.5))
    few = min(len(negatives), int(many * (1 - prevalence) / prevalence + 0.5))
    if not many or not few:
        raise AdrwatchError(
            f"{len(positives)} posts with and {len(negatives)} without a reaction cannot be mixed to {prevalence:.0%}",
            fix="give the folder that holds classification/en_tweets and ner/en_tweets whole",
        )
    generator = random.Random(seed)
    posts = [*generator.sample(list(positives), many), *generator.sample(list(negatives), few)]
    generator.shuffle(posts)
    return posts
