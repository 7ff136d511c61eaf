"""`adrwatch signals table`: what it reads, what it writes, and the rows that it names."""

from __future__ import annotations

import csv
import gzip
import json
import lzma
import random

import duckdb
import pytest
from typer.testing import CliRunner

from services.cli import build
from services.signals.reading import read_table
from shared.errors import AdrwatchError

COUNTS = "drug,reaction,a,b,c,d\nreumofan,weight gain,16,28,15,3297\nother,itch,2,40,30,3284\n"
REPORTS = "CASE,NAME,PT,SEX\n1,x,rash,f\n1,x,pain,f\n2,x,rash,m\n3,y,rash,m\n4,y,itch,\n5,z,itch,f\n"


def adrwatch(*arguments):
    done = CliRunner().invoke(build(), [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done


def file(folder, text: str, name: str = "table.csv"):
    path = folder / name
    data = text.encode()
    path.write_bytes({".xz": lzma.compress, ".gz": gzip.compress}.get(path.suffix, bytes)(data))
    return path


def test_counts_give_every_measure_of_the_golden_table(tmp_path):
    done = adrwatch("signals", "table", file(tmp_path, COUNTS), "--json")
    first = json.loads(done.stdout.splitlines()[0])
    assert (first["drug"], first["reaction"], first["a"], first["d"]) == ("reumofan", "weight gain", 16, 3297)
    published = {
        "expected": 0.4064362, "rrr": 39.36657, "prr": 80.29091, "prr_lower": 42.399, "ror": 125.6, "ror_upper": 278.57513,
        "chi2": 611.87156, "chi2_yates": 573.26192, "q": 0.984202, "llr": 43.173107, "ic": 4.18612, "ic025": 3.39319,
    }  # fmt: skip
    assert {name: first[name] for name in published} == pytest.approx(published, rel=1e-5)
    assert first["llr_p"] is None
    assert "needs reports" in done.stderr or "no EBGM" in done.stderr


@pytest.mark.parametrize("name", ["reports.csv", "reports.csv.xz", "reports.csv.gz", "reports.tsv"])
def test_reports_are_counted_by_report_whatever_the_form_of_the_file(tmp_path, name):
    text = REPORTS.replace(",", "\t") if name.endswith("tsv") else REPORTS
    columns = "report=CASE,drug=NAME,reaction=PT"
    done = adrwatch("signals", "table", file(tmp_path, text, name), "--columns", columns, "--json")
    cells = {
        (row["drug"], row["reaction"]): [row[cell] for cell in "abcd"]
        for row in map(json.loads, done.stdout.splitlines())
    }
    assert cells == {
        ("x", "rash"): [2, 0, 1, 2],
        ("x", "pain"): [1, 1, 0, 3],
        ("y", "rash"): [1, 1, 2, 1],
        ("y", "itch"): [1, 1, 1, 2],
        ("z", "itch"): [1, 0, 1, 3],
    }


def test_csv_and_parquet_hold_the_same_and_parquet_can_be_read_again(tmp_path):
    source = file(tmp_path, REPORTS)
    out, parquet = tmp_path / "it's.csv", tmp_path / "out.parquet"
    adrwatch(
        "signals", "table", source, "--columns", "report=CASE,drug=NAME,reaction=PT", "--csv", out, "--parquet", parquet
    )
    written = list(csv.DictReader(out.open(encoding="utf-8")))
    read = duckdb.read_parquet(str(parquet)).fetchall()
    assert len(written) == len(read) == 5
    assert [row["ic025"] for row in written] == [str(row[list(written[0]).index("ic025")]) for row in read]
    # What a table cannot give is an empty field, never inf or nan.
    assert {"inf", "nan", "-inf"}.isdisjoint(value.lower() for row in written for value in row.values())
    assert written[1]["prr"] == ""
    again = read_table(parquet, {})
    assert again.a.tolist() == [int(row["a"]) for row in written]


def test_strata_and_a_drug_taken_out_change_the_counts(tmp_path):
    source = file(tmp_path, REPORTS)
    columns = ("--columns", "report=CASE,drug=NAME,reaction=PT", "--json")
    plain, strata, without = (
        [json.loads(line) for line in adrwatch("signals", "table", source, *columns, *more).stdout.splitlines()]
        for more in ((), ("--stratum", "SEX"), ("--without", "x"))
    )
    assert [row["a"] for row in plain] == [row["a"] for row in strata]
    assert [row["expected"] for row in plain] != [row["expected"] for row in strata]
    assert {row["drug"] for row in without} == {"y", "z"}
    assert {row["a"] + row["b"] + row["c"] + row["d"] for row in without} == {3}


def test_a_column_with_a_value_for_every_report_is_no_stratum(tmp_path):
    rows = "".join(f"{i},x,rash\n" for i in range(1_001))
    source = file(tmp_path, "report,drug,reaction\n" + rows)
    with pytest.raises(AdrwatchError, match="the column report has 1,001 values"):
        read_table(source, {}, "report")


def test_without_the_only_drug_no_row_is_left(tmp_path):
    source = file(tmp_path, "report,drug,reaction\n1,x,rash\n")
    assert adrwatch("signals", "table", source, "--without", "x", "--json").stdout == ""


def test_people_see_a_table(tmp_path):
    shown = adrwatch("signals", "table", file(tmp_path, COUNTS), "--by", "prr", "--most", "1").stdout
    assert "reumofan" in shown
    assert "itch" not in shown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("drug,reaction,a,b,c,d\nx,y,1,2,3,4\nx,z,1,2\n", "line 3 has too few fields"),
        ("drug,reaction,a,b,c,d\nx,y,-1,2,3,4\n", "line 2 has -1, and counts are whole numbers"),
        ("drug,reaction,a,b,c,d\nx,y,1.5,2,3,4\n", "line 2 has 1.5, and counts are whole numbers"),
        ("drug,reaction,a,b,c,d\nx,y,nan,2,3,4\n", "line 2 has nan"),
        ("drug,reaction,a,b,c,d\nx,y,many,2,3,4\n", "line 2 has 'many' where a count should be"),
        ("drug,reaction,a,b,c,d\nx,y,1,2,3,4\nx,y,1,2,3,4\n", "line 3 repeats the pair of line 2"),
        ("drug,reaction,a,b,c,d\n,y,1,2,3,4\n", "line 2 has an empty name"),
        ("drug,reaction,a,b,c,d\n", "has no rows"),
        ("report,drug,reaction\n", "has no rows"),
        ("report,drug,reaction\n1,x,\n", "line 2 has an empty name"),
        ("report,drug\n1,x\n", "has the columns report, drug"),
        ("", "has the columns"),
        ('report,drug,reaction\n1,"x"y,z\n', "cannot be read as CSV"),
    ],
)
def test_a_table_that_cannot_be_is_refused_with_its_line(tmp_path, text, message):
    with pytest.raises(AdrwatchError, match=message):
        read_table(file(tmp_path, text), {})


