"""How much a request may bring. Bodies are read before it is known what their senders may do, so all of them are kept small."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.cases.said import MOST
from services.dashboard.api import problems
from services.dashboard.rendering import problem

# The longest narrative fits, whatever its characters are: its form is not encoded by percent signs.
MOST_BYTES = 512 * 1024
_API = "/api/"
_STATUS = 413
_SAID = "What was sent is too long"
_FIX = f"send {MOST_BYTES // 1024} KiB at most: " + ", ".join(
    f"a {name} has {most:,} characters at most" for name, most in MOST.items()
)


class Bodies:
    """Answers requests with 413 whose bodies are longer than MOST_BYTES: by what they say, else once they have brought more."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        said = Headers(scope=scope).get("content-length", "")
        if said.isdecimal() and int(said) > MOST_BYTES:
            await self._refuse(scope, receive, send)
            return
        brought, begun = 0, False

        async def receiving() -> Message:
            nonlocal brought
            message = await receive()
            brought += len(message.get("body", b""))
            if brought > MOST_BYTES:
                # Routes that are reading a form or JSON pass it on to who explains errors.
                raise HTTPException(_STATUS, f"{_SAID}: {_FIX}")
            return message

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receiving, sending)
        except HTTPException:
            if begun or brought <= MOST_BYTES:
                raise
            await self._refuse(scope, receive, send)

    @staticmethod
    async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        if request.url.path.startswith(_API):
            await problems.problem(_STATUS, _SAID, _FIX)(scope, receive, send)
        else:
            await problem(request, _STATUS, _SAID, _FIX)(scope, receive, send)
