"""A quarter of FAERS as the FDA publishes it: ASCII files parted by `$`, in a folder or a zip, with the cases that it deleted.

Files and columns by the FDA's README of the quarterly data extract. Files from before the fourth quarter of 2012 have other columns
and are refused.
"""

from __future__ import annotations

import codecs
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb

from shared.errors import AdrwatchError

SOURCE = "faers"
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "DEMO": ("primaryid", "caseid", "caseversion", "event_dt", "fda_dt", "sex"),
    "DRUG": ("primaryid", "role_cod", "drugname", "prod_ai"),
    "REAC": ("primaryid", "pt"),
    "OUTC": ("primaryid", "outc_cod"),
}
_FIX = "give the folder or the zip that the FDA publishes for a quarter, with DEMO, DRUG, REAC and OUTC"
Say = Callable[[str], None]


def read_quarter(connection: duckdb.DuckDBPyConnection, path: Path, say: Say) -> None:
    """Read a quarter into the incoming tables of the store. Raises AdrwatchError for anything that is no quarter.

    Lines that have too few or too many fields are kept with file, number and reason. An event's day may be unknown, or known to
    the month only: then the day on which the FDA had the report stands.
    """
    with _files(path) as files:
        for kind in _COLUMNS:
            say(f"reading {files[kind].name}")
            _read(connection, kind, files[kind])
        deleted = files.get("DELETE")
        if deleted is not None:
            connection.execute(
                "INSERT INTO incoming_nullified SELECT DISTINCT ?, trim(column0), ? FROM "
                "read_csv(?, header=false, all_varchar=true, columns={'column0': 'VARCHAR'}, delim='$', quote='') "
                "WHERE regexp_matches(trim(column0), '^[0-9]+$')",
                [SOURCE, path.name, str(deleted)],
            )
    _fill(connection, path.name)


def _read(connection: duckdb.DuckDBPyConnection, kind: str, file: Path) -> None:
    """One file as a temporary table of its name."""
    with file.open("rb") as stream:
        header = [name.strip().lower() for name in stream.readline().decode("latin-1").rstrip("\r\n$").split("$")]
    if missing := [name for name in _COLUMNS[kind] if name not in header]:
        older = " (files from before the fourth quarter of 2012 have other columns)" if "isr" in header else ""
        raise AdrwatchError(f"{file.name} has no column {missing[0]}{older}", fix=_FIX)
    wanted = ", ".join(f"nullif(trim({name}), '') AS {name}" for name in _COLUMNS[kind])
    form = "delim='$', quote='', escape='', header=true, all_varchar=true, store_rejects=true, strict_mode=true"
    try:
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {kind} AS SELECT {wanted} FROM read_csv(?, {form}, encoding='{_encoding(file)}')",
            [str(file)],
        )
    except duckdb.InvalidInputException as error:
        raise AdrwatchError(f"{file.name} cannot be read: {error}", fix=_FIX) from None
    connection.execute(
        "INSERT INTO incoming_rejected SELECT DISTINCT ?, ?, line, lower(error_type::TEXT) FROM reject_errors",
        [SOURCE, file.name],
    )
    connection.execute("DROP TABLE reject_errors; DROP TABLE reject_scans")


def _encoding(file: Path) -> str:
    """UTF-8, as the FDA writes by now, or Latin-1, as older files hold names."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with file.open("rb") as stream:
        try:
            while chunk := stream.read(1 << 20):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "latin-1"
    return "utf-8"


def _fill(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    day = "try_strptime({0}, '%Y%m%d')::DATE"
    connection.execute(
        f"""
        INSERT INTO incoming_reports
        SELECT ?, primaryid, caseid, coalesce(try_cast(caseversion AS BIGINT), 0),
               coalesce({day.format("event_dt")}, {day.format("fda_dt")}), lower(sex), primaryid IN (SELECT primaryid FROM outc), ?
        FROM demo WHERE primaryid IS NOT NULL AND caseid IS NOT NULL
        QUALIFY row_number() OVER (PARTITION BY primaryid ORDER BY caseversion DESC) = 1
        """,
        [SOURCE, name],
    )
    connection.execute(
        "INSERT INTO incoming_drugs SELECT DISTINCT ?, primaryid, upper(role_cod), coalesce(prod_ai, drugname), NULL FROM drug "
        "WHERE coalesce(prod_ai, drugname) IS NOT NULL AND primaryid IN (SELECT report FROM incoming_reports)",
        [SOURCE],
    )
    connection.execute(
        "INSERT INTO incoming_reactions SELECT DISTINCT ?, primaryid, pt FROM reac "
        "WHERE pt IS NOT NULL AND primaryid IN (SELECT report FROM incoming_reports)",
        [SOURCE],
    )
    for kind in _COLUMNS:
        connection.execute(f"DROP TABLE {kind}")


@contextmanager
def _files(path: Path) -> Iterator[dict[str, Path]]:
    """The files of a quarter by kind; those of a zip are unpacked for as long as they are read."""
    if path.is_dir():
        yield _found(path)
    elif path.is_file() and zipfile.is_zipfile(path):
        with tempfile.TemporaryDirectory(prefix="faers-") as folder, zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                if _kind(Path(member)) is not None:
                    archive.extract(member, folder)
            yield _found(Path(folder))
    else:
        raise AdrwatchError(f"{path} is no folder and no zip", fix=_FIX)


def _found(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in sorted(folder.rglob("*")):
        kind = _kind(file)
        if kind is not None and file.is_file():
            if kind in found:
                raise AdrwatchError(f"{folder} holds more than one file of {kind}", fix="give one quarter at a time")
            found[kind] = file
    if missing := [kind for kind in _COLUMNS if kind not in found]:
        raise AdrwatchError(f"{folder.name} holds no file {missing[0]}….txt", fix=_FIX)
    return found


def _kind(file: Path) -> str | None:
    name = file.name.upper()
    return next((kind for kind in (*_COLUMNS, "DELETE") if name.startswith(kind) and name.endswith(".TXT")), None)
