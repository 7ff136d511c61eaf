"""The files that an annotation tool exported, as documents with names: a file, a folder, or an archive, also of a whole project.

INCEpTION and WebAnno export a project as a zip that has `annotation/DOCUMENT/ANNOTATOR.zip` for each document and annotator, and
`curation/DOCUMENT/CURATION_USER.zip`; other exports, and brat's, have one file for each document.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from shared.corpora.readers import read_members
from shared.errors import AdrwatchError

# What a document of a tool may end in beside its own name.
_SUFFIXES = (".xmi", ".tsv", ".ann", ".txt")
_OF_PROJECT = ("annotation", "curation")
# The state before anybody has marked anything.
_NOBODY = ("INITIAL_CAS",)


def members(path: Path) -> dict[str, bytes]:
    """All files of an export by their names in it, archives inside it opened. Raises AdrwatchError."""
    if not path.exists():
        raise AdrwatchError(f"there is no {path}", fix="name the file, folder or zip that the tool exported")
    if path.is_dir() or path.suffix not in (*_SUFFIXES, ".xml", ".jsonl"):
        return _opened(read_members(path))
    beside = [path]
    if path.suffix == ".xmi":
        beside += [path.with_name("TypeSystem.xml")]
    if path.suffix in (".ann", ".txt"):
        beside += [path.with_suffix(suffix) for suffix in (".ann", ".txt") if suffix != path.suffix]
    return {file.name: file.read_bytes() for file in beside if file.is_file()}


def documents(files: Mapping[str, bytes], suffix: str, annotator: str | None, path: Path) -> dict[str, str]:
    """The names of the files with this suffix, by the ids of their documents, in the order of the ids.

    Raises AdrwatchError where several people have annotated and none is named, or two files are one document.
    """
    found: dict[str, str] = {}
    chosen = {name: who for name in files if name.endswith(suffix) and not _hidden(name) for who in [_annotator(name)]}
    people = sorted({who for who in chosen.values() if who not in (None, *_NOBODY)} - {None})
    if annotator is not None and annotator not in people:
        has = ", ".join(str(who) for who in people) or "no annotators"
        raise AdrwatchError(f"{path} has nothing of {annotator}", fix=f"--annotator is one of: {has}")
    if annotator is None and len(people) > 1:
        raise AdrwatchError(
            f"{path} has annotations of {len(people)} people",
            fix=f"name one: --annotator {' | '.join(map(str, people))}",
        )
    for name, who in sorted(chosen.items()):
        if who in _NOBODY or (annotator is not None and who != annotator):
            continue
        identity = _identity(name)
        if identity in found:
            raise AdrwatchError(f"{path}: {found[identity]} and {name} are one document", fix="leave one of them out")
        found[identity] = name
    return found


def _opened(files: Mapping[str, bytes]) -> dict[str, bytes]:
    opened: dict[str, bytes] = {}
    for name, raw in files.items():
        if not name.endswith(".zip"):
            opened[name] = raw
            continue
        try:
            with zipfile.ZipFile(io.BytesIO(raw)) as archive:
                opened |= {
                    f"{name}/{inside}": archive.read(inside) for inside in archive.namelist() if inside[-1] != "/"
                }
        except zipfile.BadZipFile:
            raise AdrwatchError(f"{name} is not a zip archive", fix="export it again") from None
    return opened


def _hidden(name: str) -> bool:
    """Whether a file is of the system, such as those that macOS puts into archives."""
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)


def _project_parts(name: str) -> tuple[str, str] | None:
    """Document and annotator of a file in the export of a project."""
    parts = PurePosixPath(name).parts
    for at, part in enumerate(parts[:-2]):
        if part in _OF_PROJECT:
            return parts[at + 1], PurePosixPath(parts[at + 2]).stem
    return None


def _annotator(name: str) -> str | None:
    found = _project_parts(name)
    return found[1] if found else None


def _identity(name: str) -> str:
    found = _project_parts(name)
    document = found[0] if found else PurePosixPath(name).name
    for suffix in _SUFFIXES:
        if document.endswith(suffix):
            return unquote(document.removesuffix(suffix))
    return unquote(document)
