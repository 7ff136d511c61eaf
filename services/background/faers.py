"""A quarter of FAERS as the FDA publishes it: ASCII files parted by `$`, in a folder or a zip, with the cases that it deleted.

Files and columns by the FDA's README of the quarterly data extract. Until the second quarter of 2014 sex has another name and
there is no ingredient; files from before the fourth quarter of 2012, of the system before FAERS, are refused.
"""

from __future__ import annotations

import codecs
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb

from services.background.writing import Say, number, reject
from shared.duckdb_rows import append
from shared.errors import AdrwatchError

SOURCE = "faers"
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "DEMO": ("primaryid", "caseid", "caseversion", "event_dt", "fda_dt", "sex"),
    "DRUG": ("primaryid", "role_cod", "drugname", "prod_ai"),
    "REAC": ("primaryid", "pt"),
    "OUTC": ("primaryid", "outc_cod"),
}
# What older quarters call a column, and the column that they do not have.
_OLDER = {"sex": "gndr_cod", "outc_cod": "outc_code"}
_NEWER = ("prod_ai",)
_DELETED = "DELETE"
_FIX = "give the folder or the zip that the FDA publishes for a quarter, with DEMO, DRUG, REAC and OUTC"


def read_quarter(connection: duckdb.DuckDBPyConnection, path: Path, say: Say) -> None:
    """Read a quarter into the incoming tables of the store. Raises AdrwatchError for anything that is no quarter.

    Lines that have too few or too many fields are kept with file, number and reason. An event's day may be unknown, or known to
    the month only: then the day on which the FDA had the report stands.
    """
    with _files(path) as files:
        for kind in _COLUMNS:
            [file] = files[kind]
            say(f"reading {file.name}")
            _read(connection, kind, file)
        for deleted in files.get(_DELETED, ()):
            _nullify(connection, deleted, path.name)
    _fill(connection, path.name)


def _read(connection: duckdb.DuckDBPyConnection, kind: str, file: Path) -> None:
    """One file as a temporary table of its name."""
    header = _header(file)
    named = {name: name if name in header else _OLDER.get(name, name) for name in _COLUMNS[kind]}
    if missing := [name for name, theirs in named.items() if theirs not in header and name not in _NEWER]:
        older = " (files from before the fourth quarter of 2012 have other columns)" if "isr" in header else ""
        raise AdrwatchError(f"{file.name} has no column {missing[0]}{older}", fix=_FIX)
    wanted = ", ".join(
        f"nullif(trim({theirs}), '') AS {name}" if theirs in header else f"NULL::TEXT AS {name}"
        for name, theirs in named.items()
    )
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
    if kind == "DEMO":
        _reject_nameless(connection, file, header)


def _header(file: Path) -> list[str]:
    with file.open("rb") as stream:
        return [name.strip().lower() for name in stream.readline().decode("latin-1").rstrip("\r\n$").split("$")]


def _reject_nameless(connection: duckdb.DuckDBPyConnection, file: Path, header: list[str]) -> None:
    """Keep the lines of reports that have no id or no case. DuckDB does not tell lines, so the file is read for them again."""
    if not number(connection, "demo WHERE primaryid IS NULL OR caseid IS NULL"):
        return
    places = [header.index(name) for name in ("primaryid", "caseid")]
    with file.open(encoding="latin-1", newline="\n") as stream:
        for line, text in enumerate(stream, 1):
            fields = text.rstrip("\r\n").split("$")
            if len(fields) == len(header) and not all(fields[place].strip() for place in places):
                reject(connection, SOURCE, file.name, line, "has no primaryid or no caseid")


def _nullify(connection: duckdb.DuckDBPyConnection, file: Path, imported: str) -> None:
    """The cases that a file says were deleted: a number a line, which a header and blank lines may stand before and between."""
    with file.open(encoding="latin-1", newline="\n") as stream:
        cases = set()
        for line, text in enumerate(stream, 1):
            case = text.partition("$")[0].strip()
            if case.isascii() and case.isdigit():
                cases.add(case)
            elif case and line > 1:
                reject(connection, SOURCE, file.name, line, "holds no number of a case")
    append(connection, "incoming_nullified", [(SOURCE, case, imported) for case in sorted(cases)])


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
    connection.execute(
        "INSERT INTO incoming_outcomes SELECT DISTINCT ?, primaryid, upper(outc_cod) FROM outc "
        "WHERE outc_cod IS NOT NULL AND primaryid IN (SELECT report FROM incoming_reports)",
        [SOURCE],
    )
    for kind in _COLUMNS:
        connection.execute(f"DROP TABLE {kind}")


@contextmanager
def _files(path: Path) -> Iterator[dict[str, list[Path]]]:
    """The files of a quarter by kind; those of a zip are unpacked for as long as they are read."""
    if path.is_dir():
        yield _found(path)
    elif path.is_file() and zipfile.is_zipfile(path):
        with tempfile.TemporaryDirectory(prefix="faers-") as folder:
            _unpack(path, Path(folder))
            yield _found(Path(folder), path.name)
    else:
        raise AdrwatchError(f"{path} is no folder and no zip", fix=_FIX)


def _unpack(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                if _kind(Path(member)) is not None:
                    archive.extract(member, folder)
    except OSError as error:
        raise AdrwatchError(
            f"{path} cannot be unpacked to {folder}: {error.strerror or error}",
            fix="make room there, or point TMPDIR to a folder that has some",
        ) from None
    # A RuntimeError is a zip with a password, a NotImplementedError one that is compressed in a way that Python does not know.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise AdrwatchError(f"{path} cannot be unpacked: {error}", fix="download the quarter again") from None


def _found(folder: Path, name: str | None = None) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for file in sorted(folder.rglob("*")):
        kind = _kind(file.relative_to(folder))
        if kind is not None and file.is_file():
            if kind in found and kind != _DELETED:
                raise AdrwatchError(
                    f"{name or folder} holds more than one file of {kind}", fix="give one quarter at a time"
                )
            found.setdefault(kind, []).append(file)
    if missing := [kind for kind in _COLUMNS if kind not in found]:
        raise AdrwatchError(f"{name or folder} holds no file {missing[0]}….txt", fix=_FIX)
    return found


def _kind(file: Path) -> str | None:
    """What a file of a quarter holds. Those of deleted cases have had many names, and mostly a folder of their own."""
    name = file.name.upper()
    if not name.endswith(".TXT") or name.startswith("README"):
        return None
    if (kind := next((kind for kind in _COLUMNS if name.startswith(kind)), None)) is not None:
        return kind
    return _DELETED if "DELET" in name or "DELET" in file.parent.name.upper() else None
