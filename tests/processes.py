"""Processes of tests: gone at the end, whatever happens; and a worker that is waited for and stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def gone_at_the_end(processes: Sequence[subprocess.Popen[bytes]]) -> Iterator[None]:
    """Kill those of the processes that are left; more may be added meanwhile."""
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def work_until(
    worker: str, folder: Path, *conditions: Callable[[], object], environment: Mapping[str, str] = os.environ,
    patience: float = 60.0,
) -> None:  # fmt: skip
    """Run a worker until each of the conditions, one after another, holds; then stop it by SIGTERM."""
    path = folder / "worker.log"
    with path.open("wb") as log:
        command = [sys.executable, "-m", "services.cli", "worker", worker]
        process = subprocess.Popen(command, env=dict(environment), stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + patience
        for holds in conditions:
            while not holds():
                assert process.poll() is None, path.read_text()
                assert time.monotonic() < deadline, path.read_text()
                time.sleep(0.2)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=patience)
