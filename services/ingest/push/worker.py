"""The worker of pushed sources: a desk for each, and one server before them, until it is told to stop."""

from __future__ import annotations

import functools
import socket
import threading
from collections.abc import Mapping

import uvicorn

from services.ingest.networks.gone import Gone
from services.ingest.networks.keys import Drugs
from services.ingest.networks.worker import TOPICS, taken_in
from services.ingest.push.app import application
from services.ingest.push.configuration import Push
from services.ingest.push.desk import Desk
from services.ingest.push.patience import PatientProtocol
from shared import health_port, logs, rights, traces
from shared.broker import require_topics
from shared.broker_watch import watch
from shared.keyring import Keys, LiveKeyring
from shared.listening import Server, listen
from shared.settings import Settings
from shared.threads import told_to_stop, work_off
from shared.topics import POSITIONS
from shared.vocabulary.drugs import default_lexicon
from shared.vocabulary.live import LiveDrugs

log = logs.logger("push")

_MOST_CONNECTIONS = 100
_KEEP_ALIVE_SECONDS = 30


def run(settings: Settings, sources: Mapping[str, Push]) -> None:
    """Take posts in until SIGTERM or SIGINT. Raises AdrwatchError for a missing topic or secret, or an address that is taken.

    Requests that are under way are answered first, within the grace of the settings.
    """
    keyring = LiveKeyring(settings)
    logs.configure("push", settings.log_level)
    traces.configure("push", settings)
    health_port.serve("push", settings)
    watch(settings, POSITIONS)
    for name, source in sources.items():
        keys, wrong = source.signing_keys(f"source {name}")
        for trouble in wrong:
            log.warning("a secret is not there", source=name, error=str(trouble))
        if not keys:
            raise wrong[0]
    require_topics(settings, TOPICS)
    rights.check(settings, "push")
    stop = told_to_stop()
    drugs = LiveDrugs(settings, default_lexicon(), stop)
    drugs.start()
    gone = Gone(settings, sources, stop)
    gone.start()
    desks = {name: desk(name, source, settings, stop, drugs, gone, keyring) for name, source in sources.items()}
    listening = listen(settings.push_host, settings.push_port, "ADRWATCH_PUSH", _MOST_CONNECTIONS)
    serve = functools.partial(_serve, desks, listening, stop, settings)
    work_off(
        {name: one.run for name, one in desks.items()} | {"the endpoint": serve},
        stop, settings, log, "a source still waits for the broker; what was promised waits on disk",
        sources=list(sources), address=f"{settings.push_host}:{settings.push_port}",
    )  # fmt: skip


def desk(
    name: str, source: Push, settings: Settings, stop: threading.Event, drugs: Drugs, gone: Gone, keys: Keys
) -> Desk:
    """The desk of one source, under its policy."""
    batch, names = taken_in(name, source, settings, drugs, keys, gone)
    return Desk(source, names, batch, gone, settings, stop)


def _serve(desks: Mapping[str, Desk], listening: socket.socket, stop: threading.Event, settings: Settings) -> None:
    server = Server(
        uvicorn.Config(
            application(desks), http=PatientProtocol, log_config=None, log_level="warning", access_log=False, lifespan="off",
            ws="none", server_header=False, limit_concurrency=_MOST_CONNECTIONS, timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=max(1, int(settings.stop_grace / 2)),
        )
    )  # fmt: skip
    threading.Thread(target=functools.partial(_end, server, stop), name="end of the server", daemon=True).start()
    try:
        server.run(sockets=[listening])
    finally:
        stop.set()
        for one in desks.values():
            one.close()


def _end(server: Server, stop: threading.Event) -> None:
    stop.wait()
    server.should_exit = True
