"""A running instance of the product on this machine: servers, topics, workers, as one thing to start and stop."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from kafka.errors import SaslAuthenticationFailedError

from deploy.local import kafka, redis, triton
from deploy.local.kafka_jars import MAVEN_CENTRAL
from deploy.local.processes import Context, StartCancelledError, choose_port, run_to_end
from deploy.local.servers import Server
from deploy.local.supervisor import Part, Supervisor
from deploy.local.workers import Worker, WorkerPart, environment
from shared import redis_security
from shared.broker_security import OPEN, client_options, refusal
from shared.errors import AdrwatchError, DependencyAway
from shared.settings import UP_FILE, Settings, plain_address
from shared.triton_security import TritonAddress

SERVERS = ("kafka", "redis", "triton")
# What Prometheus reads of an instance: `file_sd_configs`.
TARGETS_FILE = "prometheus.json"
SETTINGS = {"kafka": "kafka_bootstrap", "redis": "redis_url", "triton": "triton_url"}
_CHECKS: Mapping[str, Callable[[str, Settings], str]] = {
    "kafka": lambda address, settings: _check_kafka(address, settings),
    "redis": lambda address, settings: redis.check_address(address, redis_security.client_options(settings)),
    "triton": lambda address, settings: triton.check_address(TritonAddress.of(settings, address)),
}


def _check_kafka(address: str, settings: Settings) -> str:
    try:
        return kafka.check_address(address, client_options(settings))
    except DependencyAway as error:
        if (refused := refusal(settings, isinstance(error.__cause__, SaslAuthenticationFailedError))) is not None:
            raise refused from error
        raise


@dataclass(frozen=True)
class Row:
    """A part as shown to a person; `pid` is None for a server that was given by address."""

    part: str
    found: str
    version: str
    address: str
    pid: int | None
    state: str
    log: str


class Stack:
    """Starts the wanted servers (those without an address in the settings), then topics and workers; stops them in order.

    `start` returns when everything works, or stops what it had started and raises AdrwatchError. `usual_ports` asks for
    9092, 6379 and 8001 where they are free. Nothing that it starts outlives it, however it ends.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        servers: Sequence[str] = SERVERS,
        workers: Sequence[Worker] = (),
        topics: bool = False,
        usual_ports: bool = False,
        maven_url: str = MAVEN_CENTRAL,
        say: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self.settings = settings
        self.addresses: dict[str, str] = {}
        self.context = Context(settings.data_dir.resolve(), settings.cache_dir, say, usual_ports=usual_ports)
        self._wanted = tuple(servers)
        self._worker_specs = tuple(workers)
        self._topics = topics
        self._maven_url = maven_url
        self._given: dict[str, str] = {}
        self._servers: list[Server] = []
        self._workers: list[WorkerPart] = []
        self._supervisor: Supervisor | None = None
        self._lock: IO[str] | None = None
        self._stopping = threading.Lock()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything and return when it works. Raises AdrwatchError with nothing left running."""
        self._lock = lock_data_dir(self.context.data_dir)
        try:
            self._start_servers()
            env = environment(self.settings, self.addresses)
            env["ADRWATCH_DATA_DIR"] = str(self.context.data_dir)
            if self._topics:
                run_to_end(self.context, "topics", [sys.executable, "-m", "services.cli", "topics", "apply"], env)
            grace = self.settings.stop_grace + 5
            self._workers = [
                WorkerPart(self.context, worker, env, choose_port(self.context, worker.name, None), grace)
                for worker in self._worker_specs
            ]
            self._together([part.restart for part in self._workers])
            self._supervisor = Supervisor(self.context, self._servers, self._workers)
            self._write_up_file()
            self._supervisor.start()
        except BaseException:
            self.stop()
            raise

    def _start_servers(self) -> None:
        tasks: list[Callable[[], None]] = []
        for name in self._wanted:
            address = getattr(self.settings, SETTINGS[name])
            if address:
                tasks.append(lambda name=name, address=address: self._check_given(name, address))  # type: ignore[misc]
            elif self._secured(name):
                raise AdrwatchError(
                    f"the settings give {name} users or encryption, and the one that is started here has none",
                    fix=f"unset them, or give the address of yours in ADRWATCH_{SETTINGS[name].upper()}",
                )
            else:
                server = self.make(name)
                self._servers.append(server)
                tasks.append(server.start)
        self._together(tasks)
        self.addresses.update({SETTINGS[server.name]: server.address for server in self._servers})

    def _secured(self, name: str) -> bool:
        chosen = self.settings
        return {
            "kafka": chosen.kafka_security != OPEN,
            "redis": chosen.redis_password is not None or chosen.redis_username is not None,
            "triton": chosen.triton_security != OPEN,
        }[name]

    def make(self, name: str) -> Server:
        """One of `SERVERS`, not started yet. Tests put a server of their own in the place of one."""
        if name == "kafka":
            return kafka.KafkaServer(self.context, self._maven_url)
        if name == "redis":
            return redis.RedisServer(self.context)
        return triton.TritonServer(self.context, self.settings.model_repository.resolve())

    def _check_given(self, name: str, address: str) -> None:
        self._given[name] = _CHECKS[name](address, self.settings)
        self.addresses[SETTINGS[name]] = address

    def _together(self, tasks: Sequence[Callable[[], None]]) -> None:
        """Run all at once; the first failure ends the others and is raised."""
        if not tasks:
            return
        with ThreadPoolExecutor(len(tasks)) as pool:
            futures = [pool.submit(task) for task in tasks]
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            if any(future.exception() for future in done):
                self.context.cancelled.set()
        errors = [error for future in futures if (error := future.exception())]
        for error in sorted(errors, key=lambda error: isinstance(error, StartCancelledError)):
            raise error

    def wait(self) -> None:
        """Block until `context.cancelled` is set. Raises AdrwatchError if a part kept ending."""
        # Python runs a signal's handler in the main thread only, and a signal that another thread received does not wake it.
        while not self.context.cancelled.wait(1.0):
            pass
        if self._supervisor and self._supervisor.failure:
            raise self._supervisor.failure

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Kill a server or worker of this stack (kill -9, or by another signal that ends it); it will be started again."""
        part = next((part for part in self._parts() if part.name == name), None)
        if part is None or self._supervisor is None:
            raise AdrwatchError(f"no part named {name} was started here", fix=f"one of {', '.join(self.pids())}")
        self._supervisor.kill(part, number)

    def pids(self) -> dict[str, int]:
        """Process ids of the servers and workers that were started here."""
        return {part.name: part.process.pid for part in self._parts() if part.process}

    def state(self, name: str) -> str:
        """`running` or `restarting`."""
        return self._supervisor.state(name) if self._supervisor else "starting"

    def pages(self) -> str | None:
        """Where people look at what runs; None where no dashboard does."""
        return next((part.address for part in self._workers if part.name.startswith("dashboard-")), None)

    def metrics(self) -> dict[str, str]:
        """Where Prometheus may ask each worker; `/health/ready` at the same port says what it lacks."""
        return {part.name: part.metrics for part in self._workers if part.metrics is not None}

    def rows(self) -> list[Row]:
        """All parts, for a status table."""
        given = [
            Row(name, "given by address", version, plain_address(self.addresses[SETTINGS[name]]), None, "answers", "")
            for name, version in self._given.items()
        ]
        pids = self.pids()
        return given + [
            Row(
                part.name,
                part.found,
                part.version,
                part.address,
                pids.get(part.name),
                self.state(part.name),
                str(part.log),
            )
            for part in self._parts()
        ]

    def _parts(self) -> list[Part]:
        return [*self._servers, *self._workers]

    def _write_up_file(self) -> None:
        parts = [asdict(row) for row in self.rows()]
        content = {"pid": os.getpid(), **self.addresses, "parts": parts, "metrics": self.metrics()}
        self._write(UP_FILE, content)
        targets = [
            {
                "targets": [address.removeprefix("http://").removesuffix("/metrics")],
                "labels": {"service": name.rpartition("-")[0]},
            }
            for name, address in self.metrics().items()
        ]
        self._write(TARGETS_FILE, targets)

    def _write(self, name: str, content: object) -> None:
        """A file of the data folder, whole or not at all."""
        with tempfile.NamedTemporaryFile("w", dir=self.context.data_dir, delete=False) as file:
            json.dump(content, file)
        Path(file.name).replace(self.context.data_dir / name)

    def stop(self) -> None:
        """Stop workers, then Triton, Redis and Kafka; servers that were given are left alone. May be called again."""
        with self._stopping:
            self.context.cancelled.set()
            if self._supervisor:
                self._supervisor.join()
            self._supervisor = None
            with ThreadPoolExecutor(max(1, len(self._workers))) as pool:
                list(pool.map(WorkerPart.stop, self._workers))
            for server in sorted(self._servers, key=lambda server: SERVERS.index(server.name), reverse=True):
                server.stop()
            if self._lock:
                for name in (UP_FILE, TARGETS_FILE):
                    (self.context.data_dir / name).unlink(missing_ok=True)
                self._lock.close()
                self._lock = None


def lock_data_dir(data_dir: Path) -> IO[str]:
    """Claim a data folder for this process until the file is closed. Raises AdrwatchError naming who has it."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        file = (data_dir / "lock").open("a+")
    except OSError as error:
        raise AdrwatchError(
            f"the data folder {data_dir} cannot be used: {error.strerror}",
            fix="set ADRWATCH_DATA_DIR to another folder",
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        owner = file.read().strip()
        file.close()
        raise AdrwatchError(
            f"an instance already runs on {data_dir} (pid {owner})",
            fix=f"stop it (kill {owner}), or set ADRWATCH_DATA_DIR to another folder",
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
