"""Connections end that never say what they want: a hundred silent ones would else shut everybody out, without any secret."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

# From the connection to the end of the first request's headers.
_HEAD_SECONDS = 10.0


class PatientProtocol(H11Protocol):
    """HTTP/1.1 of uvicorn, which waits without end for the rest of a request's headers."""

    _ends: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio.Protocol."""
        super().connection_made(transport)
        self._watch(_HEAD_SECONDS)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._let()

    def on_response_complete(self) -> None:
        """See H11Protocol: an answer is sent, and the next request may be under way already."""
        super().on_response_complete()
        if self.cycle is None or self.cycle.response_complete:
            self._watch(self.timeout_keep_alive + _HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._let()
        super().connection_lost(exc)

    def _watch(self, seconds: float) -> None:
        self._let()
        self._ends = self.loop.call_later(seconds, self.transport.close)

    def _let(self) -> None:
        if self._ends is not None:
            self._ends.cancel()
            self._ends = None
