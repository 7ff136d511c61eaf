"""A user's own table, CSV, TSV or Parquet: counts of pairs (drug, reaction, a, b, c, d), or reports (report, drug, reaction).

Reports may also be a store of `adrwatch background`, or the mentions of a back-test.

Every row that cannot be is named with its line; no measure is computed from a table of which a part was left out.
"""

from __future__ import annotations

import csv
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from services.signals.mentions import mention_rows
from shared.errors import AdrwatchError
from shared.signals.counts import Pairs, Reports
from shared.signals.measures import expected

CELLS = ("a", "b", "c", "d")
COUNTS = ("drug", "reaction", *CELLS)
REPORTS = ("report", "drug", "reaction")
_SHOWN = 10
_MOST = 2**53
# Each stratum has the margins of all drugs and reactions: with more, they are many and each has hardly a report.
_MOST_STRATA = 1_000
DATE = "date"
_EPOCH = date(1970, 1, 1)
_FIX = "name the columns drug, reaction, a, b, c, d or report, drug, reaction; or map them: --columns report=CASE,drug=NAME"


def column_names(columns: str | None) -> dict[str, str]:
    """What an option such as `report=CASEID,drug=DRUG` says: our name → the file's. Raises AdrwatchError for another form."""
    names: dict[str, str] = {}
    for part in (columns or "").split(","):
        name, _, theirs = part.partition("=")
        if part and (name.strip() not in (*COUNTS, *REPORTS, DATE) or not theirs.strip()):
            raise AdrwatchError(
                f"--columns has {part!r}", fix="write our name = yours: report=CASEID,drug=DRUG,reaction=AE"
            )
        if part:
            names[name.strip()] = theirs.strip()
    return names


def read_table(path: Path, names: Mapping[str, str], stratum: str | None = None) -> Pairs | Reports:
    """The table in a file. `names`: our name of a column → the file's, where they differ; `stratum`: a further column of reports.

    Raises AdrwatchError for a file that cannot be read, one without the columns, an empty one, and rows that cannot be.
    """
    with _rows(path) as (header, rows):
        at = _places(path, header, names)
        if all(name in at for name in COUNTS):
            if stratum is not None:
                raise AdrwatchError(
                    f"{path} holds counts, which have no strata", fix="leave --stratum out, or give reports"
                )
            return _counts(path, rows, [at[name] for name in COUNTS])
        if not all(name in at for name in REPORTS):
            raise AdrwatchError(f"{path} has the columns {', '.join(header)}", fix=_FIX)
        wanted = [at[name] for name in REPORTS]
        if stratum is not None:
            if stratum not in header:
                raise AdrwatchError(f"{path} has no column {stratum}", fix=f"columns are {', '.join(header)}")
            wanted.append(header.index(stratum))
        reports, strata = _reports(path, rows, wanted, _stratum)
        if len(strata) > _MOST_STRATA:
            raise AdrwatchError(
                f"{path}: the column {stratum} has {len(strata):,} values, and there may be {_MOST_STRATA:,} strata",
                fix="give a column of a few groups of reports, such as a sex, a year or a source",
            )
        return reports


def read_reports(path: Path, names: Mapping[str, str]) -> Reports:
    """Rows of reports; raises AdrwatchError as `read_table` does, and for a file of counts."""
    found = read_table(path, names)
    if isinstance(found, Pairs):
        raise AdrwatchError(
            f"{path} holds counts, and this needs reports", fix="give the columns report, drug, reaction"
        )
    return found


def read_dated(path: Path, names: Mapping[str, str]) -> tuple[Reports, NDArray[np.int64]]:
    """Rows of reports and the day of each, since 1970-01-01. A report has one day. Raises AdrwatchError as `read_table` does."""
    with _rows(path) as (header, rows):
        at = _places(path, header, names)
        if missing := [name for name in (*REPORTS, DATE) if name not in at]:
            raise AdrwatchError(f"{path} has no column {missing[0]}", fix=_FIX + ",date=DATE")
        reports, dates = _reports(path, rows, [at[name] for name in (*REPORTS, DATE)], _date)
        days = np.array([(date.fromisoformat(day) - _EPOCH).days for day in dates], dtype=np.int64)
        assert reports.stratum is not None  # noqa: S101
        return replace(reports, stratum=None), days[reports.stratum]


