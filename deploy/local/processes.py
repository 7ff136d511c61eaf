"""Child processes of the launcher: each in a session of its own, with a log file, dying when the launcher dies."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from shared.errors import AdrwatchError

HOST = "127.0.0.1"
TETHER = Path(__file__).with_name("tether.py")
GUARD = Path(__file__).with_name("guard.py")
# Below the kernel's usual range of ephemeral ports, so that no outgoing connection takes a port between choice and use.
PORTS = range(20_000, 32_000)
# So much of the end of a log is looked at for the cause of a failure.
LAST_BYTES = 20_000
# The death signal of a child follows the thread that forked it, so one thread that lives until exit forks them all.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawn")


class _Guard:
    """The guard process of this launcher, started with the first child and asked to watch every group."""

    def __init__(self) -> None:
        self._popen: subprocess.Popen[bytes] | None = None
        self._groups: set[int] = set()
        self._lock = threading.Lock()

    def watch(self, group: int) -> None:
        """Have the group killed when the launcher ends."""
        with self._lock:
            self._groups.add(group)
            if self._popen is None or self._popen.poll() is not None:
                command = [sys.executable, "-I", "-S", str(GUARD)]
                self._popen = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, bufsize=0, start_new_session=True
                )
                self._write("+", *self._groups)
            else:
                self._write("+", group)

    def forget(self, group: int) -> None:
        """The group is gone, and its number may soon belong to another."""
        with self._lock:
            self._groups.discard(group)
            self._write("-", group)

    def _write(self, sign: str, *groups: int) -> None:
        if self._popen and self._popen.stdin:
            # A guard that was killed is replaced with the next process that starts.
            with contextlib.suppress(BrokenPipeError):
                self._popen.stdin.write("".join(f"{sign}{group}\n" for group in groups).encode())


_guard = _Guard()


class StartCancelledError(AdrwatchError):
    """The launcher was told to stop while it was still starting something."""

    def __init__(self) -> None:
        super().__init__("stopped while starting")


@dataclass(frozen=True)
class Context:
    """What every part shares: folders, a way to tell the user, the wish to stop, and the ports given out so far."""

    data_dir: Path
    cache_dir: Path
    say: Callable[[str], None] = field(default=lambda _text: None)
    cancelled: threading.Event = field(default_factory=threading.Event)
    usual_ports: bool = True
    ports: dict[int, socket.socket] = field(default_factory=dict)

    def log(self, name: str) -> Path:
        """The log file of a process."""
        return self.data_dir / "logs" / f"{name}.log"

    def sleep(self, seconds: float) -> None:
        """Wait, or raise StartCancelledError as soon as the launcher is told to stop."""
        if self.cancelled.wait(seconds):
            raise StartCancelledError


class Process:
    """A running command. Its output is appended to `log`; `pid` is also the id of its session and process group."""

    def __init__(self, name: str, command: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> None:
        """Start it with the launcher's environment plus `env`. Raises AdrwatchError if the log cannot be written."""
        self.name = name
        self.log = log
        tethered = [sys.executable, "-I", "-S", str(TETHER), str(os.getpid()), *command]
        try:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as out:
                self._log_start = out.tell()
                self._popen = _spawner.submit(
                    lambda: subprocess.Popen(
                        tethered,
                        stdin=subprocess.DEVNULL,
                        stdout=out,
                        stderr=subprocess.STDOUT,
                        env={**os.environ, **(env or {})},
                        start_new_session=True,
                    )
                ).result()
        except OSError as error:
            raise AdrwatchError(
                f"{name} cannot be started: {error}", fix="check space and permissions of the data folder"
            ) from error
        self.pid = self._popen.pid
        _guard.watch(self.pid)

    def poll(self) -> int | None:
        """The exit status, or None while it runs."""
        return self._popen.poll()

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to the process and all its descendants in the group; a group that is gone is no error."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return

    def stop(self, grace: float) -> None:
        """Ask it to end, and after `grace` seconds kill it; whatever is left of its group is killed too."""
        if self.poll() is None:
            self.signal_group(signal.SIGTERM)
        try:
            self._popen.wait(grace)
        except subprocess.TimeoutExpired:
            self.signal_group(signal.SIGKILL)
            self._popen.wait()
        self.signal_group(signal.SIGKILL)
        _guard.forget(self.pid)

    def output(self) -> str:
        """The end of what this process (not an earlier one with the same log) has written."""
        with self.log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(self._log_start, size - LAST_BYTES))
            return file.read().decode(errors="replace")


def run_to_end(
    context: Context, name: str, command: Sequence[str], env: Mapping[str, str] | None = None, timeout: float = 900
) -> str:
    """Run a command and return its output. Raises CommandError with its last lines, or StartCancelledError."""
    process = Process(name, command, context.log(name), env)
    try:
        deadline = time.monotonic() + timeout
        while process.poll() is None:
            if time.monotonic() > deadline:
                raise CommandError(name, f"no end after {timeout:.0f} s", process)
            context.sleep(0.02)
    finally:
        process.stop(2)
    if process.poll() != 0:
        raise CommandError(name, f"exit status {process.poll()}", process)
    return process.output()


class CommandError(AdrwatchError):
    """A helper command (pip, Maven, the storage formatter) failed. `output` is the end of what it wrote."""

    def __init__(self, name: str, what: str, process: Process) -> None:
        self.output = process.output()
        super().__init__(f"{name}: {what}: {telling_line(self.output)}", fix=telling_fix(self.output, process.log))


def telling_fix(output: str, log: Path) -> str:
    """The fix that this project's own commands name, and the log."""
    named = re.findall(r"^\s*fix: (.+)$", output, re.MULTILINE)
    return "; ".join([*named[-1:], f"see {log}"])


def telling_line(output: str) -> str:
    """The line of an output that most likely names the cause: the last with an error word, else the last."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    # How this project's own commands say it.
    own = [line.removeprefix("adrwatch: ") for line in lines if line.startswith("adrwatch: ")]
    if own:
        return own[-1][:300]
    words = ("error", "fatal", "failed", "no space")
    # pip ends a failure with notes about the error that do not name it.
    told = [line for line in lines if not line.startswith(("note:", "hint:"))]
    blamed = [line for line in told if any(word in line.lower() for word in words)]
    return (blamed or lines or ["no output"])[-1][:300]


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _marked(port: int) -> socket.socket | None:
    """What tells other launchers that a port is given out, though nobody listens there yet; None where another has given it.

    A name that Linux knows without a file, and forgets with its process.
    """
    mark = socket.socket(socket.AF_UNIX)
    try:
        if sys.platform == "linux":
            mark.bind(f"\0adrwatch-port-{port}")
    except OSError:
        mark.close()
        return None
    return mark


def choose_port(context: Context, name: str, usual: int | None) -> int:
    """The usual port of a server if the context wants those and it is free, else another one, which is said."""
    wanted = usual if context.usual_ports else None
    for port in [*filter(None, [wanted]), *random.sample(PORTS, 50)]:
        if port not in context.ports and is_free(port) and (mark := _marked(port)) is not None:
            context.ports[port] = mark
            if wanted not in (None, port):
                context.say(f"{name}: port {wanted} is taken, using {port}")
            return port
    raise AdrwatchError(f"{name}: no free loopback port was found", fix=f"free one of {PORTS.start}-{PORTS.stop - 1}")
