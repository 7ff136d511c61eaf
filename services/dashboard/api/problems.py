"""Errors of the API as application/problem+json (RFC 9457)."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from services.dashboard.access.guard import ForbiddenError, NotSignedInError
from shared.errors import AdrwatchError, DependencyAway

MEDIA_TYPE = "application/problem+json"
_AWAY_SECONDS = "10"


class Problem(BaseModel):
    """What is wrong, and how it is mended."""

    title: str = Field(description="what is wrong, in a sentence")
    status: int = Field(description="the status of the answer")
    detail: str = Field("", description="how it is mended")
    field: str | None = Field(None, description="the part of the request that is wrong, where there is one")


def _documented(*codes: int) -> dict[int | str, dict[str, Any]]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {code: {"content": {MEDIA_TYPE: {"schema": schema}}, "description": _WORDS[code]} for code in codes}


_WORDS = {
    400: "The request cannot be read", 401: "Nobody is signed in", 403: "A right is missing", 404: "There is no such thing",
    409: "It cannot be done as things stand", 422: "A part of the request is wrong", 429: "Too many requests",
    503: "Something that this needs is away",
}  # fmt: skip
# What any route may answer, for its documentation.
COMMON = _documented(400, 401, 403, 422, 429, 503)
MISSING = _documented(404)
REFUSED = _documented(404, 409)


def problem(status: int, title: str, detail: str = "", field: str | None = None, **headers: str) -> JSONResponse:
    """The answer that says what is wrong."""
    said = Problem(title=f"{title[:1].upper()}{title[1:]}", status=status, detail=detail, field=field)
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return JSONResponse(said.model_dump(exclude_none=True), status, more, MEDIA_TYPE)


def explain(app: FastAPI) -> None:
    """Let every error of the API's routes be said so."""

    @app.exception_handler(NotSignedInError)
    def not_signed_in(_: Request, __: NotSignedInError) -> JSONResponse:
        return problem(401, "nobody is signed in", "send a token: Authorization: Bearer …", WWW_Authenticate="Bearer")

    @app.exception_handler(ForbiddenError)
    def forbidden(_: Request, error: ForbiddenError) -> JSONResponse:
        return problem(403, "a right is missing", f"this needs {error.right.value}")

    @app.exception_handler(DependencyAway)
    def away(_: Request, error: DependencyAway) -> JSONResponse:
        return problem(503, error.message, error.fix, Retry_After=_AWAY_SECONDS)

    @app.exception_handler(AdrwatchError)
    def mendable(_: Request, error: AdrwatchError) -> JSONResponse:
        return problem(409, error.message, error.fix)

    @app.exception_handler(RequestValidationError)
    def wrong(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        return problem(422, str(first["msg"]), "mend what was sent", ".".join(str(part) for part in first["loc"][1:]))

    @app.exception_handler(HTTPException)
    def http(_: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, str(error.detail), **dict(error.headers or {}))
