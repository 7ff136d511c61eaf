"""Secrets that a setting gives, or that are made once and kept in a file that only its owner can read."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from shared.errors import AdrwatchError

LEAST = 16
# Rights that a file may not give that is handed out: to write for its group, and any for others.
_NEITHER = 0o027


@dataclass(frozen=True)
class Secret:
    """What a secret is called in errors, the variable that gives it, and what is lost with it."""

    name: str
    variable: str
    loss: str


def kept(secret: Secret, given: SecretStr | None, path: Path) -> str:
    """The secret: as given, else that in the file, which is made where it is not there.

    Raises AdrwatchError if the file can be read by others, is too short, or can be neither read nor made.
    """
    if given is not None:
        return given.get_secret_value()
    fix = f"set {secret.variable}, or ADRWATCH_DATA_DIR to a folder that can be written"
    if not path.exists():
        try:
            _create(path)
        except OSError as error:
            raise _unusable(secret.name, path, error, fix) from error
    found = read(secret.name, path, fix)
    if len(found) < LEAST:
        raise AdrwatchError(
            f"the {secret.name} {path} is shorter than {LEAST} characters",
            fix=f"restore it from a backup; {secret.loss}",
        )
    return found


def handed_out(name: str, path: Path) -> str:
    """What a file holds that whoever runs adrwatch hands out: its group may read it, as Kubernetes mounts it for one.

    Raises AdrwatchError if it is empty, others can read it, or nobody can.
    """
    found = read(name, path, "give a file that adrwatch can read", _NEITHER)
    if not found:
        raise AdrwatchError(f"the {name} {path} is empty", fix="put the secret into it")
    return found


def read(name: str, path: Path, fix: str, forbidden: int = 0o077) -> str:
    """What a file of a secret called `name` holds. Raises AdrwatchError if others can read it, or nobody can.

    `forbidden`: rights that it may not give.
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        found = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(name, path, error, fix) from error
    if mode & forbidden:
        raise AdrwatchError(f"the {name} {path} is open to other users", fix=f"chmod 600 {path}")
    return found


def _unusable(name: str, path: Path, error: Exception, fix: str) -> AdrwatchError:
    return AdrwatchError(f"the {name} {path} cannot be used: {getattr(error, 'strerror', 'it is no text')}", fix=fix)


def replace(name: str, path: Path, content: str) -> None:
    """Put this into a file of a secret called `name`, whole or not at all. Raises AdrwatchError where it cannot be written."""
    try:
        with _beside(path, content) as made:
            made.replace(path)
    except OSError as error:
        raise _unusable(name, path, error, "see that its folder can be written") from error


def _create(path: Path) -> None:
    """Write a random secret whole or not at all; of two processes that try at once, the first wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _beside(path, secrets.token_hex(32) + "\n") as made, contextlib.suppress(FileExistsError):
        os.link(made, path)


@contextmanager
def _beside(path: Path, content: str) -> Iterator[Path]:
    """A file in the same folder that only its owner can read, with this content on the disk; gone at the end."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-")
    try:
        with os.fdopen(handle, "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
