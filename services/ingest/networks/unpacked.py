"""The body of an answer, unpacked by pieces: a few kilobytes that stand for gigabytes are never unfolded."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

# All that is asked for. httpx would also unpack what nobody asked for, and each piece as a whole.
ACCEPTED = "gzip"
_GZIP = 31
_STEP = 1 << 16


class PackedError(ValueError):
    """The body cannot be unpacked; the text says why."""


def unpacked(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """What the pieces of a body hold, in steps of bounded size; `encoding` is the header Content-Encoding. Raises PackedError.

    A body that breaks off gives what came of it, as one does that is not packed.
    """
    words = encoding.strip().lower()
    if words in ("", "identity"):
        yield from pieces
        return
    if words not in (ACCEPTED, "x-gzip"):
        raise PackedError("is packed in a way that nobody asked for")
    decoder = zlib.decompressobj(_GZIP)
    try:
        for piece in pieces:
            left = piece
            # Nothing that follows the end is of use.
            while left and not decoder.eof:
                yield decoder.decompress(left, _STEP)
                left = decoder.unconsumed_tail
    except zlib.error:
        raise PackedError("is not packed as it says") from None
