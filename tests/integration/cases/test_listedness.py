"""Listedness against a file that the user gives: suggested with its reason, decided by a person."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import msgspec
import pytest

from shared import settings
from shared.errors import AdrwatchError
from shared.events import Concept
from tests.integration.cases.items import item

SENTENCE = "Nausea was seen in 3 % of patients."
TEXTS = f'drug,text\nIbuprofen,"{SENTENCE} No cases of insomnia were observed."\nibuprofen,Rare: rash.\nown mixture,Nausea.\n'


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def give(content: str, name: str = "safety.csv") -> Path:
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        monkeypatch.setenv("ADRWATCH_REFERENCE_SAFETY", str(path))
        settings.current.cache_clear()
        return path

    return give


def opened(book, number: int, reaction: str, drug: Concept | None = None):
    from shared.vocabulary.drugs import default_lexicon
    from shared.vocabulary.reactions import default_vocabulary

    concept = default_vocabulary().match(reaction).concept
    drug = drug or default_lexicon().concept("ibuprofen")
    return book.open(msgspec.structs.replace(item(number), drug=drug, reaction=concept), (), (), "r")


def test_the_suggestion_stands_with_its_sentence_and_a_person_decides(adrwatch, book, given, tmp_path):
    given(TEXTS)
    cases = {
        name: opened(book, number, name, drug)
        for number, (name, drug) in enumerate(
            {
                "nausea": None,
                "insomnia": None,
                "rash": None,
                "headache": None,
                "fatigue": Concept("DB:9", "other drug"),
            }.items()
        )
    }
    found = {
        name: json.loads(adrwatch("cases", "show", case.id, "--json").stdout)["listedness"]
        for name, case in cases.items()
    }
    assert {name: suggestion["word"] for name, suggestion in found.items()} == {
        "nausea": "listed", "insomnia": "not listed", "rash": "listed", "headache": "not listed", "fatigue": "unknown",
    }  # fmt: skip
    assert found["nausea"]["reason"] == SENTENCE
    card = adrwatch("cases", "show", cases["insomnia"].id).stdout
    assert "not assessed" in card
    assert "No cases of insomnia were observed." in card
    done = adrwatch(
        "cases", "assess", cases["insomnia"].id, "--listedness", "listed", "--reason", "a newer label has it"
    )
    assert done.exit_code == 0
    out = tmp_path / "cases.csv"
    assert adrwatch("cases", "export", out, "--format", "csv").exit_code == 0
    rows = {row["id"]: row for row in csv.DictReader(out.open(encoding="utf-8", newline=""))}
    row = rows[cases["insomnia"].id]
    assert (row["listedness"], row["listedness_suggested"]) == (
        "listed", "not listed: No cases of insomnia were observed.",
    )  # fmt: skip
    assert rows[cases["nausea"].id]["listedness"] == ""


def test_json_and_drugs_that_no_lexicon_knows_are_found_by_their_names(adrwatch, book, given):
    given(json.dumps({"Own Mixture": "Common: nausea."}), "safety.json")
    case = opened(book, 1, "nausea", Concept("unmapped", "own mixture"))
    assert "listed: Common: nausea." in adrwatch("cases", "show", case.id).stdout


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name,text\nibuprofen,Nausea.\n", "the header lacks the columns drug and text"),
        ("drug,text\nibuprofen\n", "line 2: no drug, or no text"),
        ("drug,text\n", "is empty"),
        ('{"ibuprofen": 3}', "Expected `str`"),
        ('{"ibuprofen"', "safety.csv: "),
    ],
)
def test_a_file_that_is_none_is_named_with_the_fix(adrwatch, book, given, content, message):
    case = opened(book, 1, "nausea")
    given(content)
    done = adrwatch("cases", "show", case.id)
    assert isinstance(done.exception, AdrwatchError)
    assert message in done.exception.message
    assert "columns drug and text" in done.exception.fix


def test_a_file_that_is_not_there_and_a_word_that_is_none_are_named(adrwatch, book, given):
    case = opened(book, 1, "nausea")
    given(TEXTS).unlink()
    assert "No such file" in adrwatch("cases", "show", case.id).exception.message
    done = adrwatch("cases", "assess", case.id, "--listedness", "perhaps", "--reason", "r")
    assert "listedness cannot be 'perhaps'" in done.exception.message