def report_rows(path: Path, names: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Report, drug and reaction of each row, one by one, so that no more than a row is held. Raises AdrwatchError at the end for
    rows that cannot be, and at once for a file without such columns.
    """
    wrong, good = _Wrong(path), 0
    with _rows(path) as (header, rows):
        at = _places(path, header, names)
        if missing := [name for name in REPORTS if name not in at]:
            raise AdrwatchError(f"{path} has no column {missing[0]}: its reports are needed", fix=_FIX)
        for line, row in rows:
            try:
                report, drug, reaction = (_name(row[at[name]]) for name in REPORTS)
            except (IndexError, ValueError) as error:
                wrong.add(line, str(error) if isinstance(error, ValueError) else "has too few fields")
                continue
            good += 1
            yield report, drug, reaction
    wrong.check(good)


def _places(path: Path, header: Sequence[str], names: Mapping[str, str]) -> dict[str, int]:
    lowered = [name.strip().lower() for name in header]
    if missing := [name for name in names.values() if name.lower() not in lowered]:
        raise AdrwatchError(f"{path} has no column {missing[0]}", fix=f"columns are {', '.join(header)}")
    wanted = {name: names.get(name, name).lower() for name in (*COUNTS, *REPORTS, DATE)}
    return {name: lowered.index(theirs) for name, theirs in wanted.items() if theirs in lowered}


def _counts(path: Path, rows: Iterator[tuple[int, Sequence[Any]]], places: Sequence[int]) -> Pairs:
    drugs: dict[str, int] = {}
    reactions: dict[str, int] = {}
    pairs: dict[tuple[int, int], int] = {}
    cells: list[list[int]] = []
    wrong = _Wrong(path)
    for line, row in rows:
        try:
            fields = [row[place] for place in places]
            counts = [_count(field) for field in fields[2:]]
            names = [_name(field) for field in fields[:2]]
        except (IndexError, ValueError) as error:
            wrong.add(line, str(error) if isinstance(error, ValueError) else "has too few fields")
            continue
        pair = (drugs.setdefault(names[0], len(drugs)), reactions.setdefault(names[1], len(reactions)))
        if pair in pairs:
            wrong.add(line, f"repeats the pair of line {pairs[pair]}")
        pairs.setdefault(pair, line)
        cells.append(counts)
    wrong.check(len(cells))
    a, b, c, d = np.asarray(cells, dtype=np.int64).T
    drug, reaction = np.asarray(list(pairs), dtype=np.int64).T
    return Pairs(list(drugs), list(reactions), drug, reaction, a, b, c, d, expected(a, b, c, d))


def _reports(
    path: Path, rows: Iterator[tuple[int, Sequence[Any]]], places: Sequence[int], fourth: Callable[[Any], str]
) -> tuple[Reports, list[str]]:
    """Reports, with a fourth column, of which each report has one value, as strata; and the names of these."""
    codes: list[dict[str, int]] = [{} for _ in places]
    columns: list[list[int]] = [[] for _ in places]
    strata: dict[int, int] = {}
    wrong = _Wrong(path)
    for line, row in rows:
        try:
            fields = [_name(row[place]) for place in places[: len(REPORTS)]]
            fields += [fourth(row[place]) for place in places[len(REPORTS) :]]
        except (IndexError, ValueError) as error:
            wrong.add(line, str(error) if isinstance(error, ValueError) else "has too few fields")
            continue
        for known, column, field in zip(codes, columns, fields, strict=True):
            column.append(known.setdefault(field, len(known)))
        if len(places) > len(REPORTS) and strata.setdefault(columns[0][-1], columns[3][-1]) != columns[3][-1]:
            wrong.add(line, "gives its report a second stratum or date")
    wrong.check(len(columns[0]))
    report, drug, reaction, *stratum = (np.asarray(column, dtype=np.int64) for column in columns)
    names = list(codes[3]) if stratum else []
    return Reports(list(codes[1]), list(codes[2]), report, drug, reaction, stratum[0] if stratum else None), names


class _Wrong:
    """The rows that cannot be."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._first: list[str] = []
        self._number = 0

    def add(self, line: int, what: str) -> None:
        self._number += 1
        if len(self._first) < _SHOWN:
            self._first.append(f"line {line} {what}")

    def check(self, good: int) -> None:
        """Raise AdrwatchError where there was a wrong row, or no row at all."""
        if self._number:
            more = f"; and {self._number - _SHOWN} more" if self._number > _SHOWN else ""
            raise AdrwatchError(f"{self._path}: {'; '.join(self._first)}{more}", fix="mend or remove these lines")
        if not good:
            raise AdrwatchError(f"{self._path} has no rows", fix="give a table with one pair or report at least")


def _count(field: Any) -> int:
    text = str(field).strip()
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"has {text!r} where a count should be") from None
    if not value.is_integer() or not 0 <= value < _MOST:
        raise ValueError(f"has {text}, and counts are whole numbers from 0 on")
    return int(value)