def random_reports(rows: int) -> str:
    generator = random.Random(1)
    return "report,drug,reaction\n" + "".join(f"{i},d{generator.random()},r{generator.random()}\n" for i in range(rows))


@pytest.mark.parametrize("name", ["cut.csv.gz", "cut.csv.xz"])
def test_a_file_that_is_cut_off_is_named(tmp_path, name):
    path = file(tmp_path, random_reports(2_000), name)
    path.write_bytes(path.read_bytes()[:-9_000])
    with pytest.raises(AdrwatchError, match=rf"{name} cannot be read") as caught:
        read_table(path, {})
    assert "whole" in caught.value.fix


@pytest.mark.parametrize("name", ["spoilt.csv.gz", "spoilt.csv.xz"])
@pytest.mark.parametrize("place", [12, 400, -3])
def test_a_file_with_spoilt_bytes_is_named(tmp_path, name, place):
    path = file(tmp_path, random_reports(2_000), name)
    data = bytearray(path.read_bytes())
    data[place] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(AdrwatchError, match=rf"{name} cannot be read"):
        read_table(path, {})


def test_a_disk_that_does_not_give_the_file_is_told_with_the_file(tmp_path):
    path = tmp_path / "reports.csv"
    # Reading the first byte of a process's own memory is an input/output error, as of a broken disk.
    path.symlink_to("/proc/self/mem")
    with pytest.raises(AdrwatchError, match=r"reports\.csv cannot be read: .*Input/output error"):
        read_table(path, {})


def test_a_parquet_file_with_spoilt_rows_is_named_in_one_line(tmp_path):
    path = tmp_path / "spoilt.parquet"
    query = (
        "SELECT i AS report, random()::VARCHAR AS drug, random()::VARCHAR AS reaction FROM range(300_000) AS rows(i)"
    )
    duckdb.sql(query).write_parquet(str(path))
    data = bytearray(path.read_bytes())
    for place in range(len(data) // 2, len(data) - 5_000, 997):
        data[place] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(AdrwatchError, match=r"spoilt\.parquet cannot be read as Parquet") as caught:
        read_table(path, {})
    assert "\n" not in caught.value.message


def test_many_wrong_lines_are_counted(tmp_path):
    text = "drug,reaction,a,b,c,d\n" + "".join(f"x{i},y,-1,2,3,4\n" for i in range(25))
    with pytest.raises(AdrwatchError, match=r"line 11 .*and 15 more"):
        read_table(file(tmp_path, text), {})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.csv"], "there is no file"),
        (["table.csv", "--columns", "report=CASE,nonsense=X"], "--columns has 'nonsense=X'"),
        (["table.csv", "--columns", "report=NONE"], "no column NONE"),
        (["table.csv", "--columns", "report=CASE,drug=NAME,reaction=PT", "--stratum", "AGE"], "no column AGE"),
        (["table.csv", "--columns", "report=CASE,drug=NAME,reaction=PT", "--without", "w"], "no report names w"),
        (["table.csv", "--columns", "report=CASE,drug=NAME,reaction=PT", "--by", "luck"], "there is no column luck"),
        (
            ["table.csv", "--columns", "report=CASE,drug=NAME,reaction=PT", "--csv", "no/folder/x.csv"],
            "cannot be written",
        ),
        (["counts.csv", "--without", "x"], "no drug can be taken out"),
        (["counts.csv", "--stratum", "SEX"], "have no strata"),
        (["broken.parquet"], "cannot be read as Parquet"),
    ],
)
def test_wrong_settings_are_named(tmp_path, arguments, message):
    file(tmp_path, REPORTS)
    file(tmp_path, COUNTS, "counts.csv")
    file(tmp_path, "no parquet", "broken.parquet")
    name, *options = arguments
    done = CliRunner().invoke(build(), ["signals", "table", str(tmp_path / name), *options])
    assert isinstance(done.exception, AdrwatchError)
    assert message in done.exception.message
    assert done.exception.fix
