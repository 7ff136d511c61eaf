"""Clocks of workers that jump: libfaketime before the C library, told by a file what to add; monotonic clocks stay as they are."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from importlib.resources import files
from pathlib import Path

import psutil


class Clocks:
    """A file for each of some workers, in a folder of its own. For the others time is cheaper to ask for."""

    def __init__(self, folder: Path, workers: Collection[str]) -> None:
        self._folder = folder
        self._workers = workers
        folder.mkdir(parents=True, exist_ok=True)

    def environment(self, worker: str) -> dict[str, str]:
        """What makes a worker go by its file, if it is one of them. Its clock is right until `jump`."""
        if worker not in self._workers:
            return {}
        self.mend(worker)
        return {
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file(worker)),
            # Seconds: the file is not read at every look at the clock.
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def jump(self, worker: str, seconds: int) -> None:
        """Its clock is wrong by so much from now on."""
        self._write(worker, f"{seconds:+d}")

    def mend(self, worker: str) -> None:
        """Its clock is right again."""
        self._write(worker, "+0")

    def tidy(self) -> None:
        """Remove what the library of processes that were killed has left in shared memory."""
        for left in Path("/dev/shm").glob("*faketime_*"):
            with suppress(ValueError, OSError):
                if not psutil.pid_exists(int(left.name.rpartition("_")[2])):
                    left.unlink()

    def _file(self, worker: str) -> Path:
        return self._folder / f"{worker}.clock"

    def _write(self, worker: str, text: str) -> None:
        # In one step: the worker reads it at any time.
        draft = self._folder / f"{worker}.draft"
        draft.write_text(text + "\n")
        draft.replace(self._file(worker))


def library() -> Path:
    """The shared library of the package libfaketime."""
    found = [Path(str(one)) for one in Path(str(files("libfaketime"))).rglob("libfaketime.so*")]
    return next(iter(sorted(found)))
