"""Lays out a Triton for CPUs in a folder of its own, as an image holds it; the local launcher keeps the same in its cache.

Runs while the image is built, with the environment of the services: `python -m deploy.docker.triton_folder DEST`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from deploy.local.cache import site_packages
from deploy.local.triton import LIBRARIES, SHIM, SUPPORTED, WHEEL
from shared.errors import AdrwatchError

# The health check asks for answers with it.
CLIENT = "tritonclient[grpc]>=2.51,<3"


def lay_out(target: Path) -> None:
    """Make `target/environment` (onnxruntime, client, server) and `target/backends` (Python, and onnxruntime for CPUs).

    Raises AdrwatchError where the server's wheel does not serve this Python, or pip fails; pip says why.
    """
    minor = sys.version_info.minor
    if minor not in SUPPORTED:
        raise AdrwatchError(f"{WHEEL} does not serve Python 3.{minor}", fix="build the image on Python 3.11 to 3.13")
    environment, backends = target / "environment", target / "backends"
    target.mkdir(parents=True, exist_ok=True)
    _run(sys.executable, "-m", "venv", "--without-pip", str(environment))
    # The environment that this runs in has no pip.
    outside = str(Path(sys.base_prefix) / "bin" / "python3")
    pip = (outside, "-m", "pip", "--python", str(environment / "bin" / "python"), "install", "--quiet")
    options = ("--no-input", "--disable-pip-version-check", "--only-binary=:all:")
    _run(*pip, *options, *LIBRARIES, CLIENT)
    # It asks for packages that only its Python interface needs.
    _run(*pip, *options, "--no-deps", WHEEL)
    wheel = site_packages(environment) / "pytriton" / "tritonserver"
    # Real copies: the Python backend refuses to follow links.
    shutil.copytree(wheel / "backends" / "python", backends / "python", ignore=lambda *_: {"__pycache__"})
    shutil.copy(wheel / "python_backend_stubs" / f"3.{minor}" / "triton_python_backend_stub", backends / "python")
    (backends / "onnxruntime").mkdir()
    shutil.copy(SHIM, backends / "onnxruntime")


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True)
    except subprocess.CalledProcessError as error:
        raise AdrwatchError(
            f"Triton's folder cannot be made: {' '.join(command)} ended with {error.returncode}",
            fix="let pip reach PyPI, on x86-64 Linux with glibc 2.35 or later",
        ) from error


if __name__ == "__main__":
    try:
        lay_out(Path(sys.argv[1]))
    except AdrwatchError as error:
        sys.exit(f"{error.message}\n  fix: {error.fix}")
