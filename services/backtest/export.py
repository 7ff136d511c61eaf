"""The messages of a back-test as files: whole or not there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from shared.errors import AdrwatchError

# The messages, and the result itself.
NAMES = ("outcomes.jsonl", "mentions.jsonl", "alerts.jsonl", "result.json")


def check(folder: Path, names: Iterable[str] = NAMES, *, force: bool, option: str = "--out") -> None:
    """Make the folder. Raises AdrwatchError if it cannot be written to, or holds such files and `force` is not set."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise _unwritable(folder, error, option) from None
    there = [name for name in names if (folder / name).exists()]
    if there and not force:
        raise AdrwatchError(
            f"{folder} holds {', '.join(there)} already",
            fix=f"give {option} another folder, or say --force to replace them",
        )


def write(folder: Path, files: Mapping[str, Iterable[bytes]], option: str = "--out") -> None:
    """Write one message a line to each file, readable by the owner alone. No file takes its name before all are whole.

    Raises AdrwatchError when the disk is full or refuses; what lay there before is still there then.
    """
    written: dict[str, Path] = {}
    try:
        for name, records in files.items():
            handle, path = tempfile.mkstemp(dir=folder, prefix=f".{name}-")
            written[name] = Path(path)
            with os.fdopen(handle, "wb") as file:
                file.writelines(record + b"\n" for record in records)
                file.flush()
                os.fsync(file.fileno())
        for name, whole in written.items():
            whole.replace(folder / name)
    except OSError as error:
        raise _unwritable(folder, error, option) from None
    finally:
        for left in written.values():
            left.unlink(missing_ok=True)


def _unwritable(folder: Path, error: OSError, option: str) -> AdrwatchError:
    return AdrwatchError(f"{folder} cannot be written: {error.strerror}", fix=f"give {option} another folder")
