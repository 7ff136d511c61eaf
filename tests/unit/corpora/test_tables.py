"""Readers of labelled posts, on samples written here in the corpora's formats."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from shared.corpora.readers import LabelledPost
from shared.corpora.tables import (
    read_druglib_reviews,
    read_french_tweets,
    read_multilingual,
    read_psytar_sentences,
    read_reddit_vaccine,
    read_russian_tweets,
    read_tweets,
)
from shared.errors import AdrwatchError
from tests.unit.corpora.corpus_files import write

Reader = Callable[[Path], list[LabelledPost]]
REVIEWS = (
    "\turlDrugName\trating\teffectiveness\tsideEffects\tcondition\tbenefitsReview\tsideEffectsReview\tcommentsReview"
)


@pytest.mark.parametrize("name", ["posts.tsv", "posts.tsv.xz"])
def test_tweets_are_read_plain_and_compressed(tmp_path: Path, name: str) -> None:
    text = 'tweet_id\tcreated_at\tlabel\ttext\n1\t2014-01-02T03:04:05Z\t1\t"this pill makes me itch\n2\t\t0\thello\n'
    itch, hello = read_tweets(write(tmp_path / name, text))
    assert itch == LabelledPost('"this pill makes me itch', 1, "2014-01-02T03:04:05Z", "1")
    assert (hello.label, hello.created_at) == (0, "")


def test_a_broken_line_is_named_without_its_text(tmp_path: Path) -> None:
    path = write(tmp_path / "posts.tsv", "label\ttext\n1\tfine\nmaybe\tsecret words\n")
    with pytest.raises(AdrwatchError, match="line 3") as refusal:
        read_tweets(path)
    assert "secret" not in str(refusal.value)
    assert refusal.value.fix


def test_a_header_without_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdrwatchError, match="header"):
        read_tweets(write(tmp_path / "posts.tsv", "id\tbody\n1\thello\n"))


@pytest.mark.parametrize(
    ("reader", "table"),
    [
        (read_psytar_sentences, 'sentences\tADR\tWD\n"I felt ""odd"", all\nday."\t1\t0\nIt works.\t0\t0\n'),
        (read_reddit_vaccine, 'id,text,labels\n7,"I felt ""odd"", all\nday.",1\n8,It works.,0\n'),
        (read_russian_tweets, 'tweet_id\ttweet\tlabel\r\n7\t"I felt ""odd"", all\r\nday."\t1\r\n8\tIt works.\t0\r\n'),
        (
            read_french_tweets,
            'tweet_id\tuser_id\tclass\ttweet\n7\t1\t1\t"I felt ""odd"", all\nday."\n8\t1\t0\tIt works.\n',
        ),
        (read_multilingual, 'id,text,label,language\n7,"I felt ""odd"", all\nday.",1.0,de\n8,It works.,0,de\n'),
    ],
)
def test_quoted_fields_keep_their_quotes_and_lines(tmp_path: Path, reader: Reader, table: str) -> None:
    odd, works = reader(write(tmp_path / "table", table))
    assert (odd.text, odd.label) == ('I felt "odd", all\nday.', 1)
    assert (works.text, works.label) == ("It works.", 0)


@pytest.mark.parametrize(
    ("reader", "table"),
    [
        (read_psytar_sentences, 'sentences\tADR\n"two\nlines"\t1\nsecret\tperhaps\n'),
        (read_reddit_vaccine, 'id,text,labels\n7,"two\nlines",1\n8,secret,yes\n'),
        (read_russian_tweets, 'tweet_id\ttweet\tlabel\n7\t"two\nlines"\t1\n8\tsecret\n'),
        (read_french_tweets, 'tweet_id\tuser_id\tclass\ttweet\n7\t1\t1\t"two\nlines"\n8\t1\t0\tsecret\tmore\n'),
        (read_multilingual, 'id,text,label\n7,"two\nlines",1.0\n8,"secret"x,0\n'),
        (
            read_druglib_reviews,
            f'{REVIEWS}\n1\ta\t1\tb\tNo Side Effects\tc\t"two\nlines"\td\te\n2\ta\t1\tb\tsecret\tc\td\te\tf\n',
        ),
    ],
)
def test_a_broken_row_is_named_by_the_line_it_begins_in(tmp_path: Path, reader: Reader, table: str) -> None:
    with pytest.raises(AdrwatchError, match="line 4") as refusal:
        reader(write(tmp_path / "table", table))
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("reader", [read_reddit_vaccine, read_french_tweets, read_druglib_reviews])
def test_an_unlabelled_file_is_refused(tmp_path: Path, reader: Reader) -> None:
    with pytest.raises(AdrwatchError, match="line 1: the header lacks"):
        reader(write(tmp_path / "unlabelled", "id,text\n1,hello\n"))


def test_a_review_gives_its_side_effects_by_their_severity_and_its_benefits_as_negative(tmp_path: Path) -> None:
    rows = [
        '11\tdrugol\t3\tIneffective\tSevere Side Effects\tcough\t"less\r\n cough"\t"hives\r\n all over"\tstopped',
        "12\tdrugol\t9\tHighly Effective\tNo Side Effects\tcough\tnone left\tnone\tgood",
        "13\tdrugol\t9\tHighly Effective\tMild Side Effects\tcough\t\tdrowsy\tgood",
    ]
    posts = read_druglib_reviews(write(tmp_path / "reviews.tsv.xz", "\r\n".join([REVIEWS, *rows, ""])))
    assert [(post.id, post.text, post.label) for post in posts] == [
        ("11:sideEffectsReview", "hives all over", 1),
        ("11:benefitsReview", "less cough", 0),
        ("12:sideEffectsReview", "none", 0),
        ("12:benefitsReview", "none left", 0),
        ("13:sideEffectsReview", "drowsy", 1),
    ]