def _stratum(field: Any) -> str:
    """As it stands; reports without a stratum are in a stratum of those."""
    return "" if field is None else str(field).strip()


def _name(field: Any) -> str:
    if not (text := _stratum(field)):
        raise ValueError("has an empty name")
    return text


def _date(field: Any) -> str:
    """The day of a date or a time, as a date of ISO 8601."""
    text = _stratum(field)
    try:
        return datetime.fromisoformat(text).date().isoformat()
    except ValueError:
        raise ValueError(f"has {text!r} where a date such as 2026-03-01 should be") from None


@contextmanager
def _rows(path: Path) -> Iterator[tuple[list[str], Iterator[tuple[int, Sequence[Any]]]]]:
    """The header and the rows of a file, each with its line (of Parquet: its number)."""
    if not path.is_file():
        raise AdrwatchError(
            f"there is no file {path}",
            fix="give CSV, TSV, Parquet, a store of `adrwatch background`, or a back-test's mentions.jsonl",
        )
    if path.name.endswith((".jsonl", ".jsonl.gz")):
        yield [*REPORTS, DATE], mention_rows(path)
        return
    if path.suffix in (".parquet", ".duckdb"):
        with _queried(path) as found:
            yield [column[0] for column in found.description or ()], enumerate(_fetched(found), start=1)
        return
    try:
        with _text(path) as stream:
            first = stream.readline()
            delimiter = "\t" if first.count("\t") > first.count(",") else ","
            stream.seek(0)
            reader = csv.reader(stream, delimiter=delimiter, strict=True)
            header = next(reader, [])
            yield header, ((reader.line_num, row) for row in reader if row)
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise AdrwatchError(
            f"{path} cannot be read: {error}", fix="give the whole file, compressed as its name says"
        ) from None
    except OSError as error:
        raise AdrwatchError(
            f"{path} cannot be read: {error}", fix="check the file, its permissions and its disk"
        ) from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise AdrwatchError(
            f"{path} cannot be read as CSV: {error}", fix="give UTF-8 text, plain, .gz or .xz"
        ) from None


@contextmanager
def _queried(path: Path) -> Iterator[Any]:
    """The rows of a Parquet file, or of a store of `adrwatch background`, which has a view of pairs for this."""
    import duckdb

    store = path.suffix == ".duckdb"
    try:
        with duckdb.connect(str(path), read_only=True) if store else duckdb.connect() as connection:
            query = "SELECT * FROM pairs" if store else "SELECT * FROM read_parquet(?)"
            connection.execute(query, [] if store else [str(path)])
            yield connection
    except (duckdb.Error, OSError) as error:
        what, fix = (
            ("a store of `adrwatch background`", "give such a store that no other process writes to")
            if store
            else ("Parquet", "give the whole file anew; or CSV or TSV, named so")
        )
        raise AdrwatchError(f"{path} cannot be read as {what}: {str(error).splitlines()[0]}", fix=fix) from None


def _fetched(found: Any) -> Iterator[Sequence[Any]]:
    while rows := found.fetchmany(10_000):
        yield from rows


def _text(path: Path) -> IO[str]:
    opener: Any = {".xz": lzma.open, ".gz": gzip.open}.get(path.suffix, open)
    stream: IO[str] = opener(path, "rt", encoding="utf-8-sig", newline="")
    return io.StringIO(stream.read()) if path.suffix in (".xz", ".gz") else stream
