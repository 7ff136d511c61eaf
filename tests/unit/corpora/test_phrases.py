"""Corpora of coded phrases: their formats, and what is held out of them. The samples are ours, in the same formats."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from shared.corpora.phrases import CodedPhrase, HoldOut, PhraseFormat, data_hash, phrase_hash, read_phrases, split
from shared.errors import AdrwatchError


def test_smm4h2017_has_code_and_phrase_and_rows_without_a_code_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "train.tsv"
    file.write_text('90000031\tqueasy as anything\n90000032\t"wide" awake\nHP:0002018\tqueasy\nMEDDRA PT\tText\n')
    assert read_phrases(file, PhraseFormat.SMM4H2017) == [
        CodedPhrase("queasy as anything", "MedDRA:90000031"),
        CodedPhrase('"wide" awake', "MedDRA:90000032"),
        CodedPhrase("queasy", "HP:0002018"),
    ]


def test_askapatient_is_latin_1_with_names(tmp_path: Path) -> None:
    file = tmp_path / "fold.txt.xz"
    file.write_bytes(lzma.compress("990001\tMade up pain\tpain à la carte\n".encode("latin-1")))
    assert read_phrases(file, PhraseFormat.ASKAPATIENT) == [
        CodedPhrase("pain à la carte", "SNOMED:990001", "Made up pain")
    ]


def test_folds_have_a_published_test_part_and_names_where_they_are_given(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("990001\tknee on fire\n990002\tfoggy\n")
    (tmp_path / "test.txt").write_text("990001\tknee burns\n")
    (tmp_path / "standard.txt").write_text("990001\tmade up knee trouble\n")
    pairs = read_phrases(tmp_path, PhraseFormat.FOLDS)
    assert [(pair.label, pair.tested) for pair in pairs] == [
        ("made up knee trouble", False),
        ("", False),
        ("made up knee trouble", True),
    ]
    rest, held_out = split(pairs, HoldOut.PUBLISHED)
    assert [pair.phrase for pair in rest] == ["knee on fire", "foggy"]
    assert [pair.phrase for pair in held_out] == ["knee burns"]


def test_rdrs_is_csv_and_its_highest_fold_is_the_test_part(tmp_path: Path) -> None:
    file = tmp_path / "rdrs.csv"
    file.write_text('mention,tag,pt code,fold id\n"луна, чешется",ADR,90000033,1\nтошно,ADR,90000031,2\n')
    assert read_phrases(file, PhraseFormat.RDRS) == [
        CodedPhrase("луна, чешется", "MedDRA:90000033"),
        CodedPhrase("тошно", "MedDRA:90000031", tested=True),
    ]


@pytest.mark.parametrize(
    ("layout", "text", "said"),
    [
        (PhraseFormat.SMM4H2017, "90000031\tfine\nsecret words without a tab\n", "line 2: 2 cells"),
        (PhraseFormat.ASKAPATIENT, "1\tname\n", "line 1: 3 cells"),
        (PhraseFormat.RDRS, "mention,tag\nsecret,ADR\n", "line 1: the header"),
        (PhraseFormat.RDRS, "mention,tag,pt code,fold id\nsecret,ADR,x,1\n", "line 2: code and fold"),
    ],
)
def test_a_broken_line_is_named_and_not_quoted(tmp_path: Path, layout: PhraseFormat, text: str, said: str) -> None:
    (tmp_path / "file").write_text(text)
    with pytest.raises(AdrwatchError, match=said) as caught:
        read_phrases(tmp_path / "file", layout)
    assert "secret" not in str(caught.value)
    with pytest.raises(AdrwatchError, match="no file of coded phrases"):
        read_phrases(tmp_path / "none", layout)


PAIRS = [CodedPhrase(phrase, "X:1") for number in range(300) for phrase in (f"Pain {'a' * (number % 150)} q", "same")]
PAIRS = [CodedPhrase(f"{pair.phrase}{chr(97 + number % 26)}", pair.concept) for number, pair in enumerate(PAIRS)]


def test_no_phrase_is_on_both_sides_of_a_hold_out_by_phrases() -> None:
    rest, held_out = split(
        [*PAIRS, *(CodedPhrase(pair.phrase.upper() + "!", "X:1") for pair in PAIRS)], HoldOut.PHRASES
    )
    assert held_out
    assert {phrase_hash(pair.phrase) for pair in rest}.isdisjoint(phrase_hash(pair.phrase) for pair in held_out)


def test_a_hold_out_by_rows_takes_a_tenth_and_is_always_the_same() -> None:
    rest, held_out = split(PAIRS, HoldOut.ROWS)
    assert len(rest) + len(held_out) == len(PAIRS)
    assert 0.05 < len(held_out) / len(PAIRS) < 0.15
    assert split(PAIRS, HoldOut.ROWS) == (rest, held_out)
    assert split(PAIRS, HoldOut.NONE) == (PAIRS, [])


def test_a_corpus_without_a_test_part_cannot_hold_it_out() -> None:
    with pytest.raises(AdrwatchError, match="no published test part"):
        split(PAIRS, HoldOut.PUBLISHED)


def test_a_changed_corpus_has_another_hash() -> None:
    assert data_hash(PAIRS) == data_hash(list(PAIRS))
    assert data_hash(PAIRS) != data_hash(PAIRS[1:])
