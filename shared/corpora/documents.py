"""Annotated documents with all that annotation tools say of them, as JSON lines: adrwatch's own corpus format, `adrwatch`.

One document a line. Offsets count characters (Unicode code points). A superset of `en_tweets` of extraction: what
`adrwatch labels export` writes is read, too. Reading for a score gives the posts of `readers`; reading for another tool keeps all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from shared.corpora.readers import (
    CAUSES,
    DOSED,
    TREATS,
    AnnotatedPost,
    LabelledPost,
    Place,
    Relation,
    broken,
    read_lines,
    whole,
)
from shared.errors import AdrwatchError
from shared.events import Concept
from shared.not_json import NOT_JSON

Value = str | bool | int | float
# The label of a whole document that `adrwatch evaluate classify` reads.
REPORTS, YES, NO = "reports_reaction", "yes", "no"
# How corpora of tweets name the types.
_NAMES = {"ADR": "reaction", "Drug": "drug", "Indication": "indication"}
_OF_DRUG = (CAUSES, TREATS, DOSED)


class Span(msgspec.Struct, frozen=True, omit_defaults=True):
    """What somebody marked: fragments [start, end) in the order of the text, and its type.

    `key` names it inside its document. `layer` is the custom layer of a UIMA tool that it is of, and `features` what that layer
    says beside note and concept; empty for our own layer. `concept` is an id such as `MedDRA:10022437`.
    """

    key: str
    type: str
    places: tuple[Place, ...]
    note: str = ""
    concept: str = ""
    concept_label: str = ""
    layer: str = ""
    features: dict[str, Value] = {}


class Link(msgspec.Struct, frozen=True, omit_defaults=True, rename={"key": "id"}):
    """A relation from one span to another, by their keys; for the project's own types (`causes`) from the drug to the other."""

    key: str
    type: str
    source: str
    target: str
    note: str = ""
    layer: str = ""
    features: dict[str, Value] = {}


class Document(msgspec.Struct, frozen=True):
    """A text with its annotations. `labels` are those of the whole document. `kept` are lines of brat that are none of these
    (events, equivalences), as they stand.
    """

    id: str
    text: str
    labels: dict[str, str] = {}
    spans: tuple[Span, ...] = ()
    links: tuple[Link, ...] = ()
    kept: tuple[str, ...] = ()


class _Entity(msgspec.Struct, omit_defaults=True):
    """A span as it stands in a line. `fragments` only where there are several."""

    start: int
    end: int
    type: str
    id: str = ""
    fragments: list[Place] = []
    note: str = ""
    concept: str = ""
    concept_label: str = ""
    meddra_code: str | None = None
    meddra_term: str | None = None
    layer: str = ""
    features: dict[str, Value] = {}


class _Line(msgspec.Struct, omit_defaults=True):
    text: str
    id: str = ""
    labels: dict[str, str] = {}
    entities: list[_Entity] = []
    relations: list[Link] = []
    kept: list[str] = []


def read_documents(path: Path) -> list[Document]:
    """The documents of a file, plain or .xz. A document without an id is named by its line.

    Raises AdrwatchError that names file and line, never its text.
    """
    documents: list[Document] = []
    ids: set[str] = set()
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        try:
            document = _document(msgspec.json.decode(line, type=_Line), number)
            check(document)
        except (msgspec.MsgspecError, *NOT_JSON) as error:
            raise broken(path, number, _unquoted(error)) from None
        except AdrwatchError as error:
            raise broken(path, number, error.message) from None
        if document.id in ids:
            raise broken(path, number, "a second document with this id")
        ids.add(document.id)
        documents.append(document)
    return documents


def check(document: Document) -> None:
    """Raises AdrwatchError where a document contradicts itself: spans outside its text, links to spans that are not there."""
    keys = {span.key for span in document.spans}
    if len(keys) < len(document.spans):
        raise AdrwatchError("two spans with one key")
    try:
        document.text.encode()
    except UnicodeEncodeError:
        raise AdrwatchError("its text holds half a character (a lone surrogate)") from None
    for span in document.spans:
        inside = all(0 <= start < end <= len(document.text) for start, end in span.places)
        if not span.places or not inside:
            raise AdrwatchError("a span lies outside its text")
        if any(first[1] > second[0] for first, second in zip(span.places, span.places[1:], strict=False)):
            raise AdrwatchError("the fragments of a span are not in the order of the text")
    for link in document.links:
        if link.source not in keys or link.target not in keys:
            raise AdrwatchError("a relation to a span that is not there")


def dumped(documents: Iterable[Document]) -> bytes:
    """The lines of documents, as `read_documents` reads them."""
    return b"".join(msgspec.json.encode(_line(document)) + b"\n" for document in documents)


