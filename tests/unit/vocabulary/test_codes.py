"""ATC and ICD-10-CM codes from tables that the user brings."""

from __future__ import annotations

import json
import lzma
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from services.alerting.codes import codes_of
from services.cli import build
from shared import settings
from shared.errors import AdrwatchError
from shared.events import Alert, Concept, Mention, decode, encode
from shared.examples import EXAMPLES
from shared.settings import Settings, load
from shared.vocabulary.atc import attach, lexicon, read_atc
from shared.vocabulary.drugs import default_lexicon
from shared.vocabulary.icd10 import load_icd10
from tests.unit.vocabulary.dictionary import written

# Codes that we invented, in the layout of ATC.
ATC = """atc_code,atc_name,ddd
Z,MADE UP,NA
Z99,MADE UP TOO,NA
Z99AA01,sertraline,50
Z98BB02,Sertraline,NA
Z99AA51,"sertraline, combinations",NA
"""
ICD = "Q990    Purple bicycle, unspecified\nQ9912   Left purple bicycle\n\nQ99     Bicycles\n"


def table(folder: Path, text: str = ATC) -> Path:
    (folder / "atc.csv").write_text(text)
    return folder / "atc.csv"


def test_codes_of_substances_are_read_by_name_and_groups_are_not(tmp_path: Path) -> None:
    assert read_atc(table(tmp_path)) == {
        "sertraline": ("ATC:Z98BB02", "ATC:Z99AA01"),
        "sertraline, combinations": ("ATC:Z99AA51",),
    }
    (tmp_path / "atc.csv.xz").write_bytes(lzma.compress(ATC.encode()))
    assert read_atc(tmp_path / "atc.csv.xz") == read_atc(tmp_path / "atc.csv")


def test_every_name_of_an_ingredient_carries_its_codes(tmp_path: Path) -> None:
    coded = attach(default_lexicon(), read_atc(table(tmp_path)))
    (brand,), (other,) = coded.find("zoloft day one"), coded.find("advil day one")
    assert brand.concept == Concept("DB01104", "sertraline", codes=("ATC:Z98BB02", "ATC:Z99AA01"))
    assert other.concept.codes == ()
    assert len(coded) == len(default_lexicon())
    assert lexicon(load()) is default_lexicon()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("code,name\nZ99AA01,x\n", "lacks the columns"),
        ("atc_code,atc_name\nZ99AA01,x\n99,y\n", "line 3: a code"),
        ("atc_code,atc_name\nZ99AA01,\n", "line 2: a code"),
    ],
)
def test_a_broken_atc_table_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(AdrwatchError, match=said):
        read_atc(table(tmp_path, text))


def test_a_missing_or_damaged_table_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(AdrwatchError, match="cannot be read"):
        read_atc(tmp_path / "none.csv")
    (tmp_path / "a.csv.xz").write_bytes(b"no xz")
    with pytest.raises(AdrwatchError, match="damaged"):
        read_atc(tmp_path / "a.csv.xz")


def test_a_list_of_icd_codes_is_searched_by_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "codes.txt").write_text(ICD)
    icd10 = load_icd10(str(tmp_path / "codes.txt"))
    assert len(icd10) == 3
    assert [(code.code, code.name) for code in icd10.codes("purple bicycles")] == [
        ("Q99.0", "Purple bicycle, unspecified")
    ]
    assert [code.code for code in icd10.codes("never heard of", "left purple bicycle")] == ["Q99.12"]
    assert icd10.codes("unspecified", "green bicycle") == []


def test_a_broken_or_missing_list_of_icd_codes_is_named(tmp_path: Path) -> None:
    (tmp_path / "codes.txt").write_text("Q990 Purple bicycle\nno code here\n")
    with pytest.raises(AdrwatchError, match="line 2: a code and a description"):
        load_icd10(str(tmp_path / "codes.txt"))
    with pytest.raises(AdrwatchError, match="cannot be read"):
        load_icd10(str(tmp_path / "none.txt"))


def test_the_package_of_icd_codes_knows_inclusion_terms() -> None:
    icd10 = load_icd10("package")
    assert [code.code for code in icd10.codes("nausea")] == ["R11.0"]
    assert "F32.A" in [code.code for code in icd10.codes("depression")]


def test_without_the_package_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "simple_icd_10_cm", None)
    load_icd10.cache_clear()
    with pytest.raises(AdrwatchError, match="needs simple-icd-10-cm") as caught:
        load_icd10("package")
    assert "adrwatch[icd10]" in caught.value.fix


def test_lookup_shows_codes_of_medicines_and_indications(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "codes.txt").write_text("Q991 Nausea\n")
    chosen = load(atc_file=table(tmp_path), icd10=str(tmp_path / "codes.txt"))
    monkeypatch.setattr(settings, "current", lambda: chosen)
    result = CliRunner().invoke(build(), ["vocabulary", "lookup", "zoloft gave me nausea", "--json"])
    assert result.exit_code == 0, result.output
    found = {row["kind"]: row for row in json.loads(result.output)}
    assert found["medicine"]["note"] == "ATC:Z98BB02 ATC:Z99AA01"
    assert found["indication"]["id"] == "ICD10CM:Q99.1"


def alert(reaction: str) -> Alert:
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    return Alert(
        id="s1",
        kind="single_report",
        drug=Concept("DB01104", "sertraline"),
        reaction=Concept(reaction, "any"),
        episode=moment,
        evaluated_at=moment,
        rules=(),
        rule_version="1",
        examples=(),
    )


def test_an_alert_is_shown_with_the_codes_of_the_users_tables(tmp_path: Path) -> None:
    chosen: Settings = load(atc_file=table(tmp_path), meddra_folder=written(tmp_path))
    assert codes_of(alert("MedDRA:90000032"), chosen) == {
        "ATC": "Z98BB02, Z99AA01",
        "MedDRA": "90.1: Night troubles > Night group > Mind disorders",
    }
    assert codes_of(alert("MedDRA:90000099"), chosen)["MedDRA"] == "90.1: not in this release"
    assert "MedDRA" not in codes_of(alert("HP:0002018"), chosen)
    assert codes_of(alert("HP:0002018"), load()) == {}


def test_a_concept_without_version_and_codes_is_written_as_before_them() -> None:
    (mention,) = (example for example in EXAMPLES if isinstance(example, Mention))
    assert json.loads(encode(mention))["drug"] == {"id": mention.drug.id, "label": mention.drug.label}


def test_a_message_of_an_older_adrwatch_is_read_and_a_newer_one_keeps_its_codes() -> None:
    (mention,) = (example for example in EXAMPLES if isinstance(example, Mention))
    assert decode(encode(mention), Mention).drug.codes == ()
    coded = Concept("DB01104", "sertraline", version="90.1", codes=("ATC:Z99AA01",))
    record = json.loads(encode(mention)) | {"drug": {**json.loads(msgspec.json.encode(coded)), "later": 1}}
    assert decode(json.dumps(record).encode(), Mention).drug == coded
