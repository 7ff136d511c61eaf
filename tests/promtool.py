"""A real promtool for the tests: that of this machine, else one that is fetched into the cache of adrwatch.

`python -m tests.promtool` says which one the tests use, and gets one where there is none.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from shared.errors import AdrwatchError
from shared.settings import load

NAME = "promtool"
# Of the Prometheus in docker-compose.yml: its modules are numbered 0.300 and on.
MODULE = "github.com/prometheus/prometheus/cmd/promtool@v0.305.0"
_LONGEST_SECONDS = 900
_FIX = (
    f"install one (Debian, Ubuntu: apt-get install prometheus), or with Go: go install {MODULE}; then have it on PATH"
)


def promtool() -> Path:
    """The program. Raises AdrwatchError where there is none, and none can be had."""
    folder = load().cache_dir / NAME
    folder.mkdir(parents=True, exist_ok=True)
    # Several processes of tests begin at the same time: one fetches, the others wait for it.
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return found(folder) or _fetched(folder)


def found(folder: Path) -> Path | None:
    """One that is there: on PATH, else what was fetched before."""
    named = shutil.which(NAME)
    if named:
        return Path(named)
    own = folder / NAME
    return own if own.is_file() else None


def _fetched(folder: Path) -> Path:
    tried = []
    for name, get in (("apt-get", _from_debian), ("go", _from_go)):
        program = shutil.which(name)
        if program is None:
            tried.append(f"{name} is not here")
            continue
        print(f"no {NAME} is here; trying {name}", file=sys.stderr)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            trouble = get(program, Path(scratch), folder / NAME)
        if not trouble:
            return folder / NAME
        tried.append(trouble)
    raise AdrwatchError(f"the tests need {NAME}, and none is here ({'; '.join(tried)})", fix=_FIX)


def _from_debian(apt: str, scratch: Path, out: Path) -> str:
    """Takes the one program out of Debian's package, which would start a server if it were installed. Why not, or nothing."""
    update = [[apt, "update", "-qq"]] if os.getuid() == 0 else []
    for command in (*update, [apt, "download", "-qq", "prometheus"]):
        if trouble := _run(command, scratch):
            return trouble
    (package,) = scratch.glob("prometheus_*.deb")
    if trouble := _run(["dpkg-deb", "-x", package.name, "."], scratch):
        return trouble
    (scratch / "usr" / "bin" / NAME).replace(out)
    return ""


def _from_go(go: str, scratch: Path, out: Path) -> str:
    """Builds it, which takes minutes. Why not, or nothing."""
    if trouble := _run([go, "install", MODULE], scratch, GOBIN=str(scratch)):
        return trouble
    (scratch / NAME).replace(out)
    return ""


def _run(command: list[str], folder: Path, **variables: str) -> str:
    try:
        done = subprocess.run(
            command, cwd=folder, env=os.environ | variables, capture_output=True, text=True, timeout=_LONGEST_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{' '.join(command)}: {type(error).__name__}"
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no word"]
        return f"{' '.join(command)}: {said[-1]}"
    return ""


if __name__ == "__main__":
    try:
        print(promtool())
    except AdrwatchError as error:
        sys.exit(str(error))