def read_annotated(path: Path) -> list[AnnotatedPost]:
    """Documents as posts to score spans on. The types annotated are those that any document of the file has."""
    documents = read_documents(path)
    types = frozenset(_type(span) for document in documents for span in document.spans)
    related = any(document.links for document in documents)
    return [_annotated(document, types, related) for document in documents]


def read_labelled(path: Path) -> list[LabelledPost]:
    """Documents with the label `reports_reaction` (yes or no) as posts to score labels on; others are left out."""
    posts = []
    for document in read_documents(path):
        said = document.labels.get(REPORTS)
        if said not in (None, YES, NO):
            raise AdrwatchError(
                f"{path}: the label {REPORTS} of a document is neither {YES} nor {NO}",
                fix="mend it in the tool, and import anew",
            )
        if said is not None:
            posts.append(LabelledPost(document.text, int(said == YES), id=document.id))
    return posts


def renamed(documents: Iterable[Document], names: Mapping[str, str]) -> list[Document]:
    """Documents with other names of types of spans and relations; those without a new one stay."""
    replace = msgspec.structs.replace
    return [
        replace(
            document,
            spans=tuple(replace(span, type=names.get(span.type, span.type)) for span in document.spans),
            links=tuple(replace(link, type=names.get(link.type, link.type)) for link in document.links),
        )
        for document in documents
    ]


def canonical(document: Document) -> Document:
    """The same document with spans and relations in one order, and keys by that order: equal for those that say the same.

    Only for documents without `kept`, whose lines name keys.
    """
    replace = msgspec.structs.replace
    spans = sorted(document.spans, key=lambda span: (span.places, _said(replace(span, key=""))))
    keys = {span.key: f"T{number}" for number, span in enumerate(spans, start=1)}
    place = {key: number for number, key in enumerate(keys.values())}
    moved = [replace(link, source=keys[link.source], target=keys[link.target]) for link in document.links]
    links = sorted(
        moved,
        key=lambda link: (place[link.source], place[link.target], _said(replace(link, key=""))),
    )
    return replace(
        document,
        spans=tuple(replace(span, key=keys[span.key]) for span in spans),
        links=tuple(replace(link, key=f"R{number}") for number, link in enumerate(links, start=1)),
    )


def _said(one: Span | Link) -> bytes:
    return msgspec.json.encode(one, order="sorted")


def _document(line: _Line, number: int) -> Document:
    taken = {entity.id for entity in line.entities}
    free = (key for key in (f"T{at}" for at in range(1, 2 * len(line.entities) + 1)) if key not in taken)
    spans = tuple(_span(entity, entity.id or next(free)) for entity in line.entities)
    return Document(line.id or str(number), line.text, line.labels, spans, tuple(line.relations), tuple(line.kept))


def _span(entity: _Entity, key: str) -> Span:
    coded = f"MedDRA:{entity.meddra_code}" if entity.meddra_code else ""
    return Span(
        key,
        entity.type,
        tuple(entity.fragments) or ((entity.start, entity.end),),
        entity.note,
        entity.concept or coded,
        entity.concept_label or (entity.meddra_term or "" if coded else ""),
        entity.layer,
        entity.features,
    )


def _line(document: Document) -> _Line:
    entities = [
        _Entity(
            span.places[0][0],
            span.places[-1][1],
            span.type,
            span.key,
            list(span.places) if len(span.places) > 1 else [],
            span.note,
            span.concept,
            span.concept_label,
            layer=span.layer,
            features=span.features,
        )
        for span in document.spans
    ]
    return _Line(document.text, document.id, document.labels, entities, list(document.links), list(document.kept))


def _annotated(document: Document, types: frozenset[str], related: bool) -> AnnotatedPost:
    mentions = tuple(
        whole(
            document.text, span.places, _type(span), Concept(span.concept, span.concept_label) if span.concept else None
        )
        for span in document.spans
    )
    index = {span.key: number for number, span in enumerate(document.spans)}
    relations = tuple(
        Relation(link.type, index[link.source], index[link.target]) for link in document.links if link.type in _OF_DRUG
    )
    return AnnotatedPost(document.text, mentions, types, id=document.id, relations=relations if related else None)


def _type(span: Span) -> str:
    return _NAMES.get(span.type, span.type)


def _unquoted(error: Exception) -> str:
    """What is wrong, without values: they may be text of a post."""
    # A ValidationError tells the field and the kind of value; a plain DecodeError may quote what it stumbled over.
    return f"not a document: {error}" if isinstance(error, msgspec.ValidationError) else "not JSON"
