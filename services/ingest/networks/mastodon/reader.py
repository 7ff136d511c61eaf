"""Reads one instance without gaps: its streams, and beneath them its timelines.

Streams never catch up, and servers leave events out of them under load; so after each connect, soon again, and then every few
minutes the timelines are read on from the position (`min_id`: oldest first). Statuses of other servers have ids by the time they
were written, not by the time they came in: reading begins some minutes before the position. Live events wait until the first
reading is through, for a position says that everything before it was had.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec
from websockets.exceptions import ConnectionClosed
from websockets.sync.connection import Connection

from services.ingest.networks.mastodon.configuration import Mastodon
from services.ingest.networks.mastodon.server import Server
from services.ingest.networks.mastodon.statuses import Status, earlier, id_at, id_of, moment_of, order
from shared.not_json import NOT_JSON

# A subscription is not acknowledged: what came between the first reading and its begin is found by the second.
_SECOND_SWEEP = 5.0
_FRAMES_A_TURN = 100
_MOST_GARBAGE = 50
# The machines of an instance do not agree better than this about the time.
_CLOCKS_SECONDS = 300.0


class Frame(msgspec.Struct, frozen=True):
    """One event of a stream. `payload` is a status as JSON inside JSON, or an id."""

    event: str | None = None
    stream: list[str] = msgspec.field(default_factory=list)
    payload: str | None = None
    error: str | None = None


# A stream and a status of it; an id that was deleted; a frame that is none.
Event = tuple[str, Status] | str | bytes
_frames = msgspec.json.Decoder(Frame)
_statuses = msgspec.json.Decoder(dict)


class Reader:
    """Gives the events of one instance, a turn at a time. `places`: stream to the id up to which everything was had; `reached`:
    the time, in seconds since 1970 by this machine's clock, up to which everything was had.
    """

    def __init__(self, server: Server, configuration: Mastodon, places: dict[str, str], reached: float) -> None:
        self.server = server
        self.places = places
        self._reached = reached
        self._configuration = configuration
        self._streams = configuration.followed
        self._socket: Connection | None = None
        # Stream to the id after which its timeline is to be read.
        self._sweep: dict[str, str] = {}
        self._caught_up = False
        self._next_sweep = 0.0
        self._garbage = 0

    @property
    def connected(self) -> bool:
        """Whether it is to be read."""
        return self._socket is not None

    @property
    def caught_up(self) -> bool:
        """Whether everything up to now was had."""
        return self.connected and not self._sweep

    def connect(self) -> None:
        """Open the streams; streams without a place begin now. Raises SourceBroken."""
        self.close()
        for stream in self._streams:
            if stream not in self.places:
                self.places[stream] = self.server.newest(stream)
        self._socket = self.server.open(self._streams)
        self._begin_sweep()
        self._caught_up = False

    def close(self) -> None:
        """Close the streams."""
        socket, self._socket = self._socket, None
        if socket is not None:
            socket.close()

    def turn(self, moment: float) -> Iterator[Event]:
        """What comes next: a stream and a status of it, a deleted id, or a frame that is none. Waits so many seconds at most.

        The one who takes a status calls `had` after it. Raises SourceBroken.
        """
        if self._sweep:
            yield from self._page()
            if not self._sweep and not self._caught_up:
                self._caught_up, self._next_sweep = True, time.monotonic() + _SECOND_SWEEP
        elif time.monotonic() > self._next_sweep:
            self._begin_sweep()
        if self._caught_up and self._socket is not None:
            yield from self._frames(self._socket, moment)

    def had(self, stream: str, status_id: str) -> None:
        """Everything of the stream up to this status was had."""
        if stream in self.places and order(status_id) > order(self.places[stream]) and not self._is_to_come(status_id):
            self.places[stream] = status_id

    def _is_to_come(self, status_id: str) -> bool:
        # Nothing follows on such an id until the instance's clock is there.
        at = moment_of(status_id)
        return at is not None and at > self.server.now() + _CLOCKS_SECONDS

    def _begin_sweep(self) -> None:
        now = self.server.now()
        for stream, place in self.places.items():
            if self._is_to_come(place):
                # The instance's clock was ahead, and was put right.
                self.places[stream] = id_at(min(now, self._reached))
        self._reached = now
        self._sweep = {one: earlier(self.places[one], self._configuration.rewind_seconds) for one in self._streams}
        self._next_sweep = time.monotonic() + self._configuration.sweep_seconds

    def _page(self) -> Iterator[tuple[str, Status]]:
        stream, place = next(iter(self._sweep.items()))
        found = self.server.after(stream, place)
        for status in found:
            yield stream, status
        last = max((id_of(status) for status in found), key=order, default=place)
        if order(last) > order(place):
            self._sweep[stream] = last
        else:
            del self._sweep[stream]

    def _frames(self, socket: Connection, moment: float) -> Iterator[Event]:
        for _ in range(_FRAMES_A_TURN):
            try:
                data = socket.recv(timeout=moment)
            except TimeoutError:
                return
            except ConnectionClosed as error:
                raise self.server.closed(error) from error
            moment = 0.0
            yield from self._event(data)

    def _event(self, data: str | bytes) -> Iterator[Event]:
        try:
            frame = _frames.decode(data)
            status = _statuses.decode(frame.payload or "") if frame.event in ("update", "status.update") else None
        except NOT_JSON:
            self._garbage += 1
            if self._garbage >= _MOST_GARBAGE:
                raise self.server.broken("sends something else than Mastodon's events") from None
            yield data if isinstance(data, bytes) else data.encode(errors="replace")
            return
        self._garbage = 0
        if frame.error is not None:
            # The words are the server's own; none of ours are in them.
            raise self.server.broken("refuses a stream; is the token allowed to read it?")
        if status is not None:
            yield ":".join(frame.stream).lower(), status
        elif frame.event == "delete" and frame.payload:
            yield frame.payload
