"""The reader of ADE-Corpus-V2, on samples written here in its format."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.corpora.ade_corpus import read_ade_corpus
from shared.errors import AdrwatchError
from tests.unit.corpora.corpus_files import named, related, write

# The sentence begins at character 100 of its abstract.
SENTENCE = "Rash, then a worse rash, after drugol and pillex."
RELATIONS = [
    f"77|{SENTENCE}|rash|119|123|drugol|131|137",
    f"77|{SENTENCE}|rash|119|123|pillex|142|148",
    f"77|{SENTENCE}|Rash|100|104|drugol|131|137",
]


def test_offsets_of_the_abstract_choose_among_equal_words(tmp_path: Path) -> None:
    [post] = read_ade_corpus(write(tmp_path / "DRUG-AE.rel", "\n".join(RELATIONS) + "\n"))
    assert post.id == "77"
    assert named(post) == [("drug", "drugol"), ("reaction", "rash"), ("drug", "pillex"), ("reaction", "Rash")]
    assert post.mentions[1].start == 19
    assert related(post) == [
        ("causes", "drugol", "rash"),
        ("causes", "pillex", "rash"),
        ("causes", "drugol", "Rash"),
    ]


def test_sentences_without_effects_say_nothing_about_medicines(tmp_path: Path) -> None:
    write(tmp_path / "DRUG-AE.rel.xz", RELATIONS[0] + "\n")
    write(tmp_path / "ADE-NEG.txt", "78 NEG We gave drugol twice.\n")
    first, second = read_ade_corpus(tmp_path)
    assert first.types == {"drug", "reaction"}
    assert (second.text, second.mentions, second.types) == ("We gave drugol twice.", (), {"reaction"})


def test_doses_are_a_type_of_their_own(tmp_path: Path) -> None:
    [post] = read_ade_corpus(write(tmp_path / "DRUG-DOSE.rel", "77|He took 5 mg drugol.|5 mg|8|12|drugol|13|19\n"))
    assert related(post) == [("dosed", "drugol", "5 mg")]


@pytest.mark.parametrize(
    "line",
    [
        "77|secret|rash|1|2",
        f"77|{SENTENCE}|rash|x|123|drugol|131|137",
        f"77|{SENTENCE}|secret|119|125|drugol|131|137",
        f"77|{SENTENCE}|rash|119|123|drugol|132|138",
        "secret NEG sentence",
    ],
)
def test_a_broken_line_is_named_without_its_text(tmp_path: Path, line: str) -> None:
    with pytest.raises(AdrwatchError, match="line 2") as refusal:
        read_ade_corpus(write(tmp_path / "DRUG-AE.rel", f"{RELATIONS[0]}\n{line}\n"))
    assert "secret" not in str(refusal.value)


def test_a_folder_without_the_corpus_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdrwatchError, match="lacks DRUG-AE"):
        read_ade_corpus(tmp_path)
