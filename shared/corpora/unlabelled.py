"""Posts without labels, to adapt an encoder to how people write about medicines. Nothing that also stands in a dev split."""

from __future__ import annotations

import csv
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path

from shared.corpora.readers import read_lines
from shared.corpora.splits import classification, dev_texts, extraction, normalised
from shared.corpora.tables import read_psytar_sentences, read_tweets
from shared.text.clean import mask, model_text
from shared.vocabulary.drugs import default_lexicon

# Columns with text of each file, in folders of the collection that shared.corpora reads.
_TABLES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("replay/health_tweets_2010_2020/tweets_by_time.tsv.xz", "\t", ("text_handles_masked",)),
    ("replay/drug_tweets_2013_2019/tweets.tsv.xz", "\t", ("tweet",)),
    (
        "classification/en_druglib_reviews/drugLibTrain_raw.tsv.xz",
        "\t",
        ("benefitsReview", "sideEffectsReview", "commentsReview"),
    ),
    ("classification/en_reddit_vaccine/train.csv.xz", ",", ("text",)),
    ("classification/en_reddit_vaccine/test_unlabelled.csv.xz", ",", ("text",)),
)
_SHORTEST = 20
# Of posts of the keyword stream that name no medicine, one in so many is kept: they show the language, not the subject.
_OTHERS = 4


class _Unquoted(csv.excel):
    quoting = csv.QUOTE_NONE


def unlabelled(data: Path) -> list[str]:
    """Distinct posts of all corpora in `data`, masked and lower-cased; all that name a medicine, and a part of the others.

    Raises AdrwatchError for a missing file.
    """
    lexicon = default_lexicon()
    seen = dev_texts(data)
    found: list[str] = []
    for text in _texts(data):
        key = normalised(text)
        if len(text) < _SHORTEST or key in seen:
            continue
        seen.add(key)
        post = model_text(mask(text))
        if lexicon.find(post) or len(seen) % _OTHERS == 0:
            found.append(post)
    return found


def drawn_unlabelled(data: Path, count: int, seed: int) -> list[str]:
    """`count` posts of `unlabelled`, or all where there are fewer, none of which has a label in any training or held-out part."""
    if not count:
        return []
    posts = [post for split in classification(data) for post in (*split.train, *split.held_out)]
    annotated = [post for split in extraction(data).values() for post in (*split.train, *split.held_out)]
    labelled = {normalised(post.text) for post in posts} | {normalised(post.text) for post in annotated}
    found = [text for text in unlabelled(data) if normalised(text) not in labelled]
    return random.Random(seed).sample(found, min(count, len(found)))


def _texts(data: Path) -> Iterator[str]:
    for name, delimiter, columns in _TABLES:
        # The streams to replay quote nothing; in the reviews and posts a quoted field may run over lines.
        dialect = _Unquoted if name.startswith("replay") else csv.excel
        lines = (f"{line}\n" for line in read_lines(data / name))
        for row in csv.DictReader(lines, dialect=dialect, delimiter=delimiter):
            yield " ".join(row[column] or "" for column in columns)
    folder = data / "classification"
    yield from (post.text for post in read_tweets(folder / "en_tweets" / "splitT_train.tsv.xz"))
    yield from (post.text for post in read_psytar_sentences(folder / "en_psytar_sentences" / "binary_train.csv"))
    yield from _cadec(data / "ner" / "cadec")


def _cadec(folder: Path) -> Iterator[str]:
    with zipfile.ZipFile(folder / "cadec_train_dev.zip") as files:
        for name in read_lines(folder / "split_train.id"):
            if name.strip():
                yield files.read(f"cadec/text/{name.strip()}.txt").decode("utf-8")
