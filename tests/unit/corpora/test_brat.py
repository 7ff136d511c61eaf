"""Readers of brat's files, on samples written here in the corpora's formats."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.corpora.brat import read_cadec, read_twimed
from shared.corpora.readers import Mention
from shared.errors import AdrwatchError
from shared.events import Concept
from tests.unit.corpora.corpus_files import named, related, tarred, write, zipped

SORE = "sore arms and legs on Drugol for gout"
NOTES = (
    "T1\tADR 0 4;14 18\tsore legs\n#1\tAnnotatorNotes T1\tpain\nT2\tADR 0 9\tsore arms\n"
    "T3\tDrug 22 28\tDrugol\nT4\tFinding 0 4\tsore\nT5\tDisease 33 37\tgout\n"
)
CODES = "TT1\t10033371 0 4;14 18\tsore legs\nTT2\tCONCEPT_LESS 0 9\tsore arms\n"


def cadec(folder: Path, notes: str = NOTES) -> Path:
    files = {
        "cadec/text/DRUGOL-X.1.txt": SORE,
        "cadec/original/DRUGOL-X.1.ann": notes,
        "cadec/meddra/DRUGOL-X.1.ann": CODES,
        "cadec/sct/DRUGOL-X.1.ann": "TT1\t1 | Pain | 0 4;14 18\tsore legs\n",
        "cadec/text/DRUGOL-X.2.txt": "no trouble",
        "cadec/original/DRUGOL-X.2.ann": "",
    }
    return zipped(folder / "cadec.zip", files)


def test_cadec_mentions_are_whole_and_overlapping_ones_kept(tmp_path: Path) -> None:
    first, second = read_cadec(cadec(tmp_path))
    assert named(first) == [
        ("reaction", "sore … legs"),
        ("reaction", "sore arms"),
        ("drug", "Drugol"),
        ("finding", "sore"),
        ("indication", "gout"),
    ]
    assert first.mentions[0] == Mention(0, 18, "reaction", ((0, 4), (14, 18)), Concept("MedDRA:10033371", ""))
    assert first.mentions[1].concept is None
    assert (first.drug, first.id, first.types) == (
        "drugol x",
        "DRUGOL-X.1",
        {"reaction", "drug", "indication", "symptom", "finding"},
    )
    assert second.mentions == ()


def test_a_split_file_chooses_documents_of_the_archive_beside_it(tmp_path: Path) -> None:
    cadec(tmp_path)
    [post] = read_cadec(write(tmp_path / "split_dev.id", "DRUGOL-X.2\n"))
    assert post.id == "DRUGOL-X.2"
    with pytest.raises(AdrwatchError, match=r"lacks document OTHER\.9"):
        read_cadec(write(tmp_path / "split_dev.id", "OTHER.9\n"))
    (tmp_path / "cadec.zip").unlink()
    with pytest.raises(AdrwatchError, match="0 zip archives beside"):
        read_cadec(tmp_path / "split_dev.id")


def test_a_folder_of_texts_and_notes_is_read_like_the_archive(tmp_path: Path) -> None:
    write(tmp_path / "mine" / "DRUGOL.7.txt", SORE)
    write(tmp_path / "mine" / "DRUGOL.7.ann", NOTES)
    [post] = read_cadec(tmp_path / "mine")
    assert named(post)[0] == ("reaction", "sore … legs")


@pytest.mark.parametrize(
    "notes", ["T1 ADR 0 4 sore\n", "T1\tADR 0 400\tsore\n", "T1\tADR 4 4\tsore\n", "T1\tADR 9 4;4 0\tsore\n"]
)
def test_broken_notes_are_named_without_their_text(tmp_path: Path, notes: str) -> None:
    with pytest.raises(AdrwatchError, match=r"DRUGOL-X\.1\.ann, line 2") as refusal:
        read_cadec(cadec(tmp_path, f"#1\tAnnotatorNotes T1\tpain\n{notes}"))
    assert "sore" not in str(refusal.value)


TWIMED = (
    "T1\tDrug 22 28\tDrugol\nA1\tModality T1 Generic\nN1\tReference T1 Concepts:1\tDrugol\n"
    "T2\tDisease_Symptom 0 4;14 18;9 5\tsore legs\nT3\tDisease 33 37\tgout\nT4\tSymptom 0 9\tsore arms\n"
    "R1\tOutcome-negative Arg1:T2 Arg2:T1\t\nR2\tReason-to-use Arg1:T1 Arg2:T3\t\nR3\tReason-to-use Arg1:T3 Arg2:T1\t\n"
)


def test_twimed_roles_come_from_relations_in_either_direction(tmp_path: Path) -> None:
    files = {"gold/pubmed/A_1.txt": SORE, "gold/pubmed/A_1.ann": ""}
    conflated = {"gold_conflated/pubmed/A_1.txt": SORE, "gold_conflated/pubmed/A_1.ann": TWIMED}
    [post] = read_twimed(tarred(tmp_path / "pubmed.tar.xz", {**files, **conflated}))
    assert named(post) == [("drug", "Drugol"), ("reaction", "sore … legs"), ("indication", "gout")]
    assert related(post) == [("causes", "Drugol", "sore … legs"), ("treats", "Drugol", "gout")]
    assert post.id == "A_1"


@pytest.mark.parametrize("line", ["R9\tOutcome-negative T1 T2", "R9\tOutcome-negative Arg1:T1 Arg2:T99"])
def test_broken_relations_are_named(tmp_path: Path, line: str) -> None:
    write(tmp_path / "twimed" / "A_1.txt", SORE)
    write(tmp_path / "twimed" / "A_1.ann", f"{TWIMED}{line}\n")
    with pytest.raises(AdrwatchError, match=r"A_1\.ann, line 10"):
        read_twimed(tmp_path / "twimed")


def test_a_text_without_notes_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "twimed" / "A_1.txt", SORE)
    with pytest.raises(AdrwatchError, match=r"lacks A_1\.ann"):
        read_twimed(tmp_path / "twimed")
