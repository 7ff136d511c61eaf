"""The versions of the models in the Triton repository, and which of them is active.

    active.json                    the active version and those before it: all that workers, back-tests and evaluation look at
    adr_classifier/config.pbtxt    what Triton reads: tensors, and which versions to serve
    adr_classifier/1/              version 1: model.onnx, metadata.json, tokenizer.json, release.json
    adr_ner/config.pbtxt
    adr_ner/1/

A version is a number for which every model has a folder: the models of one number belong together and are activated together.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from shared.errors import AdrwatchError

ACTIVE = "active.json"
GRAPH = "model.onnx"
# Of half precision, for GPUs; made on demand.
HALF_GRAPH = "model.fp16.onnx"
_RESTORE = "mend ADRWATCH_MODEL_REPOSITORY, restore triton_models/ from git, or run `adrwatch models export`"
# So many versions can be rolled back.
_KEPT = 20


class Active(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The active version, and those that were active before it, the latest last."""

    version: int
    before: tuple[int, ...] = ()

    def then(self, version: int) -> Active:
        """After `version` was activated."""
        return self if version == self.version else Active(version, (*self.before, self.version)[-_KEPT:])

    def back(self) -> Active:
        """After a roll-back. Raises AdrwatchError where nothing was active before."""
        if not self.before:
            raise AdrwatchError(
                f"version {self.version} is the first that was activated: there is none to go back to",
                fix="name one with `adrwatch models activate VERSION`; `adrwatch models list` shows all",
            )
        return Active(self.before[-1], self.before[:-1])


# Which file `active.json` is: another one whenever it was replaced.
Stamp = tuple[int, int]


def read_active(repository: Path) -> Active:
    """What `active.json` says. Raises AdrwatchError where it is missing or wrong."""
    file = repository / ACTIVE
    try:
        return msgspec.json.decode(file.read_bytes(), type=Active)
    except OSError as error:
        raise AdrwatchError(f"the model repository {repository} has no {ACTIVE}", fix=_RESTORE) from error
    except msgspec.DecodeError as error:
        raise AdrwatchError(f"{file} is not valid: {error}", fix='it holds {"version": NUMBER}') from error


def stamp_of_active(repository: Path) -> Stamp:
    """Changes with every activation; costs one look at the folder. Raises AdrwatchError where there is no file."""
    try:
        found = (repository / ACTIVE).stat()
    except OSError as error:
        raise AdrwatchError(f"the model repository {repository} has no {ACTIVE}", fix=_RESTORE) from error
    return found.st_ino, found.st_mtime_ns


def write_active(repository: Path, active: Active) -> None:
    """Replace `active.json`: readers see the file before or this one, whole."""
    replace_file(repository / ACTIVE, msgspec.json.encode(active) + b"\n")


def replace_file(file: Path, content: bytes) -> None:
    """Write a file under its name only when it is complete and on the disk. Raises AdrwatchError."""
    scratch = file.with_name(f".{file.name}.new")
    try:
        with scratch.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        scratch.replace(file)
    except OSError as error:
        with suppress(OSError):
            scratch.unlink(missing_ok=True)
        raise not_written(file, error) from error


def not_written(file: Path, error: OSError) -> AdrwatchError:
    """What is said where a file of a model repository cannot be written."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    fix = "make room on its disk" if full else "run this as the owner of the model repository"
    return AdrwatchError(f"{file} cannot be written: {error.strerror}", fix=fix)


def version_folder(folder: Path) -> Path:
    """The folder of a version: of a model's folder the active one's, and a version's folder itself.

    A folder outside a repository is taken for a version's. Raises AdrwatchError where `active.json` is wrong.
    """
    whole = folder.resolve()
    if whole.name.isdecimal() or not (whole.parent / ACTIVE).is_file():
        return folder
    return folder / str(read_active(whole.parent).version)


def numbers(folder: Path) -> set[int]:
    """The versions in a model's folder."""
    return {int(path.name) for path in folder.glob("[0-9]*") if path.is_dir() and path.name.isdecimal()}


def whole_versions(repository: Path, models: Iterable[str]) -> list[int]:
    """The versions that every model has, in ascending order."""
    return sorted(set.intersection(*(numbers(repository / name) for name in models)))


@contextmanager
def locked(repository: Path) -> Iterator[None]:
    """Nobody else changes the repository meanwhile. Raises AdrwatchError where somebody does, or there is none."""
    try:
        handle = os.open(repository, os.O_RDONLY)
    except OSError as error:
        raise AdrwatchError(f"the model repository {repository} does not exist", fix=_RESTORE) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AdrwatchError(
                f"another command is changing the model repository {repository}", fix="wait until it is done"
            ) from error
        yield
    finally:
        os.close(handle)
