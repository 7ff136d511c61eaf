"""A TCP proxy whose line can be slow, narrow, cut, silent, or dead for good: what `tc netem` does, without a kernel's help.

All proxies live in one thread with one event loop. A proxy's methods may be called from any thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

HOST = "127.0.0.1"
_PIECE = 1 << 16


@dataclass(frozen=True)
class Line:
    """How bytes get through: seconds of delay and the most that is added to it by chance, bytes a second (0: no limit).

    `silent`: none get through, and come when the line is better, as packets do that are sent again and again.
    """

    delay: float = 0.0
    jitter: float = 0.0
    bandwidth: float = 0.0
    silent: bool = False


GOOD = Line()


class _Loop:
    """The thread of all proxies."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        self._thread.start()

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run to its end, and give what it gives."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)


class Proxy:
    """Listens on a port of its own, at once and until `close`, and leads to `target`, which is asked at every connection."""

    _shared: _Loop | None = None

    def __init__(self, target: Callable[[], tuple[str, int]], chance: random.Random) -> None:
        self.target = target
        self._chance = chance
        self._line = GOOD
        self._better: asyncio.Event | None = None
        self._refusing = False
        self._links: set[_Link] = set()
        if Proxy._shared is None:
            Proxy._shared = _Loop()
        self._loop = Proxy._shared
        self._server: asyncio.Server = self._loop.do(self._listen())
        self.port: int = self._server.sockets[0].getsockname()[1]

    @property
    def address(self) -> str:
        """host:port for clients."""
        return f"{HOST}:{self.port}"

    def set(self, line: Line) -> None:
        """From now on bytes get through like this, those of connections that there are too."""
        self._loop.do(self._set(line))

    def cut(self) -> None:
        """Reset all connections and refuse new ones, until `mend`."""
        self._loop.do(self._cut())

    def kill_quietly(self) -> None:
        """Let the connections of now hang for ever, without a word to either side; new ones work.

        So does a firewall that has forgotten a connection, or a machine that came back under its address.
        """
        self._loop.do(self._orphan())

    def mend(self) -> None:
        """New connections are taken, and the line is good."""
        self._loop.do(self._mend())

    def close(self) -> None:
        """Close everything."""
        self._loop.do(self._close())

    async def _listen(self) -> asyncio.Server:
        self._better = asyncio.Event()
        self._better.set()
        return await asyncio.start_server(self._take, HOST, 0)

    async def _set(self, line: Line) -> None:
        assert self._better is not None
        self._line = line
        if line.silent:
            self._better.clear()
        else:
            self._better.set()

    async def _cut(self) -> None:
        self._refusing = True
        for link in list(self._links):
            link.reset()

    async def _orphan(self) -> None:
        for link in list(self._links):
            link.orphaned = True

    async def _mend(self) -> None:
        self._refusing = False
        await self._set(GOOD)

    async def _close(self) -> None:
        self._server.close()
        await self._mend()
        for link in list(self._links):
            link.reset()

    async def passing(self, size: int) -> None:
        """Wait as long as so many bytes need."""
        assert self._better is not None
        await self._better.wait()
        line = self._line
        seconds = line.delay + self._chance.random() * line.jitter
        if line.bandwidth:
            seconds += size / line.bandwidth
        if seconds:
            await asyncio.sleep(seconds)
            await self._better.wait()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            _reset(writer)
            return
        assert self._better is not None
        await self._better.wait()
        try:
            onward = await asyncio.open_connection(*self.target())
        except OSError:
            _reset(writer)
            return
        link = _Link(self, (reader, writer), onward)
        self._links.add(link)
        try:
            await link.run()
        finally:
            self._links.discard(link)


Side = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Link:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, client: Side, server: Side) -> None:
        self.orphaned = False
        self._proxy = proxy
        self._client, self._server = client, server

    async def run(self) -> None:
        """Carry bytes both ways until either side ends; an orphan is read, and nothing is carried."""
        tasks = [
            asyncio.create_task(self._carry(self._client[0], self._server[1])),
            asyncio.create_task(self._carry(self._server[0], self._client[1])),
        ]
        _, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.reset()

    def reset(self) -> None:
        """End both sides at once."""
        for _, writer in (self._client, self._server):
            _reset(writer)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_PIECE):
                await self._proxy.passing(len(data))
                if not self.orphaned:
                    writer.write(data)
                    await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close without waiting for what is on its way."""
    with contextlib.suppress(OSError):
        plain = writer.get_extra_info("socket")
        if plain is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    if writer.transport is not None:
        writer.transport.abort()
