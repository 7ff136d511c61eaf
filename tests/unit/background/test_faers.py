"""FAERS into the store: versions, nullified cases, names, broken lines, crashes; and out again as pairs."""

from __future__ import annotations

import json
import shutil

import duckdb
import pytest
from typer.testing import CliRunner

from services.background import store as stores
from services.background.names import ingredient
from services.cli import build
from shared.errors import AdrwatchError
from shared.vocabulary.drugs import default_lexicon
from tests.unit.background.quarters import Quarter
from tests.unit.background.running import adrwatch, held, load


@pytest.fixture
def store(tmp_path):
    return tmp_path / "background.duckdb"


def quarter() -> Quarter:
    made = Quarter()
    made.report(100, [("PS", "ZOLOFT 50MG TABLETS"), ("C", "VITAMIN Q")], ["Tremor", "Nausea"], outcome="HO")
    made.report(200, [("PS", "ADVIL=IBUPROFEN"), ("SS", "ASPIRIN")], ["Haematemesis"], event="202207")
    made.report(300, [("PS", "SERTRALINE HYDROCHLORIDE")], ["Tremor"], event="", sex="M")
    return made


def test_a_quarter_is_held_with_ingredients_days_roles_and_seriousness(store, tmp_path):
    [found] = load(store, quarter().write(tmp_path))
    assert {name: found[name] for name in ("read", "kept", "superseded", "nullified", "rejected", "replaced")} == {
        "read": 3, "kept": 3, "superseded": 0, "nullified": 0, "rejected": 0, "replaced": 0,
    }  # fmt: skip
    assert held(store, "SELECT report, day::TEXT, sex, serious FROM reports ORDER BY 1") == [
        ("1001", "2022-07-01", "f", True),
        # Known to the month, or not at all: the day on which the report came in.
        ("2001", "2022-07-15", "f", False),
        ("3001", "2022-07-15", "m", False),
    ]
    assert held(store, "SELECT report, role, ingredient FROM drugs ORDER BY ALL") == [
        ("1001", "C", "VITAMIN Q"), ("1001", "PS", "sertraline"),
        ("2001", "PS", "ibuprofen"), ("2001", "SS", "acetylsalicylic acid"), ("3001", "PS", "sertraline"),
    ]  # fmt: skip


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_each_case_the_latest_version_stays_whatever_the_order_of_the_quarters(store, tmp_path, order):
    later = Quarter("22Q4")
    later.report(100, [("PS", "ZOLOFT")], ["Akathisia"], version=3)
    later.report(100, [("PS", "ZOLOFT")], ["Tremor"], version=2)
    later.report(400, [("PS", "ZOLOFT")], ["Nausea"])
    paths = [quarter().write(tmp_path), later.write(tmp_path)]
    found = load(store, *(paths[i] for i in order))
    assert held(store, "SELECT case_id, version FROM reports ORDER BY 1") == [
        ("100", 3),
        ("200", 1),
        ("300", 1),
        ("400", 1),
    ]
    assert held(store, "SELECT reaction FROM reactions WHERE report LIKE '100%'") == [("Akathisia",)]
    for each in found:
        assert each["read"] == each["kept"] + each["superseded"] + each["nullified"]
    assert sum(each["replaced"] + each["superseded"] for each in found) == 2


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_nullified_case_goes_and_never_comes_back(store, tmp_path, order):
    later = Quarter("22Q4")
    later.report(500, [("PS", "ZOLOFT")], ["Nausea"])
    later.deleted = ["100", "", "999"]
    paths = [quarter().write(tmp_path), later.write(tmp_path)]
    load(store, *(paths[i] for i in order))
    assert held(store, "SELECT case_id FROM reports ORDER BY 1") == [("200",), ("300",), ("500",)]
    assert held(store, "SELECT count(*) FROM reactions WHERE report = '1001'") == [(0,)]
    load(store, paths[0])
    assert held(store, "SELECT count(*) FROM reports WHERE case_id = '100'") == [(0,)]


@pytest.mark.parametrize(
    "name",
    ["ADR22Q3DeletedCases.txt", "22Q3DeletedCases.txt", "AllDeletedCases.txt", "22q3_deleted_cases.TXT", "cases.txt"],
)
def test_the_nullified_cases_are_read_whatever_their_file_is_called(store, tmp_path, name):
    made = quarter()
    made.deleted, made.deleted_name = ["CASEID", "100"], name
    [found] = load(store, made.write(tmp_path))
    assert (found["read"], found["kept"], found["nullified"], found["rejected"]) == (3, 2, 1, 0)
    assert held(store, "SELECT case_id FROM reports ORDER BY 1") == [("200",), ("300",)]


