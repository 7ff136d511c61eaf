"""What figures were made with: the program's revision, and the packages that decide them."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec


def git_revision() -> str:
    """Short revision of the checkout this program runs from, `-dirty` where it was changed; `unknown` where it is not one."""
    try:
        run = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return run.stdout.strip()


def versions(packages: Iterable[str]) -> dict[str, str]:
    """The versions of Python and of those packages that are installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue  # run from a checkout that is not installed: the revision tells
    return found


def content_hash(content: Any) -> str:
    """Sixteen hexadecimal digits over anything that JSON can hold: a changed corpus has another."""
    return hashlib.blake2b(msgspec.json.encode(content), digest_size=8).hexdigest()


def file_hash(path: Path) -> str:
    """Sixteen hexadecimal digits over a file of any size."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=8)).hexdigest()
