"""The files of a spool: records one after another, each with its length and a checksum.

Form of a record: length of the body, CRC-32 (that of zlib) of all that follows it, number of posts, time in seconds since 1970, and
the body.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_HEADER = struct.Struct("<IIId")
_COVERED = 8


@dataclass(frozen=True)
class Entry:
    """Where a record lies: `size` bytes from `at` on, header included. `posts` and `written` are as its header says."""

    segment: Path
    at: int
    size: int
    posts: int
    written: float

    @property
    def end(self) -> int:
        """Where the next record begins."""
        return self.at + self.size


@dataclass(frozen=True)
class Contents:
    """How much waits in a spool. `since`: when the oldest was put there, in seconds since 1970; None where nothing waits."""

    posts: int = 0
    bytes: int = 0
    since: float | None = None


def path_of(folder: Path, number: int) -> Path:
    """The segment of a number."""
    return folder / f"{number:010}.spool"


def segments(folder: Path) -> list[Path]:
    """The segments of a spool, oldest first."""
    return sorted(folder.glob("[0-9]*.spool"))


def number_of(segment: Path) -> int:
    """The number in a segment's name."""
    return int(segment.stem)


def record(body: bytes, posts: int, written: float) -> bytes:
    """A record, whole."""
    covered = _HEADER.pack(len(body), 0, posts, written)[_COVERED:] + body
    return _HEADER.pack(len(body), zlib.crc32(covered), posts, written) + body


def add(segment: Path, records: Sequence[bytes], sync: bool) -> int:
    """Append records, all or none, and give the place of the first; `sync` waits until the disk has them.

    Only the owner may read the file. Raises OSError where there is no room, with the segment as it was.
    """
    file = os.open(segment, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        begin = os.fstat(file).st_size
        try:
            left = memoryview(b"".join(records))
            while left:
                left = left[os.write(file, left) :]
            if sync:
                os.fsync(file)
        except OSError:
            # Full in the middle of a record.
            os.ftruncate(file, begin)
            raise
    finally:
        os.close(file)
    return begin


def read(entry: Entry) -> bytes | None:
    """The body of a record; None where it is not as it was written."""
    try:
        with entry.segment.open("rb") as file:
            file.seek(entry.at)
            data = file.read(entry.size)
    except OSError:
        return None
    if len(data) != entry.size or zlib.crc32(data[_COVERED:]) != _HEADER.unpack_from(data)[1]:
        return None
    return data[_HEADER.size :]


def entries(segment: Path) -> Iterator[Entry]:
    """The records of a segment as their headers say; their bodies may be damaged, and the last one cut off is left out."""
    with segment.open("rb") as file:
        end, at = os.fstat(file.fileno()).st_size, 0
        while at + _HEADER.size <= end:
            file.seek(at)
            length, _, posts, written = _HEADER.unpack(file.read(_HEADER.size))
            entry = Entry(segment, at, _HEADER.size + length, posts, written)
            if entry.end > end:
                return
            yield entry
            at = entry.end


def contents(folder: Path) -> Contents:
    """What waits, for those who only look; a process may change it meanwhile."""
    found: list[Entry] = []
    for segment in segments(folder):
        try:
            found += entries(segment)
        except FileNotFoundError:
            continue
    if not found:
        return Contents()
    return Contents(sum(one.posts for one in found), sum(one.size for one in found), found[0].written)


def sync(path: Path) -> None:
    """Wait until the disk has a file, or the names in a folder."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
