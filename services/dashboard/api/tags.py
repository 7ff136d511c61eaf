"""Entity tags: who asks again for what has not changed gets no body (RFC 9110, 8.8.3 and 13.1.2)."""

from __future__ import annotations

from hashlib import sha256

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_TYPE = "application/json"


class Tagged:
    """Gives JSON that was asked for by GET a tag of its content, and answers 304 where the client has that."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        known = Headers(scope=scope).get("if-none-match", "")
        start: Message | None = None
        body = bytearray()

        async def sending(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _whole(message):
                start = message
            elif start is None:
                await send(message)
            else:
                body.extend(message.get("body", b""))
                if not message.get("more_body", False):
                    await _answer(start, bytes(body), known, send)

        await self._app(scope, receive, sending)


def _whole(message: Message) -> bool:
    return message["status"] == 200 and Headers(raw=message["headers"]).get("content-type", "").startswith(_TYPE)


async def _answer(start: Message, body: bytes, known: str, send: Send) -> None:
    # A weak tag: compression may change the bytes on their way.
    tag = f'W/"{sha256(body).hexdigest()[:32]}"'
    headers = MutableHeaders(raw=start["headers"])
    headers["ETag"] = tag
    headers.setdefault("Cache-Control", "private, no-cache")
    if tag in (one.strip() for one in known.split(",")) or known.strip() == "*":
        del headers["content-length"]
        start = {**start, "status": 304}
        body = b""
    await send(start)
    await send({"type": "http.response.body", "body": body})
