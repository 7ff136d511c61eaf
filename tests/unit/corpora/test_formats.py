"""Formats by name: what of a folder is scored, and how a file's format is known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared.corpora.formats import CLASSIFICATION, EXTRACTION, annotated, labelled
from shared.errors import AdrwatchError
from tests.unit.corpora.corpus_files import write

TWEETS = "tweet_id\tcreated_at\tlabel\ttext\n1\t2014-10-01T00:00:00Z\t{label}\t{text}\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with all corpora, few of them there."""
    folder = tmp_path / "classification"
    write(folder / "en_tweets" / "splitT_train.tsv.xz", TWEETS.format(label=0, text="to learn from"))
    write(folder / "en_tweets" / "splitT_dev.tsv", TWEETS.format(label=1, text="drugol gave me hives"))
    write(folder / "en_psytar_sentences" / "binary_dev.csv", "sentences\tADR\nno trouble\t0\n")
    write(folder / "fr_tweets" / "validation.tsv", "tweet_id\tuser_id\tclass\ttweet\n1\t1\t0\tbonjour\n")
    write(folder / "fr_tweets" / "test_unlabelled.tsv", "tweet_id\tuser_id\ttweet\n1\t1\tbonsoir\n")
    write(tmp_path / "ner" / "psytar" / "ner_dev.txt", "Zaps\tB-WD\n")
    write(tmp_path / "ner" / "psytar" / "ner_test.txt", "Shakes\tB-WD\n")
    write(tmp_path / "ner" / "twimed_pubmed" / "pubmed_1000_brat.tar.xz", "")
    return tmp_path


def test_the_folder_of_all_corpora_gives_the_dev_splits_of_english_ones(data: Path) -> None:
    sets = labelled(data)
    assert {name: [post.text for post in posts] for name, posts in sets.items()} == {
        "en_tweets dev": ["drugol gave me hives"],
        "en_psytar_sentences dev": ["no trouble"],
    }
    assert {name: [post.text for post in posts] for name, posts in annotated(data).items()} == {"psytar dev": ["Zaps"]}


def test_another_corpus_is_scored_by_name_or_by_its_folder(data: Path) -> None:
    by_name = labelled(data, "fr_tweets")
    assert [post.text for post in by_name["fr_tweets dev"]] == ["bonjour"]
    assert labelled(data / "classification" / "fr_tweets") == by_name


def test_a_file_takes_the_format_of_its_folder_or_the_one_given(data: Path) -> None:
    [post] = annotated(data / "ner" / "psytar" / "ner_test.txt")["ner_test.txt"]
    assert post.mentions[0].type == "withdrawal"
    elsewhere = write(data / "unseen.txt", "itchy B-ADR\n")
    [post] = annotated(elsewhere, "en_reddit")["unseen.txt"]
    assert post.mentions[0].type == "reaction"


def test_a_file_of_nowhere_is_read_as_tweets(data: Path) -> None:
    path = write(data / "mine.jsonl", json.dumps({"text": "hives", "entities": []}) + "\n")
    assert annotated(path)["mine.jsonl"][0].text == "hives"


def test_the_same_name_is_another_format_for_the_other_task() -> None:
    assert CLASSIFICATION["en_tweets"].layout != EXTRACTION["en_tweets"].layout


def test_an_unknown_format_is_refused_with_the_known_ones(data: Path) -> None:
    with pytest.raises(AdrwatchError, match="no format cadec") as refusal:
        labelled(data, "cadec")
    assert "ru_tweets" in refusal.value.fix


def test_folders_and_files_that_hold_nothing_to_score_are_refused(data: Path) -> None:
    with pytest.raises(AdrwatchError, match="holds no corpus rudrec_ru"):
        annotated(data, "rudrec_ru")
    with pytest.raises(AdrwatchError, match="read from one file"):
        labelled(data / "ner")
    with pytest.raises(AdrwatchError, match="holds no posts"):
        labelled(write(data / "empty.tsv", "label\ttext\n"))
    with pytest.raises(AdrwatchError, match="no corpus file"):
        labelled(data / "absent.tsv")
