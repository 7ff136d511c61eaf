"""Which corpora train and measure which model, how they are split, and what each one annotates."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from shared.corpora.brat import read_cadec
from shared.corpora.conll import read_psytar, read_reddit
from shared.corpora.documents import read_annotated, read_labelled
from shared.corpora.json_lines import TWEET_TYPES, read_phee, read_span_jsonl
from shared.corpora.readers import AnnotatedPost, LabelledPost, Mention
from shared.corpora.tables import read_psytar_sentences, read_reddit_vaccine, read_tweets
from shared.models.decode import PART

P = TypeVar("P")

# What the extractor learns to find, in the order of its outputs; `reaction part` are fragments of discontinuous reactions.
TYPES = (
    "reaction",
    PART,
    "drug",
    "indication",
    "withdrawal",
    "symptom",
    "finding",
    "dose",
    "route",
    "frequency",
    "duration",
)
# The two newest months of the training tweets choose epoch, calibration and threshold; dev is the month after them.
HELD_OUT_FROM = "2014-08"
CLASSIFICATION_FOLDER, EXTRACTION_FOLDER = "classification", "ner"
# The folder of posts that the user's own team has labelled.
OWN = "adrwatch"


@dataclass(frozen=True, slots=True)
class Split(Generic[P]):
    """Posts to learn from, posts to choose by (part of the published training data), posts to score once."""

    train: list[P]
    held_out: list[P]
    dev: list[P]


def classification(data: Path) -> tuple[Split[LabelledPost], Split[LabelledPost]]:
    """English tweets split by time, and what only helps to train, and chooses nothing: PsyTAR sentences and your own posts."""
    folder = data / "classification"
    tweets = read_tweets(folder / "en_tweets" / "splitT_train.tsv.xz")
    psytar = folder / "en_psytar_sentences"
    return (
        Split(
            [post for post in tweets if post.created_at < HELD_OUT_FROM],
            [post for post in tweets if post.created_at >= HELD_OUT_FROM],
            read_tweets(folder / "en_tweets" / "splitT_dev.tsv"),
        ),
        Split(
            [*read_psytar_sentences(psytar / "binary_train.csv"), *_own(folder, "train", read_labelled)],
            [],
            [*read_psytar_sentences(psytar / "binary_dev.csv"), *_own(folder, "dev", read_labelled)],
        ),
    )


def learnable(data: Path) -> tuple[Split[LabelledPost], Split[LabelledPost]]:
    """The split of `classification` with nothing to learn from that any dev split holds."""
    tweets, forum = classification(data)
    dev = dev_texts(data)
    return (
        replace(tweets, train=[post for post in tweets.train if normalised(post.text) not in dev]),
        replace(forum, train=[post for post in forum.train if normalised(post.text) not in dev]),
    )


def extraction(data: Path) -> dict[str, Split[AnnotatedPost]]:
    """Annotated posts by corpus. Tweets of the classifier's held-out months and texts of any dev split are never learned from."""
    dev = dev_texts(data)
    splits = {"tweets": annotated_tweets(data)}
    # A corpus may hold another one's texts: PsyTAR has one split of sentences for labels, and another for spans.
    splits["tweets"] = replace(splits["tweets"], train=_unseen(splits["tweets"].train, dev))
    for name, (train, scored) in _annotated(data).items():
        unseen = _unseen(train, dev)
        held_out = [post for post in unseen if _bin(post.text) == 1]
        splits[name] = Split([post for post in unseen if _bin(post.text) != 1], held_out, scored)
    return splits


def dev_texts(data: Path) -> set[str]:
    """All texts of all dev splits, `normalised`: what no model may learn from, whatever its task."""
    tweets, forum = classification(data)
    vaccine = read_reddit_vaccine(data / "classification" / "en_reddit_vaccine" / "valid.csv.xz")
    annotated = [post for _, scored in _annotated(data).values() for post in scored]
    labelled = {normalised(post.text) for post in (*tweets.dev, *forum.dev, *vaccine)}
    return labelled | {normalised(post.text) for post in (*annotated_tweets(data).dev, *annotated)}


def _annotated(data: Path) -> dict[str, tuple[list[AnnotatedPost], list[AnnotatedPost]]]:
    """The published training and dev part of each annotated corpus but the tweets."""
    ner = data / "ner"
    cadec, psytar, reddit, phee = ner / "cadec", ner / "psytar", ner / "en_reddit", ner / "phee"
    own = (_own(ner, "train", read_annotated), _own(ner, "dev", read_annotated))
    return ({"adrwatch": own} if any(own) else {}) | {
        "cadec": (read_cadec(cadec / "split_train.id"), read_cadec(cadec / "split_dev.id")),
        "psytar": (read_psytar(psytar / "ner_train.txt.xz"), read_psytar(psytar / "ner_dev.txt")),
        # Effects in case reports are longer phrases than reactions in posts: they are not learned from.
        "phee": (_without_reactions(read_phee(phee / "train.json.xz")), read_phee(phee / "dev.json.xz")),
        "reddit": (read_reddit(reddit / "ner_train.txt.xz"), read_reddit(reddit / "ner_dev.txt")),
    }


