"""How corpora are taken together: copies are found, drugs are named, splits depend on content."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared.corpora.readers import AnnotatedPost, Mention, read_lines
from shared.corpora.splits import coded, dev_texts, extraction, learnable, name_drugs, normalised
from shared.corpora.unlabelled import drawn_unlabelled, unlabelled
from shared.events import Concept
from tests.training_runs.corpora import collection
from tests.unit.corpora.corpus_files import write

REACTION = frozenset({"reaction"})


def test_copies_that_differ_in_masks_and_spacing_are_equal() -> None:
    assert normalised("@USER My head  hurts! HTTPURL") == normalised("my head hurts")


def test_a_queried_drug_is_named_in_every_post() -> None:
    posts = [
        AnnotatedPost("itchy on drugol", (Mention(0, 5, "reaction"),), REACTION, drug="drugol"),
        AnnotatedPost("Drugol or drugolax?", (), REACTION),
    ]
    first, second = name_drugs(posts)
    assert first.mentions == (Mention(0, 5, "reaction"), Mention(9, 15, "drug"))
    assert second.mentions == (Mention(0, 6, "drug"),)
    assert second.types == {"reaction", "drug"}


def test_without_queried_drugs_posts_stay_as_they_are() -> None:
    posts = [AnnotatedPost("hello", (), REACTION)]
    assert name_drugs(posts) == posts


def test_a_mention_takes_the_concept_of_the_one_it_shares_most_with() -> None:
    dizzy, tired = Concept("MedDRA:1", "dizzy"), Concept("MedDRA:2", "tired")
    others = (Mention(0, 5, "reaction", (), dizzy), Mention(4, 15, "reaction", (), tired), Mention(20, 22, "reaction"))
    post = AnnotatedPost("x" * 30, (Mention(3, 12, "reaction"), Mention(20, 25, "reaction")), REACTION)
    assert [mention.concept for mention in coded(post, others).mentions] == [tired, None]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("classification/en_tweets/splitT_dev.tsv", "900\t2014-10-01T00:00:00Z\t1\t{}"),
        ("classification/en_psytar_sentences/binary_dev.csv", "{}\t1"),
        ("classification/en_reddit_vaccine/valid.csv.xz", '900,"{}",1'),
        ("ner/psytar/ner_dev.txt", "{}"),
        ("ner/en_reddit/ner_dev.txt", "{}"),
    ],
)
def test_what_any_dev_split_holds_is_learned_by_no_model(tmp_path: Path, path: str, line: str) -> None:
    data = collection(tmp_path)
    tweets, _ = learnable(data)
    text = tweets.train[0].text
    file = data / path
    # Another mask and another spacing: still the same post.
    copy = text.replace("day", "@USER  day")
    if "ner_dev" in path:
        copy = "\n".join(f"{word} O" for word in copy.split()) + "\n"
    write(file, _read(file) + line.format(copy) + "\n")
    assert normalised(text) in dev_texts(data)
    tweets, forum = learnable(data)
    learned = [post.text for post in (*tweets.train, *forum.train)]
    learned += [post.text for split in extraction(data).values() for post in (*split.train, *split.held_out)]
    learned += unlabelled(data)
    assert learned
    assert normalised(text) not in {normalised(one) for one in learned}


def test_posts_of_your_own_team_are_learned_from_where_the_data_has_them(tmp_path: Path) -> None:
    data = collection(tmp_path)
    assert "adrwatch" not in extraction(data)
    drug = {"start": 0, "end": 7, "type": "drug"}
    line = {"text": "humira, and then a rash", "labels": {"reports_reaction": "yes"}, "entities": [drug]}
    for kind in ("classification", "ner"):
        write(data / kind / "adrwatch" / "train.jsonl", json.dumps(line) + "\n")
    own = extraction(data)["adrwatch"]
    (post,) = [*own.train, *own.held_out]
    assert post.mentions == (Mention(0, 7, "drug"),)
    assert line["text"] in [post.text for post in learnable(data)[1].train]
    for kind in ("classification", "ner"):
        write(data / kind / "adrwatch" / "dev.jsonl", json.dumps(line) + "\n")
    assert not extraction(data)["adrwatch"].train
    assert extraction(data)["adrwatch"].dev == [post]
    assert line["text"] not in [post.text for post in learnable(data)[1].train]


def test_posts_drawn_for_a_teacher_have_no_label_anywhere(tmp_path: Path) -> None:
    data = collection(tmp_path)
    tweets, forum = learnable(data)
    labelled = {normalised(post.text) for post in (*tweets.train, *tweets.held_out, *forum.train)}
    drawn = drawn_unlabelled(data, 20, seed=3)
    assert len(drawn) == 20
    assert drawn == drawn_unlabelled(data, 20, seed=3)
    assert not {normalised(text) for text in drawn} & labelled
    assert len(drawn_unlabelled(data, 10_000, seed=3)) < 10_000


def _read(path: Path) -> str:
    return "".join(f"{line}\n" for line in read_lines(path))
