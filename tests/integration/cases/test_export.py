"""Cases as files: an E2B(R3) message as an independent reader reads it, line listings, and what is refused."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path

import e2br3
import msgspec
import openpyxl
import pytest

from shared import settings
from shared.cases.model import Case, judged
from shared.errors import AdrwatchError
from shared.events import Concept, Terms
from tests.integration.cases.items import item, opened
from tests.unit.vocabulary.dictionary import written

NARRATIVE = "=A patient took amoxicillin, 500 mg, and went into shock <within> the hour & recovered."
SEND = ("--sender", "ACME", "--receiver", "EVTEST")


@pytest.fixture
def meddra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "meddra"
    folder.mkdir()
    monkeypatch.setenv("ADRWATCH_MEDDRA_FOLDER", str(written(folder)))
    settings.current.cache_clear()


def complete(book, case_id: str) -> Case:
    """A case that may be submitted."""

    def how(case: Case) -> Case:
        known = judged(
            case,
            criteria={"patient": "met", "reporter": "met"},
            seriousness={"death": "rejected", "medically_important": "confirmed", "hospitalisation": "confirmed"},
        )
        return msgspec.structs.replace(
            known,
            awareness=date(2026, 3, 2),
            narrative=NARRATIVE,
            who_umc="probable",
            naranjo=("yes", "yes", "yes", "unknown", "no", "unknown", "unknown", "unknown", "no", "no"),
            reaction=Concept("MedDRA:90000031", "Nausea", version="90.1"),
        )

    return book.change(case_id, "assess", "all is known", how)


def message(adrwatch, out: Path, *options: str) -> e2br3.Batch:
    done = adrwatch("cases", "export", out, *SEND, *options)
    assert done.exit_code == 0, done.exception or done.output
    return e2br3.parse(out)


def test_an_independent_reader_finds_everything_in_the_message(adrwatch, book, meddra, tmp_path):
    case = complete(book, opened(book).id)
    batch = message(adrwatch, tmp_path / "case.xml", "--case", case.id)
    assert (batch.sender, batch.receiver, batch.batch_type.code) == ("ACME", "EVTEST", "1")
    [one] = batch.messages
    report = one.icsr
    assert one.message_id == report.safety_report_id == report.worldwide_case_id == f"EU-ACME-{case.id}"
    assert report.report_type.code == "1"
    assert report.first_received_date.value == report.most_recent_date.value == date(2026, 3, 2)
    assert report.narrative == NARRATIVE
    assert report.patient.name.null_flavor == "MSK"
    [source] = report.primary_sources
    assert (source.qualification.code, source.country.code) == ("5", "EU")
    [reaction] = report.reactions
    assert (reaction.meddra.code, reaction.meddra.code_system_version) == ("90000031", "90.1")
    assert (reaction.native_term, reaction.native_language) == ("Nausea", "eng")
    assert (reaction.hospitalisation, reaction.other_medically_important) == (True, True)
    assert {reaction.results_in_death.null_flavor, reaction.life_threatening.null_flavor} == {"NI"}
    assert reaction.outcome.code == "0"
    [drug] = report.drugs
    assert (drug.product_name, drug.substances, drug.role.code) == ("amoxicillin", ["amoxicillin"], "1")
    [related] = drug.relatedness
    assert related.reaction_index == 0
    assert [(a.method.original_text, a.result) for a in related.assessments] == [
        ("WHO-UMC", "probable"), ("Naranjo", "probable (6)"),
    ]  # fmt: skip
    assert "own:1" not in (tmp_path / "case.xml").read_text(encoding="utf-8")


def test_a_death_is_a_fatal_outcome_and_another_term_may_be_chosen(adrwatch, book, meddra, tmp_path):
    case = complete(book, opened(book).id)
    book.change(case.id, "assess", "r", lambda case: judged(case, seriousness={"death": "confirmed"}))
    batch = message(adrwatch, tmp_path / "case.xml", "--case", case.id, "--llt", "90000041", "--country", "DE")
    [reaction] = batch.messages[0].icsr.reactions
    assert (reaction.results_in_death, reaction.outcome.code, reaction.meddra.code) == (True, "5", "90000041")
    assert batch.messages[0].icsr.safety_report_id.startswith("DE-ACME-")


def test_what_may_not_be_submitted_is_refused_with_all_that_is_missing(adrwatch, book, tmp_path):
    case, out = opened(book), tmp_path / "case.xml"
    done = adrwatch("cases", "export", out, "--case", case.id, *SEND)
    assert isinstance(done.exception, AdrwatchError)
    for what in ("criterion reporter is unknown", "criterion patient is unknown", "death is only suggested", "day 0 is not known",
                 "no narrative", "no MedDRA term"):  # fmt: skip
        assert what in done.exception.message
    assert not out.exists()


def test_a_draft_says_that_it_is_one(adrwatch, book, tmp_path):
    case, out = opened(book), tmp_path / "draft.xml"
    batch = message(adrwatch, out, "--case", case.id, "--draft")
    text = out.read_text(encoding="utf-8")
    assert "draft, not for submission" in text
    assert '<processingCode code="D"' in text
    report = batch.messages[0].icsr
    assert report.narrative.null_flavor == "NI"
    assert report.first_received_date.null_flavor == "UNK"
    assert report.reactions[0].meddra.null_flavor == "NI"
    assert report.reactions[0].results_in_death.null_flavor == "NI"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--case", "CASE"), "from a sender to a receiver"),
        (SEND, "of one case"),
        (("--case", "CASE", *SEND, "--llt", "90000043"), "a term that is not current"),
        (("--case", "CASE", *SEND, "--llt", "1"), "no lowest level term"),
        (("--case", "nobody", *SEND), "there is no case nobody"),
    ],
)
def test_a_message_that_cannot_be_is_refused(adrwatch, book, meddra, tmp_path, options, message):
    case = complete(book, opened(book).id)
    opened(book, 2)
    done = adrwatch(
        "cases", "export", tmp_path / "x.xml", *(case.id if option == "CASE" else option for option in options)
    )
    assert isinstance(done.exception, AdrwatchError)
    assert message in done.exception.message


@pytest.fixture
def barred(monkeypatch):
    def bar(sources: str) -> None:
        monkeypatch.setenv("ADRWATCH_NO_CASE_EXPORT", sources)
        settings.current.cache_clear()

    return bar


@pytest.mark.parametrize("deleted", [False, True])
def test_a_source_whose_terms_forbid_it_gives_nothing_in_any_form(adrwatch, book, meddra, tmp_path, barred, deleted):
    case, out = complete(book, opened(book).id), tmp_path / "out"
    if deleted:
        book.forget([case.post])
    barred("x,own")
    forms = [SEND, (*SEND, "--draft"), *(("--format", layout) for layout in ("csv", "xlsx", "json"))]
    for form in forms:
        done = adrwatch("cases", "export", out, "--case", case.id, *form)
        assert "comes from own, whose terms do not allow case exports" in done.exception.message
        assert case.id in done.exception.message
        assert not out.exists()


def test_a_listing_of_all_cases_leaves_out_those_that_may_not_leave_and_names_them(adrwatch, book, tmp_path, barred):
    case = book.open(msgspec.structs.replace(item(1), examples=("other:1",)), (), (), "r")
    allowed = opened(book, 2)
    barred("other")
    for layout in ("csv", "xlsx", "json"):
        done = adrwatch("cases", "export", tmp_path / layout, "--format", layout)
        assert done.exit_code == 0
        assert f"left out: case {case.id}: it comes from other" in done.stderr
        assert "1 cases" in done.stdout
    assert [json.loads(line)["id"] for line in (tmp_path / "json").read_text().splitlines()] == [allowed.id]
    # What was not written is not said to be.
    assert '"export"' not in adrwatch("audit", "export", "--subject", f"case:{case.id}").stdout


def test_a_case_leaves_only_where_both_its_terms_and_the_settings_allow_it(adrwatch, book, tmp_path, barred):
    cases = [
        book.open(msgspec.structs.replace(item(number), terms=terms), (), (), "r")
        for number, terms in ((1, Terms(case_export=False)), (2, Terms()), (3, None))
    ]
    barred("own")
    done = adrwatch("cases", "export", tmp_path / "json", "--format", "json")
    assert "0 cases, 3 left out by the terms of their sources" in done.stdout
    barred("")
    done = adrwatch("cases", "export", tmp_path / "x.xml", "--case", cases[0].id, *SEND, "--draft")
    assert "comes from own, whose terms do not allow case exports" in done.exception.message
    book.forget([cases[0].post])
    assert "2 cases, 1 left out" in adrwatch("cases", "export", tmp_path / "csv", "--format", "csv").stdout


def test_a_case_leaves_without_its_post_where_only_aggregates_may_be_kept(adrwatch, book, tmp_path):
    for number, terms in ((1, Terms(aggregates_only=True)), (2, Terms())):
        book.open(msgspec.structs.replace(item(number), terms=terms), (), (), "r")
    assert adrwatch("cases", "export", tmp_path / "json", "--format", "json").exit_code == 0
    posts = [json.loads(line).get("post") for line in (tmp_path / "json").read_text().splitlines()]
    assert sorted(posts, key=str) == [None, "own:2"]


def test_without_barred_sources_every_case_may_be_written(adrwatch, book, tmp_path, barred):
    case = complete(book, opened(book).id)
    book.forget([case.post])
    barred("")
    assert "1 cases" in adrwatch("cases", "export", tmp_path / "cases.csv", "--format", "csv").stdout


def test_a_case_whose_source_nobody_knows_is_barred_until_somebody_says_it(adrwatch, book, tmp_path, barred):
    case = book.open(msgspec.structs.replace(item(1), examples=()), (), (), "r")
    barred("x")
    listing = ("cases", "export", tmp_path / "cases.csv", "--format", "csv", "--case", case.id)
    assert "nobody knows its source" in adrwatch(*listing).exception.message
    assert adrwatch("cases", "assess", case.id, "--source", "forum", "--reason", "the report says so").exit_code == 0
    assert "1 cases" in adrwatch(*listing).stdout


def test_a_case_whose_seriousness_nobody_judged_may_not_be_submitted(adrwatch, book, tmp_path):
    case = book.open(item(1, ("overdose",)), (), ("overdose",), "r")
    done = adrwatch("cases", "export", tmp_path / "x.xml", "--case", case.id, *SEND)
    assert "seriousness is not assessed" in done.exception.message


def test_characters_that_no_message_can_hold_are_refused_where_they_come_in_and_where_they_go_out(
    adrwatch, book, tmp_path
):
    case, out = opened(book), tmp_path / "x.xml"
    narrative = tmp_path / "narrative.txt"
    narrative.write_text("One line.\nA page\x0cbreak.\n")
    done = adrwatch("cases", "assess", case.id, "--narrative", narrative, "--reason", "r")
    assert "U+000C in line 2" in done.exception.message
    # As an earlier version may have kept it.
    book.change(case.id, "assess", "r", lambda found: msgspec.structs.replace(found, narrative="a\x0bb"))
    done = adrwatch("cases", "export", out, "--case", case.id, *SEND, "--draft")
    assert "the narrative holds the character U+000B" in done.exception.message
    assert not out.exists()


def test_a_dictionary_is_needed_to_choose_a_term(adrwatch, book, tmp_path):
    case = complete(book, opened(book).id)
    done = adrwatch("cases", "export", tmp_path / "x.xml", "--case", case.id, *SEND, "--llt", "90000041")
    assert "needs your MedDRA dictionary" in done.exception.message


SCHEMA = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:hl7-org:v3" elementFormDefault="qualified">
<xs:element name="MCCI_IN200100UV01"><xs:complexType><xs:sequence>{content}</xs:sequence>
<xs:attribute name="ITSVersion" use="required"/></xs:complexType></xs:element></xs:schema>"""
ANYTHING = '<xs:any processContents="skip" maxOccurs="unbounded"/>'


