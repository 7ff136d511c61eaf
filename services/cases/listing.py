"""Line listings: rows as CSV, as a workbook or as JSON, and files of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import xlsxwriter

from shared.console import safe_cell
from shared.errors import AdrwatchError

Cells = Mapping[str, str | float | None]


def table(title: str, names: Sequence[str], rows: Sequence[Cells], *, workbook: bool) -> bytes:
    """Rows under their names, as a workbook or as CSV in UTF-8. What is not known is empty."""
    return _workbook(title, names, rows) if workbook else csv_lines(names, rows)


def csv_lines(names: Sequence[str], rows: Sequence[Cells], *, head: bool = True) -> bytes:
    """Rows as CSV in UTF-8, under their names where they are the first ones of a file."""
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, names)
    if head:
        writer.writeheader()
    for row in rows:
        writer.writerow({name: safe_cell(value) for name, value in row.items()})
    return stream.getvalue().encode()


def _workbook(title: str, names: Sequence[str], rows: Sequence[Cells]) -> bytes:
    """A workbook of one sheet. Texts stay texts: one that begins with = is no formula."""
    stream = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(stream, options) as book:
        sheet = book.add_worksheet(title)
        sheet.write_row(0, 0, names, book.add_format({"bold": True}))
        for number, row in enumerate(rows, start=1):
            sheet.write_row(number, 0, [row[name] for name in names])
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, max(len(rows), 1), len(names) - 1)
        sheet.autofit()
    return stream.getvalue()


def json_lines(objects: Sequence[Any]) -> bytes:
    """One object a line."""
    return b"".join(msgspec.json.encode(one) + b"\n" for one in objects)


def write(path: Path, content: bytes) -> None:
    """Write a file. Raises AdrwatchError where it cannot be written."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise AdrwatchError(
            f"{path} cannot be written: {error.strerror}", fix="give a file in a folder that exists"
        ) from None
