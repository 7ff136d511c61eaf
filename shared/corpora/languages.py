"""Which corpora of which language train and measure the multilingual models, and how they are split."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from shared.corpora import splits
from shared.corpora.json_lines import read_rudrec
from shared.corpora.readers import AnnotatedPost, LabelledPost
from shared.corpora.splits import Split, normalised
from shared.corpora.tables import read_french_tweets, read_multilingual, read_russian_tweets
from shared.errors import AdrwatchError
from shared.models.decode import REACTION

P = TypeVar("P")
RUSSIAN, GERMAN, FRENCH = "ru", "de", "fr"
# A fifth of the published training posts chooses epoch, calibration and thresholds: there are few reports in it.
_HELD_OUT = 5
# Of the reviews of RuDReC a fifth is scored once, another tenth of the rest chooses.
_FOLDS, _CHOOSING = 5, 10
# Of each English corpus so many posts go in: more would decide for all, and cost most of the time.
_TWEETS, _SENTENCES, _ANNOTATED = 800, 1000, 500


def _read_russian(folder: Path) -> tuple[list[LabelledPost], list[LabelledPost]]:
    tweets = folder / "ru_tweets"
    return (
        read_russian_tweets(tweets / "task2_ru_train.tsv.xz"),
        read_russian_tweets(tweets / "task2_ru_validation.tsv.xz"),
    )


def _read_german(folder: Path) -> tuple[list[LabelledPost], list[LabelledPost]]:
    forum = folder / "multilingual"
    return read_multilingual(forum / "train_de.csv.xz"), read_multilingual(forum / "val_de.csv.xz")


def _read_french(folder: Path) -> tuple[list[LabelledPost], list[LabelledPost]]:
    tweets = folder / "fr_tweets"
    return read_french_tweets(tweets / "train.tsv.xz"), read_french_tweets(tweets / "validation.tsv")


# What is published for training and for validation, by language.
_LABELLED: dict[str, Callable[[Path], tuple[list[LabelledPost], list[LabelledPost]]]] = {
    RUSSIAN: _read_russian,
    GERMAN: _read_german,
    FRENCH: _read_french,
}


def classification(data: Path, languages: Iterable[str]) -> dict[str, Split[LabelledPost]]:
    """Labelled posts of each language; the published validation part is the dev split. Raises AdrwatchError for others."""
    found = {}
    for language in languages:
        if language not in _LABELLED:
            raise AdrwatchError(
                f"no corpus of labelled posts is known for {language}", fix=f"give some of {', '.join(_LABELLED)}"
            )
        published, dev = _LABELLED[language](data / splits.CLASSIFICATION_FOLDER)
        scored = {normalised(post.text) for post in dev}
        # Copies of one post stay on one side, and none of the validation part is learned from.
        posts = [post for post in published if normalised(post.text) not in scored]
        held_out = [post for post in posts if _bin(normalised(post.text), _HELD_OUT) == 0]
        found[language] = Split([p for p in posts if _bin(normalised(p.text), _HELD_OUT)], held_out, dev)
    return found


def transfer(data: Path, languages: Sequence[str]) -> list[LabelledPost]:
    """What teaches what a report is beside the posts of a language: nothing here is in any dev split.

    Some English tweets, as many reports as others, and sentences of PsyTAR; CADEC's in machine-made German and French; sentences of
    the Russian reviews that are learned from, positive where a reaction is marked.
    """
    tweets, forum = splits.learnable(data)
    found = [post for label in (1, 0) for post in _thinned([t for t in tweets.train if t.label == label], _TWEETS)]
    found += _thinned(forum.train, _SENTENCES)
    if {GERMAN, FRENCH} & set(languages):
        folder = data / splits.CLASSIFICATION_FOLDER / "multilingual"
        scored = {normalised(post.text) for post in read_multilingual(folder / "cadecv2_translated_dev.csv")}
        translated = read_multilingual(folder / "cadecv2_translated_train.csv.xz")
        found += [post for post in translated if normalised(post.text) not in scored]
    if RUSSIAN in languages:
        sentences = [
            LabelledPost(post.text, int(any(mention.type == REACTION for mention in post.mentions)))
            for post in reviews(data).train
        ]
        found += [sentence for sentence in sentences if sentence.label]
        found += _thinned([sentence for sentence in sentences if not sentence.label], _SENTENCES)
    return found


def reviews(data: Path) -> Split[AnnotatedPost]:
    """Sentences of RuDReC, all of a review on one side."""
    split: Split[AnnotatedPost] = Split([], [], [])
    for post in read_rudrec(data / splits.EXTRACTION_FOLDER / "rudrec_ru" / "rudrec_annotated.json.xz"):
        review = post.id.split(":")[0]
        if _bin(review, _FOLDS) == 0:
            split.dev.append(post)
        elif _bin(f"choosing {review}", _CHOOSING) == 0:
            split.held_out.append(post)
        else:
            split.train.append(post)
    return split


def extraction(data: Path, languages: Iterable[str]) -> dict[str, Split[AnnotatedPost]]:
    """Annotated posts by corpus: the Russian reviews, which alone choose, and some of each English corpus for what other
    languages have no annotated posts of. Raises AdrwatchError for languages without a corpus.
    """
    if unknown := sorted(set(languages) - {RUSSIAN}):
        raise AdrwatchError(
            f"no corpus of annotated posts is known for {unknown[0]}", fix="leave it out: what is learned carries over"
        )
    english = {
        name: replace(split, train=_thinned(split.train, _ANNOTATED), held_out=[])
        for name, split in splits.extraction(data).items()
    }
    return {"rudrec": reviews(data), **english}


def _thinned(posts: Sequence[P], most: int) -> list[P]:
    """At most so many of the posts, from all of their length."""
    return [posts[number * len(posts) // most] for number in range(most)] if len(posts) > most else list(posts)


def _bin(key: str, bins: int) -> int:
    """One of `bins` parts, by content, so that a split survives reordering and additions."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=4).digest()) % bins
