"""What Kafka, Redis and Triton have in common: found or fetched, started on a free port, ready only when they work."""

from __future__ import annotations

import abc
import time

from deploy.local.processes import HOST, Context, Process, is_free, telling_fix, telling_line
from shared.errors import AdrwatchError, DependencyAway

READY_TIMEOUT = 180.0  # seconds; a cold start on two busy cores was seen to need 20
PORT_TRIES = 3


class Server(abc.ABC):
    """A part of the stack. `address` is what clients are given, and survives restarts."""

    name: str
    found = ""
    version = ""
    address = ""
    grace = 15.0  # seconds between the request to end and the kill
    process: Process | None = None

    def __init__(self, context: Context) -> None:
        self.context = context
        self.folder = context.data_dir / self.name
        self.log = context.log(self.name)

    @abc.abstractmethod
    def obtain(self) -> None:
        """Find or fetch the program; sets `found` and `version`. Raises AdrwatchError naming the ways out."""

    @abc.abstractmethod
    def choose_ports(self, fresh: bool) -> list[int]:
        """Choose and return the ports; `fresh` asks for others than the usual ones. Sets `address`."""

    @abc.abstractmethod
    def launch(self) -> Process:
        """Write the configuration and start the process."""

    @abc.abstractmethod
    def probe(self) -> None:
        """Do real work through the server. Raises DependencyAway while that is not possible."""

    @abc.abstractmethod
    def check(self) -> None:
        """Whether a running server still works; a server may mend itself here. Raises DependencyAway."""

    def cause(self, output: str) -> str:
        """The line of the server's output that says why it ended."""
        return telling_line(output)

    def start(self) -> None:
        """Obtain, start, and wait until it is ready. A port lost to another program in between is replaced."""
        self.obtain()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AdrwatchError(
                f"the data folder {self.folder} cannot be made: {error.strerror}",
                fix="set ADRWATCH_DATA_DIR to another folder",
            ) from error
        for attempt in range(PORT_TRIES):
            ports = self.choose_ports(fresh=attempt > 0)
            try:
                self.restart()
            except ServerDiedError:
                if attempt + 1 == PORT_TRIES or all(is_free(port) for port in ports):
                    raise
                self.context.say(f"{self.name}: another program took its port, trying again")
            else:
                return

    def restart(self) -> None:
        """Start it on the ports already chosen and wait until it is ready."""
        # What a killed server has left of its group would hold its ports and memory.
        self.stop()
        self.process = self.launch()
        try:
            self._await_ready(self.process)
        except BaseException:
            self.stop()
            raise

    def _await_ready(self, process: Process) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        while True:
            if process.poll() is not None:
                raise ServerDiedError(self.name, process, self.cause(process.output()))
            try:
                self.probe()
                return
            except DependencyAway as error:
                if time.monotonic() > deadline:
                    raise AdrwatchError(
                        f"{self.name} was not ready after {READY_TIMEOUT:.0f} s: {error.message}", fix=f"see {self.log}"
                    ) from error
            self.context.sleep(0.05)

    def stop(self) -> None:
        """Stop it and everything it started."""
        if self.process is not None:
            self.process.stop(self.grace)

    def url(self, port: int) -> str:
        """host:port on the loopback."""
        return f"{HOST}:{port}"


class ServerDiedError(AdrwatchError):
    """A server ended while it was being started."""

    def __init__(self, name: str, process: Process, cause: str) -> None:
        super().__init__(f"{name} ended while starting: {cause}", fix=telling_fix(process.output(), process.log))
