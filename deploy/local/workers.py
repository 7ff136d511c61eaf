"""Workers of the services, as parts that the launcher starts, watches and restarts."""

from __future__ import annotations

import http.client
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from deploy.local.processes import HOST, Context, Process, choose_port, telling_line
from deploy.local.servers import ServerDiedError
from shared.errors import AdrwatchError, DependencyAway
from shared.settings import Settings

READY_TIMEOUT = 120.0
_ANSWER_SECONDS = 2.0
_HANGS = 503


@dataclass(frozen=True)
class Worker:
    """A command to keep running. With `metrics`, it is told a port in ADRWATCH_METRICS_PORT and says there how it is.

    `pages` is the variable with the port at which people look at it, where there is one.
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    metrics: bool = False
    pages: str | None = None


# Where people look at a service.
_PAGES = {"dashboard": "ADRWATCH_DASHBOARD_PORT"}


def service_workers(**counts: int) -> tuple[Worker, ...]:
    """Workers of this product by service: `service_workers(pipeline=2, alerting=1)`."""
    return tuple(
        Worker(
            f"{service}-{number}",
            (sys.executable, "-m", "services.cli", "worker", service),
            {"ADRWATCH_WORKER_ID": str(number)},
            metrics=True,
            pages=_PAGES.get(service),
        )
        for service, count in counts.items()
        for number in range(1, count + 1)
    )


def environment(settings: Settings, addresses: Mapping[str, str]) -> dict[str, str]:
    """The settings as variables for a child process, with the addresses of the running stack."""
    variables = {}
    for name in Settings.model_fields:
        value = addresses.get(name) or getattr(settings, name)
        if value is not None:
            plain = value.get_secret_value() if isinstance(value, SecretStr) else value
            variables[f"ADRWATCH_{name.upper()}"] = str(plain)
    return variables


class WorkerPart:
    """A worker while the stack runs."""

    found = "this project"

    def __init__(self, context: Context, worker: Worker, env: Mapping[str, str], port: int, grace: float) -> None:
        self.name = worker.name
        self.log = context.log(worker.name)
        self.process: Process | None = None
        self.version = ""
        self.address = f"{HOST}:{port}" if worker.metrics else ""
        self.metrics = f"http://{HOST}:{port}/metrics" if worker.metrics else None
        variables = {"ADRWATCH_METRICS_PORT": str(port)} if worker.metrics else {}
        if worker.pages:
            free = choose_port(context, worker.name, int(env[worker.pages]))
            variables[worker.pages] = str(free)
            self.address = f"http://{HOST}:{free}"
        self._context = context
        self._worker = worker
        self._env = {**env, **worker.env, **variables}
        self._port = port
        self._grace = grace

    def restart(self) -> None:
        """Start it, and wait until it has begun or, if it has no port, until it runs."""
        self.stop()
        self.process = Process(self.name, self._worker.command, self.log, self._env)
        waited = 0.0
        while self._worker.metrics and not self._began():
            if self.process.poll() is not None:
                raise ServerDiedError(self.name, self.process, telling_line(self.process.output()))
            if waited > READY_TIMEOUT:
                self.stop()
                raise AdrwatchError(f"{self.name} was not ready after {READY_TIMEOUT:.0f} s", fix=f"see {self.log}")
            self._context.sleep(0.1)
            waited += 0.1

    def _began(self) -> bool:
        _, said = self._ask("ready")
        return bool(said.get("started"))

    def _ask(self, question: str) -> tuple[int, dict[str, Any]]:
        """Status and answer; 0 and nothing where nobody answers."""
        asked = http.client.HTTPConnection(HOST, self._port, timeout=_ANSWER_SECONDS)
        try:
            asked.request("GET", f"/health/{question}")
            answer = asked.getresponse()
            return answer.status, json.load(answer)
        except (OSError, http.client.HTTPException, ValueError):
            return 0, {}
        finally:
            asked.close()

    def check(self) -> None:
        """Raise DependencyAway where one of its loops hangs. It waits by itself for what is away, and ends when it cannot."""
        if not self._worker.metrics:
            return
        status, said = self._ask("live")
        if status == _HANGS:
            raise DependencyAway(f"{self.name} hangs: {', '.join(said['hanging'])}")

    def stop(self) -> None:
        """Let it finish the batch in flight, then end it."""
        if self.process is not None:
            self.process.stop(self._grace)
