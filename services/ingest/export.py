"""Lines that ingest refused, written to files to be mended and replayed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from services.ingest.inbox import Held
from services.ingest.publish import STAGE
from services.ingest.recipe import Recipe
from shared.errors import AdrwatchError


@dataclass(frozen=True)
class Exported:
    """A file of refused lines, and the flags with which `adrwatch ingest replay` reads it."""

    path: Path
    letters: list[Held]
    flags: list[str]


def export(chosen: Sequence[Held], folder: Path) -> tuple[list[Exported], int]:
    """Write the lines that ingest refused, one file for each file they come from. Returns the files, and how many
    letters were left out because they are no lines of a file, or the terms of their source let nothing be kept of them.

    Only the owner can read the files. Raises AdrwatchError if one exists, for it may have been mended already, or if the
    folder cannot be written to.
    """
    groups: dict[tuple[str, bytes], tuple[Recipe, list[Held]]] = {}
    for held in sorted(chosen, key=lambda held: held.letter.offset):
        if held.letter.stage == STAGE and held.letter.payload and (recipe := held.recipe) is not None:
            groups.setdefault((held.letter.topic, recipe.encode()), (recipe, []))[1].append(held)
    files: list[Exported] = []
    for (name, _), (recipe, letters) in groups.items():
        path = _free_name(folder, name, recipe.format, {exported.path for exported in files})
        head = [recipe.header.encode()] if recipe.header is not None else []
        lines = [*head, *(held.letter.payload for held in letters)]
        if path.exists():
            raise AdrwatchError(
                f"{path} is there already and may have been mended", fix="give another folder or move the file"
            )
        try:
            _write(path, b"\n".join(lines) + b"\n")
        except OSError as error:
            raise AdrwatchError(f"{path} cannot be written: {error.strerror}", fix="give another folder") from None
        files.append(Exported(path, letters, recipe.flags()))
    return files, len(chosen) - sum(len(exported.letters) for exported in files)


def _write(path: Path, content: bytes) -> None:
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _free_name(folder: Path, name: str, form: str, taken: set[Path]) -> Path:
    stem = PurePath(name).name.split(".")[0] or "rejects"
    number = 1
    while (path := folder / f"{stem}.rejects{'' if number == 1 else f'-{number}'}.{form}") in taken:
        number += 1
    return path