def test_a_folder_that_is_no_schema_set_is_named_and_nothing_is_written(adrwatch, book, meddra, tmp_path):
    case, out = complete(book, opened(book).id), tmp_path / "case.xml"
    place = tmp_path / "ich" / "multicacheschemas"

    def exported():
        return adrwatch("cases", "export", out, "--case", case.id, *SEND, "--schema", place.parent)

    assert "is no schema set of the ICH" in exported().exception.message
    place.mkdir(parents=True)
    (place / "MCCI_IN200100UV01.xsd").write_text("no schema")
    assert "is no schema set of the ICH" in exported().exception.message
    assert not out.exists()


@pytest.mark.parametrize(("content", "fits"), [(ANYTHING, True), ('<xs:element name="other"/>', False)])
def test_a_message_is_checked_by_the_schema_set_that_the_user_gives(adrwatch, book, meddra, tmp_path, content, fits):
    case, out = complete(book, opened(book).id), tmp_path / "case.xml"
    place = tmp_path / "ich" / "multicacheschemas"
    place.mkdir(parents=True)
    (place / "MCCI_IN200100UV01.xsd").write_text(SCHEMA.format(content=content))
    done = adrwatch("cases", "export", out, "--case", case.id, *SEND, "--schema", place.parent)
    assert out.exists() is fits
    assert fits or "does not fit the schema" in done.exception.message


