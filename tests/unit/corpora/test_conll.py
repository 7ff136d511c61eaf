"""Readers of CoNLL files, on samples written here in the corpora's formats."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.corpora.conll import read_psytar, read_reddit, read_weibo
from shared.errors import AdrwatchError
from tests.unit.corpora.corpus_files import named, write


def test_reddit_sentences_get_their_spaces_back(tmp_path: Path) -> None:
    rows = [
        *("I O", "'m O", "so B-ADR", "tired I-ADR", ", O", "dizzy B-ADR", "on O", "Zoloft B-DRUG", ". O"),
        *("", "Ok O", ""),
    ]
    tired, ok = read_reddit(write(tmp_path / "a.txt", "\n".join(rows)))
    assert tired.text == "I'm so tired, dizzy on Zoloft."
    assert named(tired) == [("reaction", "so tired"), ("reaction", "dizzy"), ("drug", "Zoloft")]
    assert tired.types == {"reaction", "drug"}
    assert ok.mentions == ()


def test_psytar_tells_withdrawal_indications_and_other_signs_of_illness_apart(tmp_path: Path) -> None:
    rows = ["Zaps\tB-WD", "after\tO", "stopping\tO", "it\tO", "for\tO", "panic\tB-DI", "attacks\tI-DI", "sad\tB-SSI"]
    [post] = read_psytar(write(tmp_path / "a.txt.xz", "\n".join(rows)))
    assert named(post) == [("withdrawal", "Zaps"), ("indication", "panic attacks"), ("symptom", "sad")]
    assert post.types == {"reaction", "withdrawal", "indication", "symptom"}


def test_a_token_of_white_space_is_passed_over(tmp_path: Path) -> None:
    [post] = read_psytar(write(tmp_path / "a.txt", "rash\tB-ADR\n \tO\n"))
    assert post.text == "rash"


def test_weibo_characters_lose_their_place_in_the_word_and_types_stay_its_own(tmp_path: Path) -> None:
    rows = [
        "我0\tO",
        "在0\tO",
        "北0\tB-GPE.NAM",
        "京1\tI-GPE.NAM",
        "看0\tO",
        "医0\tB-PER.NOM",
        "生1\tI-PER.NOM",
        "",
        "50\tO",
    ]
    first, second = read_weibo(write(tmp_path / "weibo.dev", "\n".join(rows)))
    assert first.text == "我在北京看医生"
    assert named(first) == [("GPE.NAM", "北京"), ("PER.NOM", "医生")]
    assert second.text == "5"
    assert second.types == {"GPE.NAM", "PER.NOM"}


@pytest.mark.parametrize("line", ["secret", "secret\tX-ADR", "secret\tB"])
def test_a_line_without_a_label_is_named_without_its_text(tmp_path: Path, line: str) -> None:
    for reader in (read_psytar, read_reddit, read_weibo):
        with pytest.raises(AdrwatchError, match="line 2") as refusal:
            reader(write(tmp_path / "a.txt", f"fine\tO\n{line}\n"))
        assert "secret" not in str(refusal.value)