def _own(folder: Path, part: str, read: Callable[[Path], list[P]]) -> list[P]:
    """Posts that the user's own team has labelled, where the data has any."""
    path = folder / OWN / f"{part}.jsonl"
    return read(path) if path.is_file() else []


def _unseen(posts: Iterable[AnnotatedPost], dev: set[str]) -> list[AnnotatedPost]:
    return [post for post in posts if normalised(post.text) not in dev]


def _without_reactions(posts: Iterable[AnnotatedPost]) -> list[AnnotatedPost]:
    return [
        replace(
            post,
            types=post.types - {"reaction"},
            mentions=tuple(mention for mention in post.mentions if mention.type != "reaction"),
        )
        for post in posts
    ]


def normalised(text: str) -> str:
    """Letters and digits only, masks removed: equal for copies of a tweet that differ in masking or spacing."""
    return re.sub(r"[\W_]+", "", re.sub(r"httpurl|@user", "", text.lower()))


def annotated_tweets(data: Path) -> Split[AnnotatedPost]:
    """Three releases of mostly the same tweets, each tweet once, by hash into train, held-out and dev.

    Spans of drugs are not annotated; the drugs that the releases queried are found by name. Tweets without a
    reaction come from the classifier's negatives, 1,500 of them.
    """
    folder = data / "ner" / "en_tweets"
    releases = [
        read_span_jsonl(folder / "diego_ner_train.jsonl.xz", TWEET_TYPES, ("reaction", "indication")),
        read_span_jsonl(folder / "ner_smm4h20t3_tweets.jsonl.xz", TWEET_TYPES, ("reaction",)),
        read_span_jsonl(folder / "ner_smm4h22_positive_tweets.jsonl.xz", TWEET_TYPES, ("reaction",)),
    ]
    unique = {normalised(post.text): post for release in reversed(releases) for post in release}
    # Only the newest release gives MedDRA codes; where an older one of the same tweet is kept, it takes them over.
    for newest in releases[-1]:
        key = normalised(newest.text)
        unique[key] = coded(unique[key], newest.mentions)
    (tweets, _) = classification(data)
    negatives = [post for post in tweets.train if post.label == 0]
    step = max(1, len(negatives) // 1500)
    for post in negatives[::step]:
        unique.setdefault(normalised(post.text), AnnotatedPost(post.text, (), frozenset({"reaction"})))
    posts = name_drugs(unique.values())
    dev_texts = {normalised(post.text) for post in tweets.dev}
    held_texts = {normalised(post.text) for post in tweets.held_out}
    split: Split[AnnotatedPost] = Split([], [], [])
    for annotated in posts:
        key = normalised(annotated.text)
        if key in dev_texts or (key not in held_texts and _bin(annotated.text) == 0):
            split.dev.append(annotated)
        elif key in held_texts or _bin(annotated.text) == 1:
            split.held_out.append(annotated)
        else:
            split.train.append(annotated)
    return split


def name_drugs(posts: Iterable[AnnotatedPost]) -> list[AnnotatedPost]:
    """Mark every queried drug's name in every post as a drug mention, and count the type as annotated."""
    posts = list(posts)
    drugs = sorted({post.drug for post in posts if len(post.drug) > 3}, key=len, reverse=True)
    if not drugs:
        return posts
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, drugs))})\b", re.IGNORECASE)
    return [
        replace(
            post,
            mentions=(*post.mentions, *(Mention(m.start(), m.end(), "drug") for m in pattern.finditer(post.text))),
            types=post.types | {"drug"},
        )
        for post in posts
    ]


def coded(post: AnnotatedPost, others: Sequence[Mention]) -> AnnotatedPost:
    """The post's mentions with the concepts of `others`: each takes that of the mention it shares most characters with."""
    known = [other for other in others if other.concept is not None]
    mentions = []
    for mention in post.mentions:
        shared = [(min(mention.end, other.end) - max(mention.start, other.start), other) for other in known]
        most, nearest = max(shared, key=lambda pair: pair[0], default=(0, mention))
        mentions.append(replace(mention, concept=nearest.concept) if most > 0 else mention)
    return replace(post, mentions=tuple(mentions))


def _bin(text: str) -> int:
    """A tenth of the posts each, by content, so that a split survives reordering and additions."""
    return hashlib.blake2b(normalised(text).encode(), digest_size=2).digest()[0] % 10
