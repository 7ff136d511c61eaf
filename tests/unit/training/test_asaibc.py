"""What ASAIBC needs beside its network: tags of characters, weights of source sentences, rows, gains. No torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from services.cli import build
from services.training.asaibc import posts
from services.training.asaibc.instances import common, parts_of, runs, similarity, weights
from services.training.asaibc.settings import FULL, ROWS, Settings, rows_of
from services.training.asaibc.words import PARTS, part_number
from services.training.study import table
from shared.corpora.readers import AnnotatedPost, Mention
from shared.errors import AdrwatchError

POST = AnnotatedPost("我在北京等小王", (Mention(2, 4, "GPE"), Mention(5, 7, "PER")), frozenset({"GPE", "PER"}))
NAMES = ("O", "B-GPE", "I-GPE", "B-PER", "I-PER")
# A dictionary of our own: words and their parts of speech.
KNOWN = {
    "小王": [("小王", "nr")],
    "北京医院": [("北京", "ns"), ("医院", "n")],
    "医院": [("医院", "n")],
    "北京": [("北京", "ns")],
    "上海": [("上海", "ns")],
    "看病": [("看", "v"), ("病", "n")],
    "去": [("去", "v")],
    "学校": [("学校", "n")],
}


def test_tags_tell_the_mentions_that_made_them() -> None:
    assert posts.tag_names([POST]) == NAMES
    tags = posts.tags_of(POST, NAMES)
    assert tags.tolist() == [0, 0, 1, 2, 0, 3, 4]
    assert posts.mentions_of(tags.tolist(), NAMES) == list(POST.mentions)
    assert posts.tags_of(POST, ("O", "B-PER", "I-PER")).tolist() == [0, 0, 0, 0, 0, 1, 2]


def test_an_inside_that_continues_nothing_begins_a_mention_and_a_begin_ends_the_one_before() -> None:
    assert posts.mentions_of([2, 0, 4, 2, 1, 1], NAMES) == [
        Mention(0, 1, "GPE"),
        Mention(2, 3, "PER"),
        Mention(3, 4, "GPE"),
        Mention(4, 5, "GPE"),
        Mention(5, 6, "GPE"),
    ]


def test_an_inside_follows_its_own_type_alone_and_comes_never_first() -> None:
    steps, first = posts.allowed(NAMES)
    assert [(NAMES[a], NAMES[b]) for a, b in np.argwhere(~steps).tolist()] == [
        *(("O", "I-GPE"), ("O", "I-PER"), ("B-GPE", "I-PER"), ("I-GPE", "I-PER")),
        *(("B-PER", "I-GPE"), ("I-PER", "I-GPE")),
    ]
    assert first.tolist() == [True, True, False, True, False]


def test_posts_without_mentions_teach_nothing() -> None:
    with pytest.raises(AdrwatchError, match="no post has a mention"):
        posts.tag_names([AnnotatedPost("好", (), frozenset({"PER"}))])


def test_places_in_words_and_sentences_of_a_paragraph() -> None:
    assert [posts.CUTS[at] for at in posts.cuts_of(("舍曲林", "吃", "完", "头疼"))] == list("BMESSBE")
    assert posts.sentences(("头疼", "。", "好", "！", "去")) == [("头疼", "。"), ("好", "！"), ("去",)]
    long = posts.sentences(["头疼"] * 100)
    assert [sum(map(len, each)) for each in long] == [150, 50]
    assert posts.sentences(()) == []


def test_similar_is_what_is_shared_in_one_order() -> None:
    assert common("abcd", "xbyd") == 2
    assert common("ab", "ba") == 1
    assert similarity(("北京", "医院"), ("北京", "大学", "医院")) == pytest.approx(2 / 3)
    assert similarity((), ("北京",)) == 0.0


def test_runs_are_of_nouns_and_names_and_a_word_has_the_part_of_its_head() -> None:
    words = ("去", "北京", "医院", "看病", "上海")
    parts = parts_of(words, KNOWN.__getitem__)
    assert parts == ("v", "ns", "n", "n", "ns")
    assert runs(("北京", "去", "医院"), ("ns", "v", "n")) == [(("北京",), ("ns",)), (("医院",), ("n",))]


def test_a_sentence_weighs_as_much_as_its_runs_resemble_entities_by_words_and_by_parts_of_speech() -> None:
    # By hand. Entities: 小王 (nr), 北京医院 (北京 ns, 医院 n).
    source = [("去", "北京", "医院"), ("去", "上海"), ("去", "学校", "去", "北京"), ("去",)]
    # 1: the entity itself: 1 and 1. 2: no word; ns of (ns, n): 1/2. 3: 学校: 0 and 1/2; 北京: 1/2 and 1/2. 4: no noun at all.
    by_words, by_parts = np.array([1, 0, 0.25, 0]), np.array([1, 0.5, 0.5, 0])
    for alpha in (0.0, 0.3, 1.0):
        found = weights(source, ["小王", "北京医院"], KNOWN.__getitem__, alpha, 0.0)
        assert found == pytest.approx(alpha * by_words + (1 - alpha) * by_parts)


def test_below_the_threshold_a_sentence_is_left_out_and_at_it_kept() -> None:
    source = [("去", "北京", "医院"), ("去", "上海"), ("去", "学校", "去", "北京")]
    found = weights(source, ["小王", "北京医院"], KNOWN.__getitem__, 0.5, 0.375)
    assert found == pytest.approx([1.0, 0.0, 0.375])
    assert not weights(source, [], KNOWN.__getitem__, 0.5, 0.1).any()


def test_parts_of_speech_are_taken_by_their_longest_known_name() -> None:
    assert [PARTS[part_number(part)] for part in ("n", "nr", "nrt", "ng", "vn", "uj", "b")] == [
        *("n", "nr", "nr", "n", "v", "u", "")
    ]


def test_each_row_has_what_the_row_before_it_has() -> None:
    found = rows_of(None, Settings(epochs=3))
    assert list(found) == list(ROWS)
    assert [len(each.parts) for each in found.values()] == [0, 1, 2, 3, 4]
    assert {each.epochs for each in found.values()} == {3}
    assert [each.transfers for each in found.values()] == [False, False, True, True, True]
    assert list(rows_of([FULL], Settings())) == [FULL]


def _result(variant: str, seed: int, score: float) -> dict[str, object]:
    made = {"variant": variant, "data": "d", "options": {"seed": seed}, "revision": "r", "time": "2026-11-29T00:00:00"}
    return made | {"versions": {"torch": "2"}, "scores": {"F1": score}, "over": {"variant": "base", "score": "F1"}}


def test_gains_are_of_pairs_with_one_seed() -> None:
    results = [_result("base", seed, score) for seed, score in ((1, 0.5), (2, 0.6))]
    results += [_result("more", seed, score) for seed, score in ((1, 0.52), (2, 0.66), (3, 0.1))]
    lines = table(results).splitlines()
    assert "| gain in F1 over base | pairs of one seed | mean | 95 % interval |" in lines
    # .02 and .06: mean .04, deviation .0283, of two pairs; Student's factor of one degree of freedom is 12.706.
    assert "| more | 2 | +0.040 ± 0.028 | -0.214 to +0.294 |" in lines
    # Of one pair there is no spread, and without the variant to compare with no gain.
    for few in (results[:3:2], results[2:]):
        assert "gain" not in table(few)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--row", "BERT"), "no row BERT"),
        (("--corpus", "resume"), "no corpus resume"),
        (("--tuned", "2"), "no encoder whose layers"),
        ((), "no corpus file"),
    ],
)
def test_what_cannot_be_trained_is_said_before_training(
    words: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.training.asaibc.commands.with_extra", lambda module: None)
    result = CliRunner().invoke(build(), ["train", "chinese", "--data", str(tmp_path), *words])
    assert isinstance(result.exception, AdrwatchError)
    assert said in str(result.exception)
    assert result.exception.fix
