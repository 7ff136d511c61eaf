"""The application of the API, which is mounted in that of the pages."""

from __future__ import annotations

from fastapi import Depends, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer

from services.dashboard.access.guard import open_to_all
from services.dashboard.api import alerts, audit, counts, evidence, labels
from services.dashboard.api.problems import Problem, explain
from services.dashboard.api.tags import Tagged

VERSION = "1"
ROOT = f"/api/v{VERSION}"
_ABOUT = """Alerts with their evidence, cases, labels, counts and the audit trail of adrwatch.

Lists come in pages: `next` of an answer is the `cursor` of the next question. Answers carry an ETag: with `If-None-Match` an
unchanged one has no body. Errors are `application/problem+json`. Times are UTC. Within version 1 fields are added, and none is
changed or removed: let unknown ones be."""


def api() -> FastAPI:
    """The routes of version 1, with the document that describes them."""
    app = FastAPI(
        title="adrwatch", version=VERSION, description=_ABOUT, docs_url=None, redoc_url=None, openapi_url=None,
        dependencies=[Depends(HTTPBearer(auto_error=False, description="a token that `adrwatch dashboard tokens make` gave"))],
        servers=[{"url": ROOT}], root_path_in_servers=False,
    )  # fmt: skip
    app.include_router(alerts.router)
    app.include_router(evidence.router)
    app.include_router(labels.router)
    app.include_router(counts.router)
    app.include_router(audit.router)

    @app.get("/openapi.json", include_in_schema=False, dependencies=[open_to_all])
    def description(_: Request) -> JSONResponse:
        return JSONResponse(app.openapi())

    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    explain(app)
    app.add_middleware(Tagged)
    return app


def _described(app: FastAPI) -> dict[str, object]:
    """The OpenAPI document, with the form of errors, which FastAPI does not know of."""
    if not app.openapi_schema:
        found = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes, servers=app.servers
        )
        found["components"]["schemas"]["Problem"] = Problem.model_json_schema()
        app.openapi_schema = found
    return app.openapi_schema