def test_several_files_of_nullified_cases_are_all_read_and_what_is_no_case_is_kept_with_its_line(store, tmp_path):
    made = quarter()
    made.deleted = ["100"]
    place = made.write(tmp_path)
    (place / "deleted" / "AllDeletedCases.txt").write_text("caseid\n200\nnothing\n\n300\n")
    [found] = load(store, place)
    assert (found["kept"], found["nullified"], found["rejected"]) == (0, 3, 1)
    assert held(store, "SELECT file, line, reason FROM rejected") == [
        ("AllDeletedCases.txt", 3, "holds no number of a case")
    ]


def test_a_quarter_in_the_older_columns_is_read(store, tmp_path):
    made = Quarter("12Q4", older=True)
    made.report(100, [("PS", "ZOLOFT 50MG TABLETS"), ("C", "VITAMIN Q")], ["Tremor"], sex="F", outcome="HO")
    made.lines["OUTC"][0] = "primaryid$caseid$outc_code"
    [found] = load(store, made.write(tmp_path))
    assert (found["read"], found["kept"], found["rejected"]) == (1, 1, 0)
    assert held(store, "SELECT report, sex, serious FROM reports") == [("1001", "f", True)]
    assert held(store, "SELECT role, ingredient FROM drugs ORDER BY 1") == [("C", "VITAMIN Q"), ("PS", "sertraline")]
    assert held(store, "SELECT reaction FROM reactions") == [("Tremor",)]


def test_a_line_without_a_report_or_a_case_is_told_and_the_others_are_read(store, tmp_path):
    made = quarter()
    made.lines["DEMO"].insert(2, made.lines["DEMO"][1].replace("1001$100", "$100"))
    [found] = load(store, made.write(tmp_path))
    assert (found["read"], found["kept"], found["rejected"]) == (3, 3, 1)
    assert held(store, "SELECT file, line, reason FROM rejected") == [
        ("DEMO22Q3.txt", 3, "has no primaryid or no caseid")
    ]


def test_a_quarter_that_comes_twice_changes_nothing(store, tmp_path):
    path = quarter().write(tmp_path)
    load(store, path)
    before = [sorted(held(store, f"SELECT * FROM {name}"), key=str) for name in ("reports", "drugs", "reactions")]
    load(store, path)
    assert [
        sorted(held(store, f"SELECT * FROM {name}"), key=str) for name in ("reports", "drugs", "reactions")
    ] == before


def test_a_zip_is_read_like_its_folder(store, tmp_path):
    path = quarter().write(tmp_path)
    load(store, shutil.make_archive(str(tmp_path / "q"), "zip", path))
    assert held(store, "SELECT count(*) FROM reports") == [(3,)]


def test_broken_lines_are_kept_with_file_number_and_reason_and_the_others_are_read(store, tmp_path):
    made = quarter()
    made.lines["DEMO"].insert(2, "9001$900$1$I")
    made.lines["REAC"].append("1001$100$Rash$$extra")
    [found] = load(store, made.write(tmp_path))
    assert (found["read"], found["kept"], found["rejected"]) == (3, 3, 2)
    listed = [json.loads(line) for line in adrwatch("rejected", "--store", store, "--json").stdout.splitlines()]
    assert [(row["file"], row["line"]) for row in listed] == [("DEMO22Q3.txt", 3), ("REAC22Q3.txt", 6)]
    assert all(row["reason"] for row in listed)


def test_names_in_an_older_encoding_and_stray_quotes_are_read(store, tmp_path):
    made = quarter()
    made.report(600, [("PS", 'ZOLOFT "FORTE')], ["Nausée"], sender="Société")
    load(store, made.write(tmp_path, encoding="latin-1"))
    assert held(store, "SELECT reaction FROM reactions WHERE report = '6001'") == [("Nausée",)]
    assert held(store, "SELECT ingredient FROM drugs WHERE report = '6001'") == [("sertraline",)]


def test_a_crash_while_the_store_is_written_leaves_it_as_it_was(store, tmp_path, monkeypatch):
    load(store, quarter().write(tmp_path))
    later = Quarter("22Q4")
    later.report(100, [("PS", "ZOLOFT")], ["Akathisia"], version=2)
    path = later.write(tmp_path)
    monkeypatch.setattr(stores, "_LATEST", stores._LATEST + "ALTER TABLE nullified ADD COLUMN more TEXT;")
    with pytest.raises(duckdb.Error):
        load(store, path)
    assert held(store, "SELECT case_id, version FROM reports ORDER BY 1") == [("100", 1), ("200", 1), ("300", 1)]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda place: (place / "ascii" / "REAC22Q3.txt").unlink(), "holds no file REAC"),
        (
            lambda place: (place / "ascii" / "DEMO22Q3.txt").write_text("ISR$CASE$FOLL_SEQ\n1$2$3\n"),
            "fourth quarter of 2012",
        ),
        (lambda place: (place / "ascii" / "DRUG22Q3.txt").write_text("a$b\n"), "has no column primaryid"),
        (lambda place: (place / "ascii" / "DEMO22Q4.txt").write_text("x"), "more than one file of DEMO"),
    ],
)
def test_what_is_no_quarter_is_refused_and_the_store_unchanged(store, tmp_path, spoil, message):
    path = quarter().write(tmp_path)
    spoil(path)
    with pytest.raises(AdrwatchError, match=message):
        load(store, path)
    assert held(store, "SELECT count(*) FROM reports") == [(0,)]