def test_line_listings_hold_all_cases_and_run_no_formulas(adrwatch, book, tmp_path):
    case = complete(book, opened(book).id)
    opened(book, 2)
    for layout in ("csv", "xlsx", "json"):
        assert adrwatch("cases", "export", tmp_path / f"cases.{layout}", "--format", layout).exit_code == 0
    rows = {row["id"]: row for row in csv.DictReader((tmp_path / "cases.csv").open(encoding="utf-8", newline=""))}
    assert len(rows) == 2
    assert rows[case.id]["narrative"] == "'" + NARRATIVE
    assert rows[case.id]["due"] == "eu 2026-03-17; us 2026-03-17"
    sheet = openpyxl.load_workbook(tmp_path / "cases.xlsx").active
    table = [[cell.value for cell in row] for row in sheet.iter_rows()]
    cell = next(row for row in sheet.iter_rows(min_row=2) if row[0].value == case.id)[table[0].index("narrative")]
    assert (cell.value, cell.data_type) == (NARRATIVE, "s")
    lines = [json.loads(line) for line in (tmp_path / "cases.json").read_text(encoding="utf-8").splitlines()]
    assert {line["id"] for line in lines} == set(rows)
    one = adrwatch("cases", "export", tmp_path / "one.csv", "--format", "csv", "--case", case.id)
    assert "1 cases" in one.stdout


