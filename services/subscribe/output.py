"""The forms in which analysts get events: JSON lines, a table for people, files that appear whole."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from services.subscribe.kinds import Kind, cells
from services.subscribe.shelf import Shelf
from shared.console import printable
from shared.errors import AdrwatchError

STDOUT = Path("-")


@dataclass(frozen=True)
class File:
    """A file to be written: `form` is csv or parquet. Of CSV the path `-` means standard output."""

    path: Path
    form: str
    force: bool = False

    def check(self) -> None:
        """Raise AdrwatchError where it is there already and is to stay, or its folder is missing."""
        if self.path == STDOUT:
            return
        if self.path.exists() and not self.force:
            raise AdrwatchError(f"{self.path} is there already", fix="give another file, or --force")
        if not self.path.parent.is_dir():
            raise AdrwatchError(f"there is no folder {self.path.parent}", fix="make it, or give another file")

    def write(self, shelf: Shelf, kind: Kind[Any], most: int | None, telling: bool) -> None:
        """Write all that stands. It is on the disk, under its name, when this returns; until then nothing of that name changes."""
        with self._temporary() as path:
            shelf.write(path, self.form, kind, most, telling)
            if self.path == STDOUT:
                with path.open("rb") as source:
                    shutil.copyfileobj(source, sys.stdout.buffer)
                sys.stdout.flush()
                return
            # It names posts.
            path.chmod(0o600)
            _to_disk(path)
            self.check()
            path.replace(self.path)
            _to_disk(self.path.parent)

    @contextmanager
    def _temporary(self) -> Iterator[Path]:
        folder = None if self.path == STDOUT else self.path.parent
        try:
            with tempfile.TemporaryDirectory(prefix=".adrwatch-", dir=folder) as made:
                yield Path(made) / f"events.{self.form}"
        except BrokenPipeError:
            raise
        except OSError as error:
            raise AdrwatchError(f"{self.path} cannot be written: {error.strerror}", fix="give another file") from None


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Lines:
    """Events on standard output as they come: JSON, one object a line, or words for people; at most so many."""

    def __init__(self, kind: Kind[Any], as_json: bool, most: int | None = None) -> None:
        self._kind = kind
        self._as_json = as_json
        self._most = most
        self._given = 0

    @property
    def full(self) -> bool:
        """Whether there are as many events as were wanted."""
        return self._most is not None and self._given >= self._most

    def event(self, value: str) -> None:
        """One event by its JSON."""
        if self.full:
            return
        self._given += 1
        event = None if self._as_json else msgspec.json.decode(value, type=self._kind.event)
        print(value if event is None else printable("  ".join(filter(None, cells(event).values()))))

    def taken_back(self, source: str, event_id: str | None) -> None:
        """Events stand no longer; those that an earlier run gave out are known by what they go by only."""
        told = {"id": event_id} | {self._kind.goes_by: source} | {"taken_back": True}
        print(
            msgspec.json.encode(told).decode() if self._as_json else printable(f"{event_id or source} was taken back")
        )

    def flush(self) -> None:
        """Let everything go."""
        sys.stdout.flush()


def table(kind: Kind[Any], values: Sequence[str]) -> Any:
    """Events for people."""
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    rows = [cells(msgspec.json.decode(value, type=kind.event)) for value in values]
    grid = Grid(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1, 0, 0), show_edge=False)
    for name in rows[0] if rows else ():
        grid.add_column(name, no_wrap=name == "id", overflow="fold")
    for row in rows:
        grid.add_row(*(Text(printable(cell)) for cell in row.values()))
    return grid
