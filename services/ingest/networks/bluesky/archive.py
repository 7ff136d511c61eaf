"""The archive of a server of Jetstream's second protocol: what it has seen, longer back than a connection gives it.

Source: section 3 of docs/README.md of bluesky-social/jetstream and the lexicons of `listSegments` and `getBlock`. Segments are
files of many blocks, of some thousand events each, and tell until when their events were seen. The blocks are fetched one by one,
so that no more than one is held. Which blocks may hold a collection could be asked for (`planSnapshot`): of posts, nearly all do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar
from urllib.parse import urlencode, urlsplit, urlunsplit

import msgspec

from services.ingest.networks.bluesky.block import Row, rows
from services.ingest.networks.web import Page, Web, answered
from services.ingest.source import SourceBroken
from shared.not_json import NOT_JSON

T = TypeVar("T")
_LIST, _BLOCK = "network.bsky.jetstream.listSegments", "network.bsky.jetstream.getBlock"
_SECONDS = 60.0
_LARGEST = 64 << 20
_SEGMENTS = 1_000
_OK, _BAD, _MISSING = 200, 400, 404


class _Segment(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    max_seq: int
    max_witnessed_at: int


class _Listing(msgspec.Struct, frozen=True):
    segments: list[_Segment]
    cursor: str | None = None


class _Error(msgspec.Struct, frozen=True):
    error: str = ""


class Archive:
    """That of the server with this address; `collections` are read of it."""

    def __init__(self, address: str, collections: Sequence[str]) -> None:
        self._parts = urlsplit(address)
        self._collections = collections
        # The operator has written the host into the file.
        self._web = Web(private=True, timeout=_SECONDS, most_bytes=_LARGEST)

    def rows(self, begin_us: int) -> Iterator[Row | None]:
        """What was seen from a time on, in microseconds since 1970, in the server's order; a None before each answer is waited for.

        It ends with what the server has not put into its archive yet, or at once where it has none. Raises SourceBroken.
        """
        through = -1
        while segments := [
            one for one in self._segments() if one.max_seq > through and one.max_witnessed_at >= begin_us
        ]:
            for segment in segments:
                index = 0
                yield None
                while (block := self._block(segment.name, index)) is not None:
                    yield from (row for row in self._read(block) if row.seq > through and row.seen_us >= begin_us)
                    index += 1
                    yield None
                through = segment.max_seq

    def _segments(self) -> Iterator[_Segment]:
        cursor: str | None = None
        while True:
            page = self._get(_LIST, {"limit": str(_SEGMENTS)} | ({"cursor": cursor} if cursor else {}))
            if page.status == _MISSING:
                return
            if page.status != _OK:
                raise self._refused(_LIST, page)
            listing = self._decoded(page, _Listing)
            yield from listing.segments
            if not listing.cursor or listing.cursor == cursor:
                return
            cursor = listing.cursor

    def _block(self, segment: str, index: int) -> bytes | None:
        """One block; None where the segment has no such block."""
        page = self._get(_BLOCK, {"segment": segment, "blockIndex": str(index)})
        if page.status in (_BAD, _MISSING) and self._decoded(page, _Error).error == "BlockNotFound":
            return None
        if page.status != _OK:
            raise self._refused(_BLOCK, page)
        return page.body

    def _read(self, block: bytes) -> Iterator[Row]:
        try:
            yield from rows(block, self._collections)
        except ValueError as error:
            raise SourceBroken(f"{self._parts.netloc} sends {error}", fix="name another endpoint") from None

    def _get(self, method: str, query: dict[str, str]) -> Page:
        return self._web.get(f"{self._url(method)}?{urlencode(query)}", elsewhere=False)

    def _url(self, method: str) -> str:
        scheme = "https" if self._parts.scheme == "wss" else "http"
        return urlunsplit((scheme, self._parts.netloc, f"/xrpc/{method}", "", ""))

    def _refused(self, method: str, page: Page) -> SourceBroken:
        return SourceBroken(
            answered(self._url(method), page), fix="wait, or name another endpoint", wait_seconds=page.asked_to_wait()
        )

    def _decoded(self, page: Page, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(page.body, type=kind)
        except NOT_JSON:
            raise SourceBroken(
                f"{self._parts.netloc} has no archive of Jetstream's form", fix="name another endpoint"
            ) from None
