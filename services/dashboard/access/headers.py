"""What every answer tells the browser about what its content may do."""

from __future__ import annotations

import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.dashboard.access.sessions import secure

_ALWAYS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
_HTTPS_ONLY = "max-age=31536000"


class Headers:
    """Adds them. Nothing that a person saw is kept by browsers or proxies.

    `Server-Timing` says how many milliseconds passed here from the request to the beginning of its answer: browsers show it beside
    what the way took.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back with the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        # A mounted application puts itself into the scope.
        app = scope["app"]
        began = time.perf_counter()

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _ALWAYS.items():
                    headers.setdefault(name, value)
                if secure(app.state.desk.settings):
                    headers["Strict-Transport-Security"] = _HTTPS_ONLY
                # Static files, which are the same for all, say themselves how long they are kept.
                headers.setdefault("Cache-Control", "no-store")
                headers["Server-Timing"] = f"dashboard;dur={1000 * (time.perf_counter() - began):.1f}"
            await send(message)

        await self._app(scope, receive, sending)
