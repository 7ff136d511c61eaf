"""Files that are there whole or not at all, readable by their owner alone: they hold what people wrote."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from shared.errors import AdrwatchError

# What file systems take, in bytes.
_LONGEST = 255


def file_name(identity: str, suffix: str) -> str:
    """The name of a document's file, from which the id can be read again. Raises AdrwatchError for ids that are too long."""
    name = f"{quote(identity, safe=' @+=,()')}{suffix}"
    # Files that begin with a point are hidden.
    name = f"%2E{name[1:]}" if name.startswith(".") else name
    if len(name) > _LONGEST:
        raise AdrwatchError(
            f"the id of a document is too long for a file name: {identity[:40]}…", fix="give it a shorter one"
        )
    return name


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """A new folder with these files, written beside its place first. Raises AdrwatchError where it is there, or cannot be."""
    _free(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            for name, content in files.items():
                (beside / name).write_bytes(content)
            beside.rename(folder)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise
    except OSError as error:
        raise AdrwatchError(f"{folder} cannot be written: {error.strerror}", fix="name another folder") from error


def write_file(path: Path, content: bytes) -> None:
    """A new file, written beside its place first. Raises AdrwatchError where it is there or cannot be written."""
    _free(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(beside).replace(path)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise AdrwatchError(f"{path} cannot be written: {error.strerror}", fix="name another file") from error


def _free(path: Path) -> None:
    if path.exists():
        raise AdrwatchError(f"{path} is there already", fix="name another one, or remove it")
