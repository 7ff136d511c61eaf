"""The head of the audit trail, kept in a file outside the database.

Order of steps: before a transaction is committed its last row is written here as intended; after the commit it is written again as
settled. So no row is ever in the database without an anchor: where the file cannot be written nothing is done. A crash between
the two leaves an intention, which stands for its row if that is there, and for nothing if it is not: it is the one
transaction that could be cut off unseen, until the next one settles it.

Lines are only ever added, so the file may be one that its users can only append to.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec

from shared.errors import AdrwatchError, DependencyAway

log = logging.getLogger(__name__)
_START = b'{"seq":'


class Anchor(msgspec.Struct, frozen=True, omit_defaults=True):
    """The head of the trail at one time. `settled`: its transaction is known to be committed."""

    # A number that a row can have.
    seq: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    mac: str
    settled: bool = True


class Anchors:
    """The file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def intend(self, seq: int, mac: str) -> None:
        """Write the head that is about to be committed. Raises DependencyAway where that cannot be done: a worker tries again."""
        try:
            self._append(Anchor(seq, mac, settled=False))
        except OSError as error:
            raise DependencyAway(
                f"the audit trail cannot be anchored in {self._path}: {error.strerror}; nothing was done",
                fix="make room, or give ADRWATCH_AUDIT_ANCHORS a file that can be written",
            ) from None

    def settle(self, seq: int, mac: str) -> None:
        """Write the head that was committed. What cannot be written is no loss: the intention stands for it."""
        try:
            self._append(Anchor(seq, mac))
        except OSError as error:
            log.warning("the anchor of row %d waits for the next action: %s", seq, error.strerror)

    def size(self) -> int:
        """How many bytes there are now. Raises AdrwatchError for what cannot be read."""
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise self._unreadable(error) from None

    def read(self, size: int) -> Iterator[Anchor]:
        """Those of the first `size` bytes. A line that a crash or a full disk tore is left out.

        Raises AdrwatchError for what cannot be read.
        """
        try:
            yield from self._read(size)
        except OSError as error:
            raise self._unreadable(error) from None

    def _read(self, size: int) -> Iterator[Anchor]:
        if not size:
            return
        with self._path.open("rb") as stream:
            for number, line in enumerate(stream, start=1):
                size -= len(line)
                if size < 0:
                    return
                content = line.rstrip(b"\n")
                if not content or _torn(content):
                    continue
                try:
                    yield msgspec.json.decode(content, type=Anchor)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    raise AdrwatchError(
                        f"{self._path}, line {number}: no anchor", fix="restore the file from a backup"
                    ) from None

    def _unreadable(self, error: OSError) -> AdrwatchError:
        return AdrwatchError(
            f"the anchors {self._path} cannot be read: {error.strerror}",
            fix="give ADRWATCH_AUDIT_ANCHORS the file that was written, and the right to read it",
        )

    def _append(self, anchor: Anchor) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        line = msgspec.json.encode(anchor) + b"\n"
        # Unbuffered, so that a short write shows itself.
        with self._path.open("ab", buffering=0) as stream:
            if self._ends_torn(stream.tell()):
                line = b"\n" + line
            if stream.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(stream.fileno())

    def _ends_torn(self, size: int) -> bool:
        if not size:
            return False
        with self._path.open("rb") as stream:
            stream.seek(size - 1)
            return stream.read(1) != b"\n"


def _torn(line: bytes) -> bool:
    """Whether it is the beginning of an anchor."""
    return not line.endswith(b"}") and (line.startswith(_START) or _START.startswith(line))
