"""A block of Jetstream's archive: some thousand events in columns, compressed. Pure.

Source: section 3.2 of docs/README.md of bluesky-social/jetstream. All numbers are little-endian; all columns of lengths go before
those of texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cbor2
import msgspec
import numpy as np
import zstandard
from numpy.typing import NDArray

from services.ingest.networks.bluesky.jetstream import Account, Commit, Frame

_CONTENT = 4  # of the columns of texts: collection, account, record key, revision, content
# Blocks have 4,096 events where the operator of the server wants nothing else, of a KB or so each.
_LARGEST = 256 << 20
_COUNT = np.dtype("<u4")
# Sequence number, when it was seen, when it is shown as; kind; lengths of collection, account, record key, revision, content.
_COLUMNS = tuple(np.dtype(one) for one in ("<u8", "<i8", "<i8", "u1", "u1", "<u2", "u1", "u1", "<u4"))
_OPERATIONS = {1: "create", 2: "update", 3: "delete", 7: "create"}
_DELETE, _ACCOUNT = 3, 5


class Row(msgspec.Struct, frozen=True):
    """One event: `seen_us` is when the server saw it, in microseconds since 1970; `content` is DAG-CBOR."""

    seq: int
    seen_us: int
    kind: int
    collection: str
    did: str
    rkey: str
    content: bytes

    def outline(self) -> bytes:
        """What may be kept of one that cannot be read: no mask finds a name in broken CBOR."""
        return b"event %d of the archive, %d bytes" % (self.seq, len(self.content))

    def frame(self) -> Frame:
        """The event as it would come live. Raises ValueError where its content is none."""
        try:
            content = cbor2.loads(self.content) if self.content and self.kind != _DELETE else None
        except (cbor2.CBORDecodeError, UnicodeError, RecursionError, OverflowError, TypeError) as error:
            raise ValueError("no CBOR") from error
        if self.kind == _ACCOUNT:
            try:
                return Frame(self.did, self.seen_us, "account", account=msgspec.convert(content, Account))
            except msgspec.ValidationError as error:
                raise ValueError("no account") from error
        commit = Commit(_OPERATIONS[self.kind], self.collection, self.rkey, content)
        return Frame(self.did, self.seen_us, "commit", commit)


def rows(data: bytes, collections: Sequence[str]) -> Iterator[Row]:
    """The changes of records of these collections (`com.example.*`: all that begin so) and of accounts, in the order of the block.

    Raises ValueError if it is no block.
    """
    try:
        # The size that it states is what is made room for.
        if zstandard.frame_content_size(data) > _LARGEST:
            raise ValueError("a block that is too large")
        whole = zstandard.ZstdDecompressor().decompress(data, max_output_size=_LARGEST)
    except zstandard.ZstdError:
        raise ValueError("a block that is not compressed with zstd") from None
    if len(whole) < _COUNT.itemsize:
        raise ValueError("a block without a beginning")
    count, at = int(np.frombuffer(whole, _COUNT, 1)[0]), _COUNT.itemsize
    if len(whole) - at < count * sum(one.itemsize for one in _COLUMNS):
        raise ValueError("a block that was cut off")
    columns: list[NDArray[np.int64]] = []
    for form in _COLUMNS:
        columns.append(np.frombuffer(whole, form, count, at).astype(np.int64))
        at += form.itemsize * count
    seqs, seen, _, kinds, *lengths = columns
    parts = []
    for length in lengths:
        ends = at + np.cumsum(length, dtype=np.int64)
        parts.append((ends - length, ends))
        at = int(ends[-1]) if count else at
    if at != len(whole):
        raise ValueError("a block whose lengths do not fit")

    def text(part: int, number: int) -> str:
        begin, end = parts[part]
        return whole[begin[number] : end[number]].decode(errors="replace")

    for number in np.flatnonzero(np.isin(kinds, [*_OPERATIONS, _ACCOUNT])).tolist():
        kind, collection = int(kinds[number]), text(0, number)
        if kind != _ACCOUNT and not _wanted(collection, collections):
            continue
        begin, end = parts[_CONTENT]
        content = whole[begin[number] : end[number]]
        yield Row(int(seqs[number]), int(seen[number]), kind, collection, text(1, number), text(2, number), content)


def _wanted(collection: str, collections: Sequence[str]) -> bool:
    return any(
        collection == one or (one.endswith(".*") and collection.startswith(one.removesuffix("*")))
        for one in collections
    )
