"""Files of lines: compressed or not, cut off or not, text or not. Constant memory whatever the file."""

from __future__ import annotations

import itertools
import lzma
import sys
import zlib
from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any, NamedTuple, cast

import zstandard

from services.ingest.source import SourceBroken
from shared.errors import AdrwatchError

STDIN = "-"
MAX_LINE = 1 << 20
_SAMPLE = 1 << 16
_PIECE = 1 << 12
# Small pieces bound what one step of decompression can unfold to: of zstd, four bytes may stand for 128 KiB.
_STEP = 1 << 9
# What is unfolded is looked at by pieces of this size.
_UNFOLDED = 1 << 16
_UTF8_BOM = b"\xef\xbb\xbf"
_DECODERS: tuple[tuple[bytes, Callable[[], Any]], ...] = (
    (b"\x1f\x8b", lambda: zlib.decompressobj(wbits=31)),
    (b"\xfd7zXZ\x00", lzma.LZMADecompressor),
    (b"\x28\xb5\x2f\xfd", lambda: zstandard.ZstdDecompressor().decompressobj()),
)
COMPRESSED_SUFFIXES = (".gz", ".xz", ".zst")
_NOT_TEXT = ((b"PAR1", "Parquet"), (b"PK\x03\x04", "a ZIP archive or a spreadsheet"), (b"SQLite format 3", "SQLite"),
             (b"%PDF", "PDF"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))  # fmt: skip
_MOST_ODD = 0.1


class Line(NamedTuple):
    """A line without its end. `flaw` is `line-too-long` (cut at MAX_LINE) or `cut-off` (the archive ends inside it)."""

    number: int
    data: bytes
    flaw: str = ""


class LineFile:
    """A file, or standard input for `-`, read line by line. Opening it looks at its beginning.

    Raises AdrwatchError at once if there is no such file or it holds no UTF-8 text. `lines` raises SourceBroken after
    the last good line of a truncated or damaged archive.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.name = "stdin" if path == STDIN else Path(path).name
        self.size: int | None = None
        self._raw = self._open()
        self.read_bytes = 0
        self._trouble: SourceBroken | None = None
        chunks = self._decoded()
        self._sample = self._begin(chunks)
        _check_text(self._sample, self.name)
        self._chunks = itertools.chain([self._sample], chunks)

    def beginning(self) -> list[bytes]:
        """The first lines, as far as they were looked at when the file was opened. Raises AdrwatchError if there are none."""
        if not self._sample.strip():
            raise self._trouble or AdrwatchError(f"{self.name} is empty", fix="give a file with posts")
        whole, newline, _ = self._sample.rpartition(b"\n")
        lines = (whole if newline else self._sample).removeprefix(_UTF8_BOM).split(b"\n")
        return [line.removesuffix(b"\r") for line in lines]

    def _open(self) -> BufferedReader:
        if self.path == STDIN:
            return cast(BufferedReader, sys.stdin.buffer)
        try:
            raw = Path(self.path).open("rb")  # noqa: SIM115 - read until the iteration ends
        except OSError as error:
            raise AdrwatchError(f"{self.path} cannot be read: {error.strerror}", fix="check the path") from None
        self.size = Path(self.path).stat().st_size
        return raw

    def _begin(self, chunks: Iterator[bytes]) -> bytes:
        sample = b""
        try:
            for chunk in chunks:
                sample += chunk
                # The first line must be whole; more of a stream that is being written is not waited for.
                enough = 1 if self.path == STDIN else _SAMPLE
                if len(sample) >= enough and (b"\n" in sample or len(sample) > MAX_LINE):
                    break
        except SourceBroken as trouble:
            self._trouble = trouble
        return sample

    def _decoded(self) -> Iterator[bytes]:
        start = self._read(_PIECE)
        new = next((decoder for magic, decoder in _DECODERS if start.startswith(magic)), None)
        pieces = itertools.chain([start] if start else [], iter(lambda: self._read(_PIECE), b""))
        if new is None:
            yield from pieces
            return
        try:
            yield from _inflate(pieces, new)
        except (EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError) as error:
            what = "ends in the middle" if isinstance(error, EOFError) else "is damaged"
            raise SourceBroken(
                f"{self.name} {what}: it is not a whole archive",
                fix="get the file again; what was read until there is used",
            ) from None

    def _read(self, size: int) -> bytes:
        try:
            piece = self._raw.read1(size)
        except OSError as error:
            raise SourceBroken(f"{self.name} cannot be read on: {error.strerror}", fix="check the disk") from None
        self.read_bytes += len(piece)
        return piece

    def lines(self) -> Iterator[Line]:
        """Every line with its number from 1; a line end is LF or CR LF."""
        number, rest, skipping = 1, b"", False
        try:
            for chunk in self._chunks:
                *whole, rest = (rest + chunk).split(b"\n")
                for data in whole:
                    if skipping:
                        skipping = False
                    else:
                        yield self._line(number, data)
                    number += 1
                if skipping:
                    rest = b""
                elif len(rest) > MAX_LINE:
                    yield self._line(number, rest)
                    rest, skipping = b"", True
            if self._trouble is not None:
                raise self._trouble
        except SourceBroken:
            if rest:
                yield Line(number, rest[:MAX_LINE], "cut-off")
            raise
        if rest and not skipping:
            yield self._line(number, rest)

    def _line(self, number: int, data: bytes) -> Line:
        if number == 1:
            data = data.removeprefix(_UTF8_BOM)
        if len(data) > MAX_LINE:
            return Line(number, data[:MAX_LINE], "line-too-long")
        return Line(number, data.removesuffix(b"\r"))


def _inflate(pieces: Iterator[bytes], new: Callable[[], Any]) -> Iterator[bytes]:
    """Decompress one archive or several that follow one another. Raises EOFError if the last one is not whole."""
    decoder = new()
    for piece in pieces:
        data = piece
        while data:
            if decoder.eof:
                # Archives may be padded with zeros.
                data = data.lstrip(b"\0")
                if not data:
                    break
                decoder = new()
            step, later = data[:_STEP], data[_STEP:]
            found = decoder.decompress(step)
            for at in range(0, len(found), _UNFOLDED):
                yield found[at : at + _UNFOLDED]
            data = decoder.unused_data + later if decoder.eof else later
    if not decoder.eof:
        raise EOFError


def _check_text(sample: bytes, name: str) -> None:
    kind = next((kind for magic, kind in _NOT_TEXT if sample.startswith(magic)), None)
    if kind is None:
        odd = sum(byte < 32 and byte not in b"\t\n\r" for byte in sample)
        undecodable = sample.decode(errors="replace").count("�") - sample.count("�".encode())
        if sample and (odd > _MOST_ODD * len(sample) or undecodable > _MOST_ODD * len(sample)):
            kind = "binary or in another encoding than UTF-8"
    if kind is not None:
        raise AdrwatchError(
            f"{name} is not text: it is {kind}",
            fix="give UTF-8 JSONL, CSV or TSV (iconv -f ENCODING -t UTF-8 converts), plain or as .gz, .xz, .zst",
        )
