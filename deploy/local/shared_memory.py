"""Names and removal of the shared-memory regions that Triton's Python backend leaves behind when it is killed."""

from __future__ import annotations

import os
from pathlib import Path

REGIONS = Path("/dev/shm")  # noqa: S108  (where POSIX shared memory lives on Linux)
OWN = "adrwatch_triton"


def own_prefix(start: int) -> str:
    """A region prefix for the `start`-th server of this launcher, which tells later launchers whose it was.

    Process ids mean nothing outside their namespace, and are used again: both stand in the name.
    """
    pid = os.getpid()
    return f"{OWN}_{_namespace()}_{pid}_{_started(pid)}_{start}_"


def clean(prefix: str) -> None:
    """Remove the regions under `prefix`, and those of this project's launchers on this machine that are dead."""
    for region in REGIONS.glob(f"{OWN}_{_namespace()}_*"):
        _, _, _, pid, started, *_ = region.name.split("_")
        if (prefix and region.name.startswith(prefix)) or _started(int(pid)) != started:
            region.unlink(missing_ok=True)


def _namespace() -> int:
    return Path("/proc/self/ns/pid").stat().st_ino


def _started(pid: int) -> str | None:
    """Start of a process in clock ticks since boot (proc_pid_stat(5), field 22), or None when there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except FileNotFoundError:
        return None
