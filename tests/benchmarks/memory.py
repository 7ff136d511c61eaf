"""The most memory that processes ever held, as the kernel keeps it (VmHWM, proc_pid_status(5)), and their processor time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import psutil


def peak(pid: int) -> int:
    """Bytes; 0 for a process that is gone. Resident memory, so what several processes share counts in each."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:")), 0)


def peaks(parts: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """Peaks of the processes of each part and of all they started, by name; parts that are numbered share one (`pipeline`)."""
    found: dict[str, list[int]] = {}
    for part, pid in parts.items():
        name = part.rstrip("0123456789").rstrip("-")
        found.setdefault(name, []).append(peak(pid))
        for child in _children(pid):
            found.setdefault(f"{name}: {child[1]}", []).append(peak(child[0]))
    return {name: tuple(sorted(values, reverse=True)) for name, values in found.items()}


def processor_seconds(parts: Mapping[str, int]) -> dict[str, float]:
    """Seconds of processor time that each part and all it started have had, by name as in `peaks`. One that is gone has none."""
    found: dict[str, float] = {}
    for part, pid in parts.items():
        name = part.rstrip("0123456789").rstrip("-")
        found[name] = found.get(name, 0.0) + sum(map(_seconds, [pid, *(child for child, _ in _children(pid))]))
    return found


def _seconds(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def _children(pid: int) -> list[tuple[int, str]]:
    try:
        return [(child.pid, child.name()) for child in psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
