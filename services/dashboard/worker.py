"""The worker: one server of pages and API, until it is told to stop."""

from __future__ import annotations

import functools
import sys

import uvicorn

from services.alerting.link import REDIS, REDIS_FIX
from services.cases.audit import Trail
from services.cases.database import DATABASE, DATABASE_FIX
from services.cases.reference_safety import ReferenceSafety
from services.dashboard.access.sign_in import check_access
from services.dashboard.app import application
from services.dashboard.desk import Desk
from services.dashboard.view.view import View
from services.dashboard.warming import settle, warm_up
from shared import health_port, logs
from shared.broker_watch import watch
from shared.health import HEALTH
from shared.listening import Server, listen
from shared.settings import Settings
from shared.signals.rules import load_rules
from shared.threads import told_to_stop
from shared.topics import ALERTS

log = logs.logger("dashboard")

_MOST_CONNECTIONS = 1000
_KEEP_ALIVE_SECONDS = 30
_SWITCH_SECONDS = 0.001
_LAST_ANSWERS_SECONDS = 3


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises AdrwatchError for wrong rules, secrets or settings, or an address that is taken."""
    logs.configure("dashboard", settings.log_level)
    health_port.serve("dashboard", settings)
    check_access(settings)
    # A request changes threads some times, and each time may wait so long for the interpreter; 5 ms are usual.
    sys.setswitchinterval(_SWITCH_SECONDS)
    # uvicorn ends in order at a signal, and then passes it on, which would be the end of the process by it.
    told_to_stop()
    listening = listen(settings.dashboard_host, settings.dashboard_port, "ADRWATCH_DASHBOARD")
    warm_up()
    # People sign in by the database; without the others pages show what was last read, and say so.
    HEALTH.needs(DATABASE, DATABASE_FIX)
    HEALTH.needs(REDIS, REDIS_FIX, needed=False)
    watch(settings, ALERTS, needed=False)
    server = Server(config_of(settings))
    HEALTH.started()
    log.info("worker starts", address=settings.dashboard_address, access=settings.dashboard_access)
    server.run(sockets=[listening])
    log.info("worker stops")


def config_of(settings: Settings) -> uvicorn.Config:
    """How it is served. Where a proxy of the settings asks, the address of a client is the one that the proxy tells."""
    return uvicorn.Config(
        application(functools.partial(_settling, settings)), log_config=None, log_level="warning", access_log=False,
        ws="none", server_header=False, limit_concurrency=_MOST_CONNECTIONS, timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_LAST_ANSWERS_SECONDS, forwarded_allow_ips=settings.dashboard_proxies,
    )  # fmt: skip


def _settling(settings: Settings) -> Desk:
    desk = desk_of(settings)
    settle(desk.view)
    return desk


def desk_of(settings: Settings) -> Desk:
    """What the routes work with, by the settings. Raises AdrwatchError for wrong rules or secrets."""
    rules = load_rules(settings.rules_file)
    return Desk(settings, rules, View(settings, rules), Trail.of(settings), ReferenceSafety.of(settings))
