"""An endpoint of Jetstream: how it is asked, and how its frames are read, in whichever of the two protocols its address is of.

Compressed frames need the dictionary with which the server made them. In the second protocol it gives it away
(`network.bsky.jetstream.getZstdDictionary`); that of the first lies in the program of the server alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode, urlsplit, urlunsplit

import zstandard
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import connect
from websockets.sync.connection import Connection
from websockets.typing import Subprotocol

from services.ingest.networks.bluesky import jetstream, subscribe_events
from services.ingest.networks.bluesky.archive import Archive
from services.ingest.networks.bluesky.jetstream import Frame
from services.ingest.networks.bluesky.subscribe_events import Notice
from services.ingest.networks.web import Web, answered
from services.ingest.source import SourceBroken

LARGEST_FRAME = 1 << 20
_DICTIONARY = "/xrpc/network.bsky.jetstream.getZstdDictionary"
_LARGEST_DICTIONARY = 16 << 20
_FRAMES_HELD = 64
OPEN_SECONDS = 10.0
_CLOSE_SECONDS = 1.0


def outline(data: bytes) -> bytes:
    """A frame as it may be masked: of a compressed one its size alone, for no mask finds a name in what is half compressed."""
    return b"%d bytes, compressed" % len(data) if data.startswith(zstandard.FRAME_HEADER) else data


class Endpoint:
    """One address; `collections` are asked for. With `compress` the server is asked for its dictionary before the first connection.

    Only an address of the second protocol can be compressed.
    """

    def __init__(self, address: str, collections: tuple[str, ...], compress: bool) -> None:
        self.address = address
        self._collections = collections
        self._compress = compress
        self._second = urlsplit(address).path == subscribe_events.PATH
        # What is there to be read longer back than a connection gives it.
        self.archive = Archive(address, collections) if self._second else None
        self._dictionary: int | None = None
        self._decompressor = zstandard.ZstdDecompressor()

    @contextmanager
    def connected(self, cursor: int | None) -> Iterator[Connection]:
        """A connection that gives what is there from a time on, in microseconds since 1970.

        It is read no faster than it is taken: a few frames are held. Raises SourceBroken for every way in which it ends.
        """
        try:
            with connect(
                self._url(cursor),
                open_timeout=OPEN_SECONDS,
                close_timeout=_CLOSE_SECONDS,
                max_size=LARGEST_FRAME,
                max_queue=_FRAMES_HELD,
                subprotocols=[Subprotocol(subscribe_events.SUBPROTOCOL)] if self._second else None,
                user_agent_header="adrwatch",
            ) as socket:
                yield socket
        except InvalidStatus as error:
            # It may have another dictionary by now.
            self._dictionary = None
            raise self.broken(f"answers with HTTP {error.response.status_code}") from error
        except ConnectionClosed as error:
            reason = f"code {error.rcvd.code}" if error.rcvd else "without a word"
            raise self.broken(f"closed the connection, {reason}") from error
        except TimeoutError as error:
            raise self.broken(f"did not answer within {OPEN_SECONDS:g} s") from error
        except ImportError as error:
            # Of the package that proxies of one kind need.
            raise self.broken(f"cannot be reached: {error}") from error
        except (OSError, WebSocketException) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise self.broken(f"cannot be reached: {reason}") from error

    def broken(self, what: str) -> SourceBroken:
        """What is raised when the server does this."""
        return SourceBroken(
            f"{urlsplit(self.address).netloc} {what}", fix="look at the network's status, and at your way to it"
        )

    def read(self, data: bytes, now_us: int, future_us: int) -> Frame | Notice:
        """What a frame says. Raises ValueError, without quoting it, if it is none."""
        if not self._second:
            return jetstream.read_frame(data, now_us, future_us)
        if data.startswith(zstandard.FRAME_HEADER):
            data = self._plain(data)
        return subscribe_events.read_frame(data, now_us, future_us)

    def _url(self, cursor: int | None) -> str:
        if self._second:
            query = [("collections", one) for one in self._collections]
            query += [("kinds", one) for one in subscribe_events.KINDS]
            if self._compress:
                query.append(("zstdDictionary", str(self._ask_for_dictionary())))
        else:
            query = [("wantedCollections", one) for one in self._collections]
        if cursor is not None:
            query.append(("cursor", str(cursor)))
        return f"{self.address}?{urlencode(query)}"

    def _plain(self, data: bytes) -> bytes:
        try:
            # The size that a frame states is what is made room for.
            if zstandard.frame_content_size(data) > LARGEST_FRAME:
                raise ValueError("a frame that is too large")
            return self._decompressor.decompress(data, max_output_size=LARGEST_FRAME)
        except zstandard.ZstdError:
            raise ValueError("no frame of zstd with the server's dictionary") from None

    def _ask_for_dictionary(self) -> int:
        if self._dictionary is None:
            parts = urlsplit(self.address)
            url = urlunsplit(("https" if parts.scheme == "wss" else "http", parts.netloc, _DICTIONARY, "", ""))
            # The operator has written the host into the file.
            page = Web(private=True, timeout=OPEN_SECONDS, most_bytes=_LARGEST_DICTIONARY).get(url, elsewhere=False)
            if page.status != 200:
                raise SourceBroken(answered(url, page), fix="write compress = false, or name other endpoints")
            try:
                found = zstandard.ZstdCompressionDict(page.body, dict_type=zstandard.DICT_TYPE_FULLDICT)
                self._decompressor = zstandard.ZstdDecompressor(dict_data=found)
            except (zstandard.ZstdError, ValueError) as error:
                raise SourceBroken(
                    f"{parts.netloc} sends something else than a dictionary of zstd", fix="write compress = false"
                ) from error
            self._dictionary = found.dict_id()
        return self._dictionary
