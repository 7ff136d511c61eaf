"""Tables of reports into the store: columns of any name, every form of file, rows that cannot be."""

from __future__ import annotations

import gzip
import json
import lzma

import duckdb
import pytest
from typer.testing import CliRunner

from services.background import rows as reading
from services.cli import build
from shared.errors import AdrwatchError
from tests.unit.background.quarters import Quarter
from tests.unit.background.running import add_up, adrwatch, held, load

FULL = (
    "CASE,NAME,PT,WHEN,ROLE,OUT,SERIOUS,SEX\n"
    "1,Zoloft 50mg,Tremor,2025-03-01,suspect,HO,,F\n"
    "1,Zoloft 50mg,Nausea,2025-03-01,suspect,,,F\n"
    "1,Advil,Nausea,2025-03-01,concomitant,recovered,,\n"
    "2,ASPIRIN,Haematemesis,20250401,,,no,male\n"
    "3,Zoloft,Tremor,2025-05,SS,,yes,\n"
)
COLUMNS = "report=CASE,drug=NAME,reaction=PT,date=WHEN,role=ROLE,outcome=OUT,serious=SERIOUS,sex=SEX"
NAMED = ("--format", "table", "--source", "registry")


@pytest.fixture
def store(tmp_path):
    return tmp_path / "background.duckdb"


def file(folder, text: str | bytes, name: str = "reports.csv"):
    path = folder / name
    data = text.encode() if isinstance(text, str) else text
    path.write_bytes({".xz": lzma.compress, ".gz": gzip.compress}.get(path.suffix, bytes)(data))
    return path


@pytest.mark.parametrize("name", ["r.csv", "r.tsv", "r.csv.gz", "r.csv.xz", "r.parquet"])
def test_reports_are_held_by_their_source_whatever_the_form_of_the_file(store, tmp_path, name):
    if name == "r.parquet":
        path = tmp_path / name
        plain = file(tmp_path, FULL)
        duckdb.execute(f"COPY (FROM read_csv('{plain}', all_varchar=true)) TO '{path}' (FORMAT parquet)")
    else:
        path = file(tmp_path, FULL.replace(",", "\t") if name == "r.tsv" else FULL, name)
    [found] = load(store, path, *NAMED, "--columns", COLUMNS)
    assert add_up(found)
    assert {key: found[key] for key in ("lines", "read", "kept", "other", "rejected")} == {
        "lines": 5, "read": 3, "kept": 3, "other": 2, "rejected": 0,
    }  # fmt: skip
    assert held(store, "SELECT source, report, day::TEXT, sex, serious FROM reports ORDER BY 2") == [
        ("registry", "1", "2025-03-01", "f", True),
        ("registry", "2", "2025-04-01", "m", False),
        # Known to the month only.
        ("registry", "3", None, None, True),
    ]
    assert held(store, "SELECT report, role, ingredient FROM drugs ORDER BY ALL") == [
        ("1", "C", "ibuprofen"), ("1", "PS", "sertraline"), ("2", "PS", "acetylsalicylic acid"), ("3", "SS", "sertraline"),
    ]  # fmt: skip
    assert held(store, "SELECT report, outcome FROM outcomes ORDER BY ALL") == [("1", "HO"), ("1", "recovered")]


def test_a_row_that_cannot_be_is_kept_with_its_line_and_reason_and_takes_no_other_along(store, tmp_path):
    text = (
        b"report,drug,reaction,date,role,serious,version,sex\n"
        b"1,Zoloft,Tremor,2025-01-01,PS,yes,1,f\n"
        b"1,Zoloft,Nausea,2025-01-02,PS,yes,1,f\n"
        b"2,,Tremor,,,,,\n"
        b"3,Zoloft,Tremor,soon,,,,\n"
        b"4,Zoloft,Tremor,,XX,,,\n"
        b"5,Zoloft,Tremor,,,perhaps,,\n"
        b"6,Zoloft,Tremor,,,,new,\n"
        b"7,Zoloft\n"
        b'8,"Zoloft"50,Tremor,,,,,\n'
        b'9,"Zoloft,Tremor,,,,,\n'
        b"10,Advil,Nausea,,,,,\n"
        b'11,"Advil","Nausea\nand more",,,,,\n'
        b"12,Zolof\xff,Tremor,,,,,\n"
        b"\n"
        b"13,Advil,Tremor,,,,,\n"
        b'14,"Advil,Tremor,,,,,\n'
    )
    [found] = load(store, file(tmp_path, text), *NAMED)
    assert add_up(found)
    assert held(store, "SELECT report FROM reports ORDER BY report::INT") == [("1",), ("10",), ("11",), ("13",)]
    told = [json.loads(line) for line in adrwatch("rejected", "--store", store, "--json").stdout.splitlines()]
    reasons = {row["line"]: row["reason"] for row in told}
    assert {row["file"] for row in told} == {"reports.csv"}
    assert reasons == {
        3: "gives its report a second date",
        4: "has no drug",
        5: "has no date such as 2026-03-01",
        6: "has a role that is none of PS, SS, C, I",
        7: "is neither serious nor not: write yes or no",
        8: "has a version that is no whole number",
        9: "has too few fields",
        10: "has quotes or line ends that are not as RFC 4180 wants them",
        11: "has quotes or line ends that are not as RFC 4180 wants them",
        15: "is no UTF-8",
        18: "has quotes or line ends that are not as RFC 4180 wants them",
    }


