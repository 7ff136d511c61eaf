"""Reading and writing the compact tables in `shared/vocabulary/data`: xz-compressed TSV with a release in its first line."""

from __future__ import annotations

import lzma
from collections.abc import Iterable
from pathlib import Path

from shared.errors import AdrwatchError

DATA = Path(__file__).resolve().parent / "data"
_RELEASE = "#release "


def write(path: Path, release: str, rows: Iterable[tuple[str, ...]]) -> None:
    """Write rows under a release. The same rows give the same bytes."""
    lines = [f"{_RELEASE}{release}", *("\t".join(row) for row in rows)]
    path.write_bytes(lzma.compress(("\n".join(lines) + "\n").encode(), preset=9))


def read(path: Path, columns: int) -> tuple[str, list[tuple[str, ...]]]:
    """The release and the rows of a table. Raises AdrwatchError where the file is missing, damaged or of another form."""
    try:
        text = lzma.decompress(path.read_bytes()).decode()
    except OSError as error:
        raise AdrwatchError(f"vocabulary {path} cannot be read: {error.strerror}", fix=_FIX) from None
    except (lzma.LZMAError, UnicodeDecodeError) as error:
        raise AdrwatchError(f"vocabulary {path} is damaged: {error}", fix=_FIX) from None
    first, *lines = text.removesuffix("\n").split("\n")
    if not first.startswith(_RELEASE):
        raise AdrwatchError(f"vocabulary {path} states no release in its first line", fix=_FIX)
    rows = [tuple(line.split("\t")) for line in lines]
    wrong = next((number for number, row in enumerate(rows, start=2) if len(row) != columns), None)
    if wrong:
        raise AdrwatchError(f"vocabulary {path}, line {wrong}: {columns} columns expected", fix=_FIX)
    return first.removeprefix(_RELEASE), rows


_FIX = "reinstall adrwatch, or build it with `adrwatch vocabulary build`"
