"""The port at which a worker answers: `/metrics` for Prometheus, `/health/live` and `/health/ready` for whoever runs it.

/health/live    200 while every loop turns, 503 where one hangs: start the worker again
/health/ready   200 when everything needed answers, else 503 that names what is missing: send it nothing, but leave it be
"""

from __future__ import annotations

import importlib.metadata
import threading
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import msgspec
from prometheus_client import make_wsgi_app

from shared import metrics
from shared.errors import AdrwatchError
from shared.health import HEALTH, Health
from shared.settings import Settings

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

LIVE, READY = "/health/live", "/health/ready"
_JSON = (("Content-Type", "application/json; charset=utf-8"), ("Cache-Control", "no-store"))
_TROUBLE = "503 Service Unavailable"


class _Server(ThreadingMixIn, WSGIServer):
    """A thread for each request: one who asks slowly keeps nobody else waiting."""

    daemon_threads = True


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nobody wants a line for each question."""


def serve(service: str, settings: Settings, health: Health = HEALTH) -> Callable[[], None]:
    """Answer at ADRWATCH_METRICS_PORT of the settings, 0 for nowhere; what is given back ends it.

    Call it first of all, so that a worker which waits for a server says so. Raises AdrwatchError where the port is taken.
    """
    version = importlib.metadata.version("adrwatch")
    metrics.WORKER_INFO.labels(service, settings.worker_id, version).set(1)
    if not settings.metrics_port:
        return _nothing
    try:
        server = make_server("", settings.metrics_port, application(health), _Server, _Handler)
    except OSError as error:
        raise AdrwatchError(
            f"the metrics port {settings.metrics_port} is taken: {error.strerror}",
            fix="set ADRWATCH_METRICS_PORT to another, or to 0 for none",
        ) from error
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()

    def end() -> None:
        server.shutdown()
        server.server_close()

    return end


def application(health: Health) -> WSGIApplication:
    """What answers."""
    of_metrics: WSGIApplication = make_wsgi_app()

    def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == LIVE:
            hanging = health.hanging()
            start(_TROUBLE if hanging else "200 OK", list(_JSON))
            return [msgspec.json.encode({"live": not hanging, "hanging": hanging})]
        if path == READY:
            found = health.ready()
            start("200 OK" if found.ready else _TROUBLE, list(_JSON))
            return [msgspec.json.encode(found)]
        return of_metrics(environ, start)

    return answer


def _nothing() -> None:
    """Where nothing was begun, there is nothing to end."""
