"""The formats of annotation tools by name: what an export of a tool holds as documents, and documents as files for a tool."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath

from services.annotation import brat, cas, cas_writer, layout, tsv, tsv_writer
from services.annotation.members import documents, members
from services.annotation.writing import file_name
from shared.corpora.documents import REPORTS, Document, check, read_documents
from shared.corpora.readers import CAUSES, DOSED, TREATS
from shared.corpora.splits import TYPES
from shared.errors import AdrwatchError
from shared.models.decode import PART

# The suffix of the files that hold annotations, by format.
SUFFIXES = {"xmi": ".xmi", "tsv": ".tsv", "brat": ".ann"}
_TYPES = "TypeSystem.xml"
# What brat lets people mark in this folder.
_ANNOTATION_CONF = "annotation.conf"


def read(path: Path, layout_name: str | None, annotator: str | None, without: Collection[str]) -> list[Document]:
    """The documents of a tool's export, or of a corpus (.jsonl, also .xz). Raises AdrwatchError that names what is wrong."""
    if path.is_file() and (path.suffix == ".jsonl" or path.name.endswith(".jsonl.xz")):
        return read_documents(path)
    files = members(path)
    name = layout_name or _guessed(files, path)
    if name == "xmi":
        found = _xmi(files, path, annotator, without)
    else:
        found = []
        for identity, file in documents(files, SUFFIXES[name], annotator, path).items():
            if name == "tsv":
                found.append(tsv.read(identity, _text(files[file], file), file, without))
            else:
                found.append(_brat(identity, files, file))
    if not found:
        raise AdrwatchError(
            f"{path} has no {SUFFIXES[name]} files", fix="name what the tool exported, and its format: --from"
        )
    return found


def written(found: Sequence[Document], name: str) -> dict[str, bytes]:
    """The files of documents for a tool, by their names. Raises AdrwatchError for what the format cannot hold."""
    names = {document.id: file_name(document.id, SUFFIXES[name]) for document in found}
    folded = {file.lower() for file in names.values()}
    if len(folded) < len(found):
        raise AdrwatchError(
            "the ids of two documents differ in case alone", fix="rename one: some file systems take them for one"
        )
    for document in found:
        if any(span.type == layout.POST and not span.layer for span in document.spans):
            raise layout.cannot(document, name, f"a span of type {layout.POST}, which stands for the document")
    if name == "xmi":
        cas.require_cassis()
        types, files = cas_writer.write(found)
        return {_TYPES: types} | dict(zip(names.values(), files, strict=True))
    if name == "tsv":
        return {names[document.id]: tsv_writer.write(document).encode() for document in found}
    texts = {file_name(document.id, ".txt"): document.text.encode() for document in found}
    return (
        texts
        | {names[document.id]: brat.write(document).encode() for document in found}
        | {_ANNOTATION_CONF: _conf(found)}
    )


def _guessed(files: Mapping[str, bytes], path: Path) -> str:
    there = [name for name, suffix in SUFFIXES.items() if any(file.endswith(suffix) for file in files)]
    if len(there) == 1:
        return there[0]
    fix = f"--from is one of {', '.join(there or SUFFIXES)}"
    raise AdrwatchError(f"{path} has {'files of several formats' if there else 'no .xmi, .tsv or .ann files'}", fix=fix)


def _xmi(files: Mapping[str, bytes], path: Path, annotator: str | None, without: Collection[str]) -> list[Document]:
    cas.require_cassis()
    systems = {PurePosixPath(name).parent: name for name in files if PurePosixPath(name).name == _TYPES}
    parsed = {}
    found = []
    for identity, file in documents(files, ".xmi", annotator, path).items():
        place = next((place for place in PurePosixPath(file).parents if place in systems), None)
        if place is None:
            raise AdrwatchError(f"{file} has no {_TYPES} beside it", fix="keep the one of the same export beside it")
        # All documents of an export mostly have one type system, which takes longer to read than they do.
        content = files[systems[place]]
        if content not in parsed:
            parsed[content] = cas.read_types(content, systems[place])
        found.append(cas.read(identity, files[file], parsed[content], file, without))
    return found


def _brat(identity: str, files: Mapping[str, bytes], file: str) -> Document:
    beside = f"{file.removesuffix('.ann')}.txt"
    if beside not in files:
        raise AdrwatchError(f"{file} has no {beside} beside it", fix="give each .ann its .txt")
    document = brat.read(identity, _text(files[beside], beside), _text(files[file], file), file)
    try:
        check(document)
    except AdrwatchError as error:
        raise AdrwatchError(f"{file}: {error.message}", fix="export it again") from None
    return document


def _text(raw: bytes, name: str) -> str:
    try:
        # As it stands: a byte order mark is a character that offsets count, and line ends are not touched.
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise AdrwatchError(f"{name}, line {line}: not UTF-8", fix="save it as UTF-8") from None


def _conf(found: Sequence[Document]) -> bytes:
    """The extractor's types, and what is marked already (https://brat.nlplab.org/configuration.html)."""
    types = dict.fromkeys([each for each in TYPES if each != PART] + [s.type for d in found for s in d.spans])
    relations = dict.fromkeys([CAUSES, TREATS, DOSED] + [link.type for document in found for link in document.links])
    labels = dict.fromkeys([REPORTS] + [label for d in found for label in d.labels if label.split() == [label]])
    return "\n".join(
        [
            "[entities]", *types, layout.POST, "",
            "[relations]", *(f"{each}\tArg1:<ENTITY>, Arg2:<ENTITY>" for each in relations), "",
            "[events]", "",
            "[attributes]", *(f"{label}\tArg:{layout.POST}, Value:yes|no" for label in labels), "",
        ]
    ).encode()  # fmt: skip
