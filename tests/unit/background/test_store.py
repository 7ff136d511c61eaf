"""Files that are no store, or not ours alone: each is named, and stays as it was."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import zipfile
from pathlib import Path

import duckdb
import pytest

from services.background.store import opened
from shared.errors import AdrwatchError
from tests.unit.background.quarters import Quarter
from tests.unit.background.running import adrwatch


@pytest.fixture
def quarter(tmp_path):
    made = Quarter()
    made.report(100, [("PS", "ZOLOFT")], ["Tremor"])
    return made.write(tmp_path)


@pytest.mark.parametrize("command", ["import", "show"])
@pytest.mark.parametrize(
    "tables",
    [
        "CREATE TABLE patients (name TEXT)",
        "CREATE TABLE about (title TEXT, version TEXT); CREATE TABLE reports (title TEXT)",
        "CREATE TABLE about (version INTEGER); INSERT INTO about VALUES (99)",
    ],
)
def test_another_programs_tables_are_refused_and_stay_as_they_were(tmp_path, quarter, command, tables):
    foreign = tmp_path / "foreign.duckdb"
    with duckdb.connect(str(foreign)) as connection:
        connection.execute(tables)
    before = foreign.read_bytes()
    with pytest.raises(AdrwatchError, match="is no store of this version"):
        adrwatch(command, *([quarter] if command == "import" else []), "--store", foreign)
    assert foreign.read_bytes() == before


@pytest.mark.parametrize("command", ["import", "show"])
def test_another_programs_file_is_refused_and_stays_as_it_was(tmp_path, quarter, command):
    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE patients (name TEXT)")
    connection.close()
    before = foreign.read_bytes()
    with pytest.raises(AdrwatchError, match="is no DuckDB file"):
        adrwatch(command, *([quarter] if command == "import" else []), "--store", foreign)
    assert foreign.read_bytes() == before


def test_a_folder_or_a_place_that_is_not_there_is_named(tmp_path, quarter):
    with pytest.raises(AdrwatchError, match="is a folder"):
        adrwatch("import", quarter, "--store", tmp_path)
    with pytest.raises(AdrwatchError, match=r"the folder .*absent is not there"):
        adrwatch("import", quarter, "--store", tmp_path / "absent" / "background.duckdb")


def test_an_empty_database_becomes_a_store(tmp_path, quarter):
    store = tmp_path / "background.duckdb"
    duckdb.connect(str(store)).close()
    assert "kept 1" in adrwatch("import", quarter, "--store", store).stdout


_HOLDER = """
import sys
from pathlib import Path
from services.background.store import opened
with opened(Path(sys.argv[1]), write=True):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_store_that_another_process_writes_to_is_said_to_be_in_use(tmp_path, quarter):
    store = tmp_path / "background.duckdb"
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(store)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        for arguments in (("import", quarter), ("show",)):
            with pytest.raises(AdrwatchError, match="is in use by another process") as refused:
                adrwatch(*arguments, "--store", store)
            assert "ended" in refused.value.fix
    finally:
        holder.communicate()


def test_a_store_that_is_cut_off_is_named(tmp_path, quarter):
    store = tmp_path / "background.duckdb"
    adrwatch("import", quarter, "--store", store)
    store.write_bytes(store.read_bytes()[:5000])
    with pytest.raises(AdrwatchError, match="background"):
        adrwatch("show", "--store", store)


@pytest.mark.parametrize("error", [duckdb.IOException("no space left"), duckdb.OutOfMemoryException("too little")])
def test_a_disk_or_a_memory_that_is_full_is_an_error_with_a_fix(tmp_path, error):
    with (
        pytest.raises(AdrwatchError, match="background") as refused,
        opened(tmp_path / "background.duckdb", write=True),
    ):
        raise error
    assert refused.value.fix


@pytest.mark.parametrize(
    "cut", [lambda data: data[: len(data) // 2], lambda data: data[:300] + b"!" * 200 + data[500:]]
)
def test_a_zip_that_is_damaged_is_named(tmp_path, quarter, cut):
    archive = Path(shutil.make_archive(str(tmp_path / "q"), "zip", quarter))
    archive.write_bytes(cut(archive.read_bytes()))
    assert not zipfile.is_zipfile(archive) or zipfile.ZipFile(archive).testzip()
    with pytest.raises(AdrwatchError, match=r"q\.zip"):
        adrwatch("import", archive, "--store", tmp_path / "background.duckdb")


def test_a_zip_whose_list_of_files_is_damaged_is_named(tmp_path, quarter):
    archive = Path(shutil.make_archive(str(tmp_path / "q"), "zip", quarter))
    data = archive.read_bytes()
    archive.write_bytes(data.replace(b"PK\x01\x02", b"PK\x07\x07"))
    with pytest.raises(AdrwatchError, match=r"q\.zip cannot be unpacked"):
        adrwatch("import", archive, "--store", tmp_path / "background.duckdb")