def test_the_rules_by_which_a_case_was_raised_stand_in_the_card_and_in_every_listing(adrwatch, book, tmp_path, sql):
    case = opened(book)
    for layout in ("csv", "xlsx", "json"):
        assert adrwatch("cases", "export", tmp_path / f"cases.{layout}", "--format", layout).exit_code == 0
    [row] = csv.DictReader((tmp_path / "cases.csv").open(encoding="utf-8", newline=""))
    head, first = openpyxl.load_workbook(tmp_path / "cases.xlsx").active.iter_rows(values_only=True)
    for found in (row, dict(zip(head, first, strict=True))):
        assert (found["rule_version"], found["overrides"]) == ("1-5c0c6598", "preset=umc, policy.authors=2")
    line = json.loads((tmp_path / "cases.json").read_text(encoding="utf-8"))
    assert (line["rule_version"], line["overrides"]) == ("1-5c0c6598", ["preset=umc", "policy.authors=2"])
    assert "preset=umc, policy.authors=2" in adrwatch("cases", "show", case.id).stdout
    # In a message to an authority the rules of the queue have no place.
    message(adrwatch, tmp_path / "draft.xml", "--case", case.id, "--draft")
    assert "policy.authors" not in (tmp_path / "draft.xml").read_text(encoding="utf-8")


def test_a_case_of_an_earlier_version_does_not_know_the_rules(adrwatch, book, tmp_path, sql):
    case = opened(book)
    sql("""UPDATE cases SET document = replace(document, ',"rule_version":"1-5c0c6598"', '')""")
    sql("""UPDATE cases SET document = replace(document, ',"overrides":["preset=umc","policy.authors=2"]', '')""")
    assert "not known" in adrwatch("cases", "show", case.id).stdout
    adrwatch("cases", "export", tmp_path / "cases.csv", "--format", "csv")
    [row] = csv.DictReader((tmp_path / "cases.csv").open(encoding="utf-8", newline=""))
    assert (row["rule_version"], row["overrides"]) == ("", "")


def test_an_export_is_recorded_of_each_case(adrwatch, book, tmp_path):
    case = opened(book)
    adrwatch("cases", "export", tmp_path / "cases.csv", "--format", "csv", "--reason", "weekly listing")
    rows = [
        json.loads(line) for line in adrwatch("audit", "export", "--subject", f"case:{case.id}").stdout.splitlines()
    ]
    assert [(row["action"], row["reason"]) for row in rows][-1] == ("export", "weekly listing")


def test_a_file_that_cannot_be_written_is_named(adrwatch, book, tmp_path):
    opened(book)
    for layout in ("csv", "xlsx", "json"):
        done = adrwatch("cases", "export", tmp_path / "no" / "folder", "--format", layout)
        assert isinstance(done.exception, AdrwatchError), layout
        assert "cannot be written" in done.exception.message
