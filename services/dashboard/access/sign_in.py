"""Around every route: which host is asked, from which page, by whom.

Pure ASGI, so that streams of events flow through it. Works with `app.state.desk` (settings, database, trail). Nobody is let in when
it cannot be found out who asks: with the database away every request that brings a session or a token is answered with 503.
"""

from __future__ import annotations

import ipaddress
import time
from typing import Any
from urllib.parse import urlsplit

import anyio.to_thread
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.dashboard.access.rates import Rates, TooManyError
from services.dashboard.access.rights import Person, Role, rights_of
from services.dashboard.access.sessions import Sessions, cookie_name
from services.dashboard.access.tokens import Tokens
from services.dashboard.rendering import page
from shared.errors import AdrwatchError, DependencyAway
from shared.settings import Settings

API = "/api/"
_SAFE = {"GET", "HEAD", "OPTIONS"}
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
# A stream of events ends so long after the session of who follows it, at its next event.
_LOOK_AGAIN_SECONDS = 5.0
_EVERYTHING = frozenset(Role)
DEVELOPMENT = Person("development", _EVERYTHING, rights_of(_EVERYTHING), "development")


def check_access(settings: Settings) -> None:
    """Raises AdrwatchError where everybody would be let in from other machines, or nobody by the provider."""
    if settings.dashboard_access == "development" and not _is_loopback(settings.dashboard_host):
        raise AdrwatchError(
            f"everybody who reaches {settings.dashboard_host} could do everything",
            fix="set ADRWATCH_DASHBOARD_ACCESS to people, or ADRWATCH_DASHBOARD_HOST to 127.0.0.1",
        )
    if settings.dashboard_oidc_issuer is not None:
        for name in ("client_id", "roles"):
            if not getattr(settings, f"dashboard_oidc_{name}"):
                raise AdrwatchError(
                    "nobody could sign in by OpenID Connect",
                    fix=f"set ADRWATCH_DASHBOARD_OIDC_{name.upper()}, or unset ADRWATCH_DASHBOARD_OIDC_ISSUER (docs/access.md)",
                )


class SignIn:
    """Sets `request.state.person` (a Person or None) and `request.state.rates`, or refuses the request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._rates = Rates()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with who asks, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        scope.setdefault("state", {}).update(person=None, rates=self._rates)
        desk = scope["app"].state.desk
        answer = _refused_host(request, desk.settings) or _refused_page(request, desk.settings)
        if answer is None:
            try:
                found = await _asked_by(request, desk)
                if request.url.path.startswith(API):
                    self._rates.request(f"person {found.name}" if found else f"address {address(request)}")
                scope["state"]["person"] = found
            except DependencyAway as error:
                answer = _problem(request, 503, error.message, error.fix)
            except TooManyError as error:
                answer = _problem(request, 429, error.message, error.fix, {"Retry-After": str(error.wait)})
            except AdrwatchError as error:
                answer = _problem(request, 500, error.message, error.fix)
        if answer is not None:
            await answer(scope, receive, send)
        elif found is None or found.by == "development":
            await self._app(scope, receive, send)
        else:
            await _Watched(self._app, request, desk).serve(send)


class _Watched:
    """One answer to somebody: a stream of events ends when who follows it may not any more, whatever it has to say."""

    def __init__(self, app: ASGIApp, request: Request, desk: Any) -> None:
        self._app, self._request, self._desk = app, request, desk
        self._person: Person = request.state.person
        self._stream = self._ended = False
        self._looked = time.monotonic()

    async def serve(self, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._stream = Headers(raw=message["headers"]).get("content-type", "").startswith("text/event-stream")
            elif self._stream and not await self._may_go_on():
                self._ended = True
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                raise OSError("the session has ended")
            await send(message)

        try:
            await self._app(self._request.scope, self._request.receive, sending)
        except (OSError, ClientDisconnect):
            if not self._ended:
                raise

    async def _may_go_on(self) -> bool:
        if time.monotonic() - self._looked >= _LOOK_AGAIN_SECONDS:
            try:
                now = await _asked_by(self._request, self._desk)
            except AdrwatchError:
                return False
            self._looked = time.monotonic()
            return now is not None and now.rights >= self._person.rights
        return True


def address(request: Request) -> str:
    """The address that a request comes from, as the server in front of it says."""
    return request.client.host if request.client else "unknown"


def bearer(request: Request) -> str | None:
    """The token that a request brings."""
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if kind.lower() == "bearer" else None


async def _asked_by(request: Request, desk: Any) -> Person | None:
    """Who asks."""
    if desk.settings.dashboard_access == "development":
        return DEVELOPMENT
    return await anyio.to_thread.run_sync(_person, request, desk)


def _person(request: Request, desk: Any) -> Person | None:
    """Whose token or session it is. A request with a token is the token's, whatever session its browser has."""
    token = bearer(request)
    if token is not None:
        return Tokens(desk.database, desk.trail).person(token)
    session = request.cookies.get(cookie_name(desk.settings))
    return Sessions(desk.database, desk.trail).person(session) if session else None


def _refused_host(request: Request, settings: Settings) -> Response | None:
    """A page of somebody else that points its own name at this address (DNS rebinding) asks for another host."""
    host = _host(request.headers.get("Host", ""))
    if _is_loopback(host):
        return None
    if settings.dashboard_access != "development" and host in {
        settings.dashboard_host,
        _host(urlsplit(settings.dashboard_address).netloc),
    }:
        return None
    return _problem(
        request,
        400,
        "The dashboard has another address",
        f"use {settings.dashboard_address}, or set ADRWATCH_DASHBOARD_URL",
    )


def _refused_page(request: Request, settings: Settings) -> Response | None:
    """Browsers say from which page a request comes; only our own pages may change something for who is signed in."""
    people = settings.dashboard_access != "development"
    if request.method in _SAFE or (people and bearer(request) is not None):
        return None
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        ours = site in {"same-origin", "none"}
    else:
        ours = origin is not None and urlsplit(origin).netloc == request.headers.get("Host")
    if ours:
        return None
    return _problem(
        request, 403, "This request does not come from a page of the dashboard",
        "use the dashboard's own pages, or a token (Authorization: Bearer)",
    )  # fmt: skip


def _problem(request: Request, status: int, message: str, fix: str, headers: dict[str, str] | None = None) -> Response:
    if request.url.path.startswith(API):
        problem = {"type": "about:blank", "title": message, "status": status, "detail": fix}
        return JSONResponse(problem, status, headers, media_type="application/problem+json")
    return page(request, "problem.html", status, headers, message=message, fix=fix, code=status)


def _host(given: str) -> str:
    """The host of `host:port`, `[::1]:port` or `host`."""
    try:
        return urlsplit(f"//{given}").hostname or ""
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    try:
        return host in _LOOPBACK or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
