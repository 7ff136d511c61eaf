"""The sockets at which HTTP is served."""

from __future__ import annotations

import socket

import uvicorn

from shared.errors import AdrwatchError
from shared.health import HEALTH, LOOP_SECONDS

LOOP = "HTTP server"


class Server(uvicorn.Server):
    """Says that its event loop turns, ten times a second."""

    async def on_tick(self, counter: int) -> bool:
        """Called by uvicorn; whether it is to end."""
        HEALTH.turning(LOOP_SECONDS, LOOP)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Called by uvicorn: answer what is under way, and end."""
        await super().shutdown(sockets)
        HEALTH.ended(LOOP)


def listen(host: str, port: int, settings: str, backlog: int | None = None) -> socket.socket:
    """A socket that listens. `settings`: the beginning of the names of the variables that choose it, such as ADRWATCH_PUSH.

    Raises AdrwatchError where the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=backlog)
    except OSError as error:
        raise AdrwatchError(
            f"nobody can listen at {host}:{port}: {error.strerror}", fix=f"set {settings}_HOST and {settings}_PORT"
        ) from None
    # asyncio sets this only on sockets of its own making. Without it a body waits some 40 ms until its head is acknowledged.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
