"""Readers of Chinese corpora, on sentences written here in their formats."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.corpora.chinese import read_msra, read_segmented
from shared.corpora.formats import annotated
from shared.errors import AdrwatchError
from tests.unit.corpora.corpus_files import named, write


def pair(folder: Path, sentences: str, tags: str) -> Path:
    write(folder / "val_tags.txt.xz", tags)
    return write(folder / "val_sentences.txt.xz", sentences)


def test_words_are_told_by_white_space_of_any_width(tmp_path: Path) -> None:
    file = write(tmp_path / "gold.utf8.xz", "吃  了  药  ，  头疼  。\n\n 早上　好 \n")
    assert read_segmented(file) == [("吃", "了", "药", "，", "头疼", "。"), ("早上", "好")]


def test_msra_sentences_are_read_with_the_tags_beside_them(tmp_path: Path) -> None:
    tags = "O O B-LOC I-LOC O B-PER I-PER\nO O\n"
    first, second = read_msra(pair(tmp_path, "我 在 北 京 等 小 王\n好 的\n", tags))
    assert first.text == "我在北京等小王"
    assert named(first) == [("LOC", "北京"), ("PER", "小王")]
    assert first.types == second.types == {"LOC", "ORG", "PER"}
    assert second.mentions == ()


@pytest.mark.parametrize(
    ("sentences", "tags", "said"),
    [
        ("我 在\n", "O\n", "line 1: 1 tags for 2 characters"),
        ("我 在\n", "O O\nO\n", "1 lines"),
        ("我 在\n", "O B-DRUG\n", "line 1: tags are"),
        ("我 在\n", "O X-LOC\n", "line 1: tags are"),
    ],
)
def test_files_that_do_not_fit_are_named_without_their_text(
    tmp_path: Path, sentences: str, tags: str, said: str
) -> None:
    with pytest.raises(AdrwatchError, match=said) as refusal:
        read_msra(pair(tmp_path, sentences, tags))
    assert "我" not in str(refusal.value)


def test_a_file_without_its_tags_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdrwatchError, match=r"val_tags\.txt"):
        read_msra(write(tmp_path / "val_sentences.txt", "我 在\n"))
    with pytest.raises(AdrwatchError, match="no file of sentences"):
        read_msra(write(tmp_path / "val.txt", "我 在\n"))


def test_msra_is_a_format_that_is_scored_by_name(tmp_path: Path) -> None:
    pair(tmp_path / "ner" / "msra_zh_partial", "在 北 京\n", "O B-LOC I-LOC\n")
    (found,) = annotated(tmp_path, "msra_zh_partial").items()
    assert (found[0], named(found[1][0])) == ("msra_zh_partial validation", [("LOC", "北京")])
