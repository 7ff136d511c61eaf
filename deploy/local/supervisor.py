"""Watches the parts of a stack and starts those anew that end or no longer work."""

from __future__ import annotations

import shutil
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from deploy.local.processes import Context, Process, StartCancelledError
from shared.errors import AdrwatchError, DependencyAway

POLL = 0.2  # seconds between looks at a process
CHECK = 2.0  # seconds between checks of its work
FAILED_CHECKS = 3  # in a row, before a live process is started anew
BACK_OFF = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds before each restart of a part that ended early
SCARCE = 100 << 20  # bytes of free disk below which a part's end is put down to it
EARLY = 20.0  # a part that lived this long has started well


class Part(Protocol):
    """What is supervised: a server or a worker."""

    name: str
    found: str
    version: str
    address: str
    log: Path
    process: Process | None

    def restart(self) -> None:
        """Start it where it was and wait until it works. Raises AdrwatchError."""

    def check(self) -> None:
        """Raise DependencyAway if it runs but does not work."""

    def stop(self) -> None:
        """End it and all it started."""


class Supervisor:
    """One thread per part, so that a slow check or restart of one never delays the others."""

    def __init__(self, context: Context, servers: Sequence[Part], workers: Sequence[Part]) -> None:
        self.failure: Exception | None = None
        self._context = context
        self._states = {part.name: "running" for part in [*servers, *workers]}
        self._server_names = {part.name for part in servers}
        self._killed: set[str] = set()
        self._threads = [
            threading.Thread(target=self._watch, args=(part,), name=f"watch-{part.name}", daemon=True)
            for part in [*servers, *workers]
        ]

    def start(self) -> None:
        """Begin to watch. The parts run and work by now."""
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Wait until no thread touches a part any more; the context was cancelled before."""
        for thread in self._threads:
            thread.join()

    def state(self, name: str) -> str:
        """`running` or `restarting`."""
        return self._states[name]

    def kill(self, part: Part, number: signal.Signals = signal.SIGKILL) -> None:
        """End a part with everything it started; it comes back like after any death, and never counts as failing."""
        if part.process is not None:
            self._killed.add(part.name)
            part.process.signal_group(number)

    def _watch(self, part: Part) -> None:
        try:
            early, started = 0, time.monotonic()
            while True:
                why = self._until_broken(part) + self._scarce_disk()
                killed = part.name in self._killed
                self._killed.discard(part.name)
                early = early + 1 if not killed and time.monotonic() - started < EARLY else 0
                if early == len(BACK_OFF):
                    raise AdrwatchError(f"{part.name} keeps ending: {why}", fix=f"see {part.log}")
                self._states[part.name] = "restarting"
                self._context.say(f"{part.name}: {why}; starting it again in {BACK_OFF[early]:g} s")
                self._context.sleep(BACK_OFF[early])
                self._restart(part)
                started = time.monotonic()
        except StartCancelledError:
            return
        except Exception as error:  # noqa: BLE001  (kept for Stack.wait, which raises it)
            self.failure = self.failure or error
            self._context.cancelled.set()

    def _until_broken(self, part: Part) -> str:
        """Return why the part must be started anew."""
        failed, checked = 0, time.monotonic()
        while True:
            self._context.sleep(POLL)
            status = part.process.poll() if part.process else None
            if status is not None:
                return f"ended with status {status}"
            if time.monotonic() - checked < CHECK:
                continue
            try:
                part.check()
                failed = 0
            except DependencyAway as error:
                failed += 1
                if failed == FAILED_CHECKS:
                    return error.message
            checked = time.monotonic()

    def _scarce_disk(self) -> str:
        """A full disk ends any server, and most of them without a word that a person would find."""
        free = shutil.disk_usage(self._context.data_dir).free
        return f"; only {free >> 20} MiB are free under {self._context.data_dir}" if free < SCARCE else ""

    def _restart(self, part: Part) -> None:
        for wait in (*BACK_OFF, None):
            # A worker that starts while a server is away would only end again.
            while part.name not in self._server_names and self._servers_away():
                self._context.sleep(POLL)
            try:
                part.restart()
            except StartCancelledError:
                raise
            except AdrwatchError as error:
                if wait is None:
                    raise AdrwatchError(
                        f"{part.name} cannot be started again: {error.message}", fix=error.fix
                    ) from error
                self._context.say(f"{part.name}: {error.message}; trying again in {wait:g} s")
                self._context.sleep(wait)
            else:
                self._states[part.name] = "running"
                self._context.say(f"{part.name}: running again")
                return

    def _servers_away(self) -> bool:
        return any(self._states[name] != "running" for name in self._server_names)