def test_later_versions_of_a_case_replace_earlier_ones_and_a_file_can_come_again(store, tmp_path):
    first = file(tmp_path, "report,case,version,drug,reaction\na1,a,1,Zoloft,Tremor\nb1,b,1,Advil,Nausea\n", "1.csv")
    later = file(tmp_path, "report,case,version,drug,reaction\na3,a,3,Zoloft,Rash\na2,a,2,Zoloft,Itch\n", "2.csv")
    found = load(store, first, later, first, *NAMED)
    assert all(add_up(each) for each in found)
    assert [each["superseded"] for each in found] == [0, 1, 1]
    assert held(store, "SELECT case_id, report FROM reports ORDER BY 1") == [("a", "a3"), ("b", "b1")]
    assert held(store, "SELECT reaction FROM reactions ORDER BY 1") == [("Nausea",), ("Rash",)]


def test_sources_stand_beside_each_other_under_their_names(store, tmp_path):
    made = Quarter()
    made.report(1, [("PS", "ZOLOFT")], ["Tremor"], outcome="HO")
    load(store, made.write(tmp_path))
    load(store, file(tmp_path, "report,drug,reaction\n11,Zoloft,Nausea\n"), *NAMED)
    shown = json.loads(adrwatch("show", "--store", store, "--json").stdout)
    assert (shown["sources"], shown["outcomes"]) == ("faers 1, registry 1", "HO 1")
    out = tmp_path / "out.parquet"

    def exported(*options) -> list[tuple]:
        adrwatch("export", out, "--store", store, *options)
        return sorted(duckdb.read_parquet(str(out)).project("report, drug, reaction, source").fetchall())

    faers, registry = ("faers:11", "sertraline", "Tremor", "faers"), ("registry:11", "sertraline", "Nausea", "registry")
    assert exported() == [faers, registry]
    assert exported("--source", "registry") == [registry]


def test_the_store_itself_can_be_measured_and_evaluated(store, tmp_path):
    load(store, file(tmp_path, FULL), *NAMED, "--columns", COLUMNS)
    done = CliRunner().invoke(build(), ["signals", "table", str(store), "--stratum", "source", "--json"])
    assert done.exit_code == 0, done.output
    cells = {
        (row["drug"], row["reaction"]): [row[cell] for cell in "abcd"]
        for row in map(json.loads, done.stdout.splitlines())
    }
    # The concomitant ibuprofen is no suspect.
    assert cells == {
        ("sertraline", "Tremor"): [2, 0, 0, 1],
        ("sertraline", "Nausea"): [1, 1, 0, 1],
        ("acetylsalicylic acid", "Haematemesis"): [1, 0, 0, 2],
    }
    foreign = tmp_path / "foreign.duckdb"
    duckdb.connect(str(foreign)).close()
    done = CliRunner().invoke(build(), ["signals", "table", str(foreign)])
    assert "cannot be read as a store of `adrwatch background`" in done.exception.message


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("report,drug\n1,x\n", NAMED, "has no column reaction"),
        ("report,drug,reaction\n", NAMED, "has no rows"),
        ("report,drug,reaction\n1,x,y\n", (*NAMED, "--columns", "date=WHEN"), "has no column WHEN"),
        ("report,drug,reaction\n1,x,y\n", (*NAMED, "--columns", "dose=D"), "--columns has 'dose=D'"),
        ("report,drug,reaction\n1,x,y\n", ("--format", "table"), "needs a name of its source"),
        ("report,drug,reaction\n1,x,y\n", ("--format", "table", "--source", "My Reg:1"), "is no name"),
        ("report,drug,reaction\n1,x,y\n", ("--format", "table", "--source", "faers"), "is the FDA's own"),
        ("report,drug,reaction\n1,x,y\n", ("--source", "registry"), "the source of FAERS has its name"),
        ("report,drug,reaction\n1,x,y\n", ("--columns", "drug=x"), "--columns is for tables"),
    ],
)
def test_what_cannot_be_imported_is_named_with_its_fix(store, tmp_path, text, options, message):
    with pytest.raises(AdrwatchError, match=message) as refused:
        load(store, file(tmp_path, text), *options)
    assert refused.value.fix


def test_files_that_are_not_there_or_broken_are_named(store, tmp_path):
    broken = file(tmp_path, FULL * 50, "broken.csv.gz")
    broken.write_bytes(broken.read_bytes()[:-20])
    for path, message in (
        (tmp_path / "absent.csv", "there is no file"),
        (broken, "cannot be unpacked"),
        (file(tmp_path, "no parquet", "x.parquet"), "is no Parquet file"),
    ):
        with pytest.raises(AdrwatchError, match=message):
            load(store, path, *NAMED, "--columns", COLUMNS)
    assert held(store, "SELECT count(*) FROM reports") == [(0,)]


def test_a_long_table_is_handed_over_in_parts(store, tmp_path):
    number = 45_000
    text = "report,drug,reaction\n" + "".join(f"{i},drug {i % 7},reaction {i % 5}\n" for i in range(number))
    [found] = load(store, file(tmp_path, text), *NAMED)
    assert (found["lines"], found["kept"]) == (number, number)
    assert held(store, "SELECT count(DISTINCT report) FROM pairs") == [(number,)]


def test_a_record_over_lines_is_one_row_and_lines_are_counted_on(tmp_path):
    path = file(tmp_path, 'report,drug,reaction\n1,"a ""b""\nc",x\n2,y\n')
    with reading.rows(path) as (header, found):
        assert header == ["report", "drug", "reaction"]
        assert [(line, row) for line, row, _ in found] == [(2, ["1", 'a "b"\nc', "x"]), (4, None)]
