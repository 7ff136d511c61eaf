"""What every reader of a corpus gives, and how it opens files: labelled posts, annotated posts, lines, members of archives.

The readers themselves lie beside this module, one module for each family of formats; `formats` lists them by name. Files
ending in .xz are decompressed on the way. Errors name the file and line, never its text.
"""

from __future__ import annotations

import io
import lzma
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.errors import AdrwatchError
from shared.events import Concept

Place = tuple[int, int]
# Relations between a medicine and what it does, by the project's names.
CAUSES, TREATS, DOSED = "causes", "treats", "dosed"


@dataclass(frozen=True, slots=True)
class LabelledPost:
    """A post and whether it reports an adverse drug reaction. `created_at` is ISO 8601 or empty, `id` the corpus's or empty."""

    text: str
    label: int
    created_at: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Mention:
    """What names something of a `type` (the project's names): characters [start, end) of a post, first to last.

    `fragments` are the parts of a discontinuous mention in the order of the text; empty where it is of one piece. `concept` is
    the corpus's, where it gives one (`MedDRA:10013661`); its label may be empty.
    """

    start: int
    end: int
    type: str
    fragments: tuple[Place, ...] = ()
    concept: Concept | None = None

    @property
    def places(self) -> tuple[Place, ...]:
        """The fragments, one for a mention of one piece: what makes two mentions the same."""
        return self.fragments or ((self.start, self.end),)


@dataclass(frozen=True, slots=True)
class Relation:
    """The medicine `drug` and the reaction, indication or dose `other`, both indexes into a post's mentions."""

    type: str
    drug: int
    other: int


@dataclass(frozen=True, slots=True)
class AnnotatedPost:
    """A post with its mentions. `types` are those the corpus annotates: absence counts only for them.

    `drug` is the medicine that the post was found by, lower case, where known. `relations` is None in corpora without them.
    """

    text: str
    mentions: tuple[Mention, ...]
    types: frozenset[str]
    drug: str = ""
    id: str = ""
    relations: tuple[Relation, ...] | None = None


def whole(text: str, places: Iterable[Place], kind: str, concept: Concept | None = None) -> Mention:
    """One mention of its fragments in any order; fragments with nothing but white space between them are joined."""
    joined: list[Place] = []
    for start, end in sorted(places):
        if joined and not text[joined[-1][1] : start].strip():
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    fragments = tuple(joined) if len(joined) > 1 else ()
    return Mention(joined[0][0], joined[-1][1], kind, fragments, concept)


def read_lines(path: Path) -> list[str]:
    """The lines of a text file, plain or .xz."""
    return decoded(read_bytes(path), path).removesuffix("\n").replace("\r\n", "\n").split("\n")


def decoded(raw: bytes, path: Path) -> str:
    """UTF-8 text without a byte order mark. Raises AdrwatchError that names the file."""
    try:
        # Not splitlines afterwards: posts contain separators such as U+2028 that end no line of the file.
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise AdrwatchError(f"{path} is not readable as UTF-8 text: {error.reason}", fix=_FETCH) from None


def read_bytes(path: Path) -> bytes:
    """A file's content, decompressed where its name ends in .xz."""
    if not path.is_file():
        raise AdrwatchError(
            f"no corpus file at {path}",
            fix="give --data the folder that holds classification/ and ner/, or the path of the corpus file itself",
        )
    raw = path.read_bytes()
    if path.suffix != ".xz":
        return raw
    try:
        return lzma.decompress(raw)
    except lzma.LZMAError as error:
        raise AdrwatchError(f"{path} is not readable as .xz: {error}", fix=_FETCH) from None


def read_members(path: Path) -> Mapping[str, bytes]:
    """The files of a folder, a zip or a tar (also .xz), by their names inside it."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        return {file.relative_to(path).as_posix(): file.read_bytes() for file in files}
    raw = io.BytesIO(read_bytes(path))
    try:
        if zipfile.is_zipfile(raw):
            with zipfile.ZipFile(raw) as archive:
                return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
        raw.seek(0)
        with tarfile.open(fileobj=raw) as archive:
            opened = {entry.name: archive.extractfile(entry) for entry in archive if entry.isfile()}
            return {name.removeprefix("./"): file.read() for name, file in opened.items() if file is not None}
    except (tarfile.TarError, zipfile.BadZipFile) as error:
        raise AdrwatchError(f"{path} is neither a zip nor a tar archive: {error}", fix=_FETCH) from None


def broken(path: Path | str, line: int, reason: str) -> AdrwatchError:
    """The error for a line that a reader cannot use; `reason` must not hold its text."""
    return AdrwatchError(f"{path}, line {line}: {reason}", fix="repair or remove the line, or fetch the file again")


_FETCH = "fetch the file again"
