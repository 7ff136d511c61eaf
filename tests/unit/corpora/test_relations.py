"""Texts and annotations written here in the formats of TwiMed and of the ADE corpus v2."""

from __future__ import annotations

import io
import json
import lzma
import tarfile
import zipfile
from pathlib import Path

import pytest

from shared.corpora.relations import held_out, read_ade, read_cadec_pairs, read_phee_pairs, read_twimed
from shared.errors import AdrwatchError

TEXT = "Drugol for gout caused a red rash."
NOTES = """T1\tDrug 0 6\tDrugol
T2\tDisease_Symptom 11 15\tgout
T3\tDisease_Symptom 25 28;29 33\tred rash
A1\tModality T1 Generic
R1\tBenefit Arg1:T2 Arg2:T1
R2\tOutcome-negative Arg1:{first} Arg2:{second}
"""


def archive(folder: Path, files: dict[str, str]) -> Path:
    path = folder / "brat.tar.xz"
    with tarfile.open(path, "w:xz") as packed:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content.encode())
            packed.addfile(member, io.BytesIO(content.encode()))
    return path


@pytest.mark.parametrize(("first", "second"), [("T1", "T3"), ("T3", "T1")])
def test_twimed_pairs_are_outcomes_whichever_entity_is_named_first(tmp_path: Path, first: str, second: str) -> None:
    notes = NOTES.format(first=first, second=second)
    (text,) = read_twimed(archive(tmp_path, {"gold/a.txt": TEXT, "gold/a.ann": notes}))
    assert text.drugs == ((0, 6),)
    assert text.reactions == ((11, 15), (25, 33))
    assert text.pairs == {((0, 6), (25, 33))}


def test_conflated_annotations_are_preferred_and_texts_without_a_candidate_pair_left_out(tmp_path: Path) -> None:
    files = {
        "./gold/a.txt": TEXT,
        "./gold/a.ann": "",
        "./gold_conflated/a.txt": TEXT,
        "./gold_conflated/a.ann": NOTES.format(first="T1", second="T3"),
        "./gold_conflated/b.txt": "Drugol.",
        "./gold_conflated/b.ann": "T1\tDrug 0 6\tDrugol\n",
    }
    assert len(read_twimed(archive(tmp_path, files))) == 1


@pytest.mark.parametrize(
    ("notes", "reason"),
    [
        ("T1\tDrug zero 6\tDrugol", "line 1: not a brat mention"),
        ("T1\tDrug 0 600\tDrugol", "line 1: a mention lies outside"),
        ("R1\tOutcome-negative Arg1:T1 Arg2:T2", "line 1: a relation to a mention that is not there"),
    ],
)
def test_broken_notes_name_file_and_line_and_never_the_text(tmp_path: Path, notes: str, reason: str) -> None:
    with pytest.raises(AdrwatchError, match=reason) as caught:
        read_twimed(archive(tmp_path, {"gold/a.txt": TEXT, "gold/a.ann": notes}))
    assert "Drugol" not in str(caught.value)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.tar.xz").write_text("no archive")
    with pytest.raises(AdrwatchError, match="not readable as"):
        read_twimed(tmp_path / "x.tar.xz")
    with pytest.raises(AdrwatchError, match="no corpus file"):
        read_twimed(tmp_path / "absent.tar.xz")


def ade(folder: Path, *lines: str, doses: str = "") -> Path:
    (folder / "DRUG-AE.rel.xz").write_bytes(lzma.compress("\n".join(lines).encode()))
    (folder / "DRUG-DOSE.rel").write_text(doses)
    return folder


def test_ade_offsets_of_the_abstract_are_found_in_the_sentence_by_their_distance(tmp_path: Path) -> None:
    sentence = "Rash after drugol, and a second rash after testamol 5 mg."
    lines = [
        f"1|{sentence}|rash|132|136|testamol|143|151",
        f"1|{sentence}|Rash|100|104|drugol|111|117",
    ]
    doses = f"1|{sentence}|5 mg|152|156|testamol|143|151\n1|{sentence}|5 mg|152|156|drugol|111|117\n"
    (text,) = read_ade(ade(tmp_path, *lines, doses=doses))
    assert {(sentence[a:b], sentence[c:d]) for (a, b), (c, d) in text.pairs} == {
        ("drugol", "Rash"),
        ("testamol", "rash"),
    }
    assert len(text.drugs) == len(text.reactions) == 2


def test_a_drug_with_a_dose_alone_is_a_candidate_that_did_nothing(tmp_path: Path) -> None:
    sentence = "Rash after drugol while on testamol 5 mg."
    doses = f"1|{sentence}|5 mg|136|140|testamol|127|135\n2|No effect here, drugol 1 mg.|1 mg|40|44|drugol|33|39\n"
    (text,) = read_ade(ade(tmp_path, f"1|{sentence}|Rash|100|104|drugol|111|117", doses=doses))
    assert [sentence[a:b] for a, b in text.drugs] == ["drugol", "testamol"]
    assert len(text.pairs) == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1|Rash.|Rash|0|4|drugol", "needs 8 fields"),
        ("1|Rash of drugol.|Rash|x|4|drugol|8|14", "needs 8 fields"),
        ("1|Rash of drugol.|hives|0|5|drugol|8|14", "does not hold its mentions"),
    ],
)
def test_a_broken_relation_names_file_and_line(tmp_path: Path, line: str, reason: str) -> None:
    with pytest.raises(AdrwatchError, match=f"line 1: .*{reason}"):
        read_ade(ade(tmp_path, line))


def test_of_phee_effects_are_asserted_and_disorders_are_not(tmp_path: Path) -> None:
    sentence = "Rash after drugol for gout."
    event = {
        "event_type": "Adverse_event",
        "Effect": {"text": [["Rash"]], "start": [[0]]},
        "Treatment": {
            "Drug": {"text": [["drugol"]], "start": [[11]]},
            "Disorder": {"text": [["gout"]], "start": [[22]]},
        },
    }
    records = [{"context": sentence, "annotations": [{"events": [event]}]}, {"context": "None.", "annotations": []}]
    file = tmp_path / "dev.json"
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    (text,) = read_phee_pairs(file)
    assert [sentence[a:b] for a, b in text.reactions] == ["Rash", "gout"]
    assert text.pairs == {((11, 17), (0, 4))}


def test_a_review_of_cadec_blames_the_medicine_that_it_is_of(tmp_path: Path) -> None:
    review = "Advil was fine. Drugol: sore legs"
    files = {
        "cadec/text/DRUGOL.1.txt": review,
        "cadec/original/DRUGOL.1.ann": "T1\tDrug 0 5\tAdvil\nT2\tDrug 16 22\tDrugol\nT3\tADR 24 33\tsore legs\n",
        "cadec/meddra/DRUGOL.1.ann": "",
        "cadec/text/DRUGOL.2.txt": "Sore legs",
        "cadec/original/DRUGOL.2.ann": "T1\tADR 0 9\tSore legs\n",
        "cadec/meddra/DRUGOL.2.ann": "",
    }
    with zipfile.ZipFile(tmp_path / "cadec.zip", "w") as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    (text,) = read_cadec_pairs(tmp_path / "cadec.zip")
    assert len(text.drugs) == 2
    assert text.pairs == {((16, 22), (24, 33))}


def test_copies_of_a_text_fall_into_one_half_and_both_halves_have_texts() -> None:
    assert held_out("Rash of drugol.") == held_out("  rash of drugol. ")
    assert {held_out(f"text {number}") for number in range(50)} == {True, False}
