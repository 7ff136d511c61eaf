"""The application: its routes, what stands around them, and what people see when something is wrong."""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.cases.assessing import FieldError
from services.dashboard.access.bodies import Bodies
from services.dashboard.access.guard import ForbiddenError, NotSignedInError
from services.dashboard.access.headers import Headers
from services.dashboard.access.routes import check_routes
from services.dashboard.access.sign_in import SignIn
from services.dashboard.api.app import ROOT, api
from services.dashboard.desk import Desk
from services.dashboard.pages import (
    access,
    alert,
    alerts,
    assessing,
    audit,
    concepts,
    downloads,
    explore,
    operations,
    review,
    saved,
    topics,
    triage,
)  # fmt: skip
from services.dashboard.rendering import STATIC, partial, problem
from shared.errors import AdrwatchError, DependencyAway
from shared.logs import logger

log = logger("dashboard")

_YEAR_SECONDS = 31_536_000
_SMALLEST_GZIP = 1000
# Higher ones take twice the time for a tenth less.
_GZIP_LEVEL = 4
_PAGES = (
    access.router, alerts.router, triage.router, alert.router, assessing.router, downloads.router, concepts.router,
    explore.router, operations.router, review.router, saved.router, topics.router, audit.router,
)  # fmt: skip


class _KeptFiles(StaticFiles):
    """Static files, which browsers keep: their addresses change with their content."""

    def file_response(self, *arguments: Any, **options: Any) -> Response:
        response = super().file_response(*arguments, **options)
        response.headers["Cache-Control"] = f"public, max-age={_YEAR_SECONDS}, immutable"
        return response


def application(make: Callable[[], Desk]) -> FastAPI:
    """The application. `make` gives what its routes work with; it is begun and ended with the application."""
    machines = api()

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        app.state.desk = machines.state.desk = desk = make()
        desk.view.start()
        desk.operations.start()
        try:
            yield
        finally:
            desk.close()

    app = FastAPI(title="adrwatch", lifespan=life, docs_url=None, redoc_url=None, openapi_url=None)
    for router in _PAGES:
        app.include_router(router, include_in_schema=False)
    app.mount(ROOT, machines)
    app.mount("/static", _KeptFiles(directory=STATIC), name="static")
    _explain(app)
    check_routes(app)
    app.add_middleware(SignIn)
    app.add_middleware(Bodies)
    app.add_middleware(GZipMiddleware, minimum_size=_SMALLEST_GZIP, compresslevel=_GZIP_LEVEL)
    app.add_middleware(_Unforeseen)
    app.add_middleware(Headers)
    return app


def _explain(app: FastAPI) -> None:
    """Every error becomes words of what is wrong and how to mend it, and no stack trace."""

    @app.exception_handler(NotSignedInError)
    def not_signed_in(request: Request, _: NotSignedInError) -> Response:
        if partial(request) or request.method != "GET":
            return problem(request, 401, "You are not signed in any more", "sign in again")
        there = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/sign-in?next={quote(there)}", status_code=303)

    @app.exception_handler(ForbiddenError)
    def forbidden(request: Request, error: ForbiddenError) -> Response:
        return problem(
            request, 403, "Your roles do not let you do this", f"ask an admin for a role with the right {error.right}"
        )

    @app.exception_handler(DependencyAway)
    def away(request: Request, error: DependencyAway) -> Response:
        return problem(request, 503, error.message, error.fix)

    @app.exception_handler(AdrwatchError)
    def mendable(request: Request, error: AdrwatchError) -> Response:
        field = {"X-Field": error.field} if isinstance(error, FieldError) else None
        return problem(request, 422, error.message, error.fix, field)

    @app.exception_handler(RequestValidationError)
    def wrong(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"][1:])
        return problem(request, 422, f"{name}: {first['msg']}", "mend what was sent")

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> Response:
        said = "There is no such page" if error.status_code == 404 else str(error.detail)
        return problem(request, error.status_code, said, "", dict(error.headers or {}))


class _Unforeseen:
    """Around everything: what nobody foresaw is a calm page, and a line in the log that says where, and quotes nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception as error:
            if scope["type"] != "http":
                raise
            places = [f"{Path(one.filename).name}:{one.lineno}" for one in traceback.extract_tb(error.__traceback__)]
            log.error("a page failed in a way that nobody foresaw", error=type(error).__name__, where=places[-5:])
            if begun:
                raise ConnectionAbortedError from None
            said = "Something went wrong that nobody foresaw", "try again; operators find it in the log"
            await problem(Request(scope), 500, *said)(scope, receive, send)
