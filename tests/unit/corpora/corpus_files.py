"""Corpus files for the tests of this folder."""

from __future__ import annotations

import io
import lzma
import tarfile
import zipfile
from pathlib import Path

from shared.corpora.readers import AnnotatedPost


def write(path: Path, text: str) -> Path:
    """A file with this text, compressed where its name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(lzma.compress(text.encode()) if path.suffix == ".xz" else text.encode())
    return path


def zipped(path: Path, files: dict[str, str]) -> Path:
    """A zip with these files."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def tarred(path: Path, files: dict[str, str]) -> Path:
    """A .tar.xz with these files."""
    with tarfile.open(path, "w:xz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return path


def named(post: AnnotatedPost) -> list[tuple[str, str]]:
    """Type and words of each mention, the fragments of a discontinuous one parted by an ellipsis."""
    return [(m.type, " … ".join(post.text[start:end] for start, end in m.places)) for m in post.mentions]


def related(post: AnnotatedPost) -> list[tuple[str, str, str]]:
    """Type, drug and other end of each relation, in words."""
    words = [words for _, words in named(post)]
    return [(relation.type, words[relation.drug], words[relation.other]) for relation in post.relations or ()]