def test_files_that_are_neither_quarter_nor_store_are_named(store, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text("no database")
    with pytest.raises(AdrwatchError, match="is no folder and no zip"):
        load(store, other)
    with pytest.raises(AdrwatchError, match="is no DuckDB file"):
        adrwatch("show", "--store", other)
    with pytest.raises(AdrwatchError, match="there is no store"):
        adrwatch("show", "--store", tmp_path / "absent.duckdb")
    foreign = tmp_path / "foreign.duckdb"
    duckdb.connect(str(foreign)).close()
    with pytest.raises(AdrwatchError, match="is no store"):
        adrwatch("show", "--store", foreign)
    with pytest.raises(AdrwatchError, match="no amount of memory"):
        adrwatch("import", tmp_path, "--store", store, "--memory", "much")


def test_the_reports_come_out_as_pairs_by_role_and_day(store, tmp_path):
    made = quarter()
    made.report(700, [("PS", "ZOLOFT")], ["Nausea"], event="20230101")
    load(store, made.write(tmp_path))
    out = tmp_path / "reports.parquet"

    def exported(*options) -> set[tuple]:
        adrwatch("export", out, "--store", store, *options)
        return set(duckdb.read_parquet(str(out)).project("report, drug, reaction").fetchall())

    suspects = exported()
    assert ("faers:1001", "sertraline", "Tremor") in suspects
    assert ("faers:2001", "acetylsalicylic acid", "Haematemesis") in suspects
    assert not any(drug == "VITAMIN Q" for _, drug, _ in suspects)
    assert exported("--roles", "c") == {("faers:1001", "VITAMIN Q", "Tremor"), ("faers:1001", "VITAMIN Q", "Nausea")}
    assert {report for report, *_ in exported("--since", "2022-12-01")} == {"faers:7001"}
    assert {report for report, *_ in exported("--since", "20221201")} == {"faers:7001"}
    assert {report for report, *_ in exported("--until", "2022-07-10")} == {"faers:1001"}
    assert exported("--since", "20221201") == exported("--since", "2022-12-01")
    assert exported("--until", "2022-W27-7") == exported("--until", "2022-07-10")
    for options, message in (
        (("--roles", "X"), "X is no role"),
        (("--since", "soon"), "soon is no day"),
        (("--until", "2025-02-30"), "2025-02-30 is no day"),
        (("--since", "2030-01-01"), "no report is left"),
    ):
        with pytest.raises(AdrwatchError, match=message):
            exported(*options)


def test_what_was_exported_can_be_measured(store, tmp_path):
    load(store, quarter().write(tmp_path))
    out = tmp_path / "reports.parquet"
    adrwatch("export", out, "--store", store, "--roles", "PS")
    done = CliRunner().invoke(build(), ["signals", "table", str(out), "--json"])
    cells = {
        (row["drug"], row["reaction"]): [row[c] for c in "abcd"] for row in map(json.loads, done.stdout.splitlines())
    }
    assert cells["sertraline", "Tremor"] == [2, 0, 0, 1]


def test_the_summary_tells_what_the_store_holds(store, tmp_path):
    made = quarter()
    made.deleted = ["999"]
    load(store, made.write(tmp_path))
    found = json.loads(adrwatch("show", "--store", store, "--json").stdout)
    assert (found["reports"], found["serious"], found["nullified cases"], found["first day"]) == (3, 1, 1, "2022-07-01")
    assert "reports: 3" in adrwatch("show", "--store", store).stdout


@pytest.mark.parametrize(
    ("name", "stands_for"),
    [
        ("ZOLOFT", "sertraline"),
        ("Advil 200mg Tablets", "ibuprofen"),
        ("IBUPROFEN\\SERTRALINE", "ibuprofen / sertraline"),
        # What the lexicon does not know in a combination makes it no less of one.
        ("AMOXICILLIN\\unknown", "UNKNOWN / amoxicillin"),
        ("IBUPROFEN\\IBUPROFEN SODIUM", "ibuprofen"),
        ("IBUPROFEN\\ \\", "ibuprofen"),
        (" unheard-of  STUFF. ", "UNHEARD-OF STUFF"),
    ],
)
def test_names_stand_for_ingredients(name, stands_for):
    assert ingredient(name, default_lexicon()) == stands_for
