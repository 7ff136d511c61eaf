"""A Chromium for the tests: that of this machine, else one that is fetched.

`python -m tests.browser.chromium` says which one the tests use, and gets one where there is none.
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

ON_PATH = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# It must start for root, in a container, and ask nobody outside for anything.
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
_LONGEST_SECONDS = 600
# Asked in a process of its own: one process has one Playwright.
_WHERE = "from playwright.sync_api import sync_playwright as play\nwith play() as p: print(p.chromium.executable_path)"
_FIX = (
    "install one (Debian, Ubuntu: apt-get install chromium), or run: python -m playwright install --with-deps chromium"
)


def chromium() -> Path:
    """The browser's program. Raises AdrwatchError where there is none, and none can be had."""
    # Several processes of tests begin at the same time: one fetches, the others wait for it.
    with (Path(tempfile.gettempdir()) / f"adrwatch-chromium-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return found() or _fetched()


def found() -> Path | None:
    """A browser that is there: on PATH, else the one that Playwright has fetched before."""
    named = next(filter(None, map(shutil.which, ON_PATH)), None)
    if named:
        return Path(named)
    asked = subprocess.run([sys.executable, "-c", _WHERE], capture_output=True, text=True, check=True)
    own = Path(asked.stdout.strip())
    return own if own.is_file() else None


def _fetched() -> Path:
    tried = []
    for commands in _ways():
        print(f"no Chromium is here; trying: {' '.join(commands[-1])}", file=sys.stderr)
        for command in commands:
            try:
                done = subprocess.run(
                    command, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"}, capture_output=True, text=True,
                    timeout=_LONGEST_SECONDS,
                )  # fmt: skip
            except (OSError, subprocess.TimeoutExpired) as error:
                tried.append(f"{' '.join(command)}: {type(error).__name__}")
                break
            if done.returncode:
                said = (done.stderr or done.stdout).strip().splitlines() or ["no word"]
                tried.append(f"{' '.join(command)}: {said[-1]}")
                break
        else:
            browser = found()
            if browser is not None:
                return browser
    raise AdrwatchError(f"the tests need Chromium, and none is here ({'; '.join(tried)})", fix=_FIX)


def _ways() -> list[list[list[str]]]:
    """Commands that bring a browser, the best first. Only root may install packages."""
    apt = shutil.which("apt-get")
    packages = [[[apt, "update", "-qq"], [apt, "install", "-y", "-qq", "chromium"]]] if apt and os.getuid() == 0 else []
    return [*packages, [[sys.executable, "-m", "playwright", "install", "chromium"]]]


if __name__ == "__main__":
    try:
        print(chromium())
    except AdrwatchError as error:
        sys.exit(str(error))
