"""What people see when something is wrong."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import Request
from fastapi.responses import Response

from services.dashboard.rendering import page, partial


def problem(request: Request, status: int, message: str, fix: str, headers: dict[str, str] | None = None) -> Response:
    """What is wrong: as a page, or, for a script of a page, as words to show beside what is there."""
    said = f"{message[:1].upper()}{message[1:]}" + (f": {fix}" if fix else "")
    more = (headers or {}) | {"X-Problem": quote(said)}
    if partial(request):
        return Response(status_code=status, headers=more)
    return page(request, "problem.html", status, more, message=message, fix=fix, code=status)
