"""How documents lie in the layers of INCEpTION and WebAnno, and what brat and TSV need in their place.

Three layers of our own, which a project of the tool has to have (docs/annotation.md): `Mention` (kind, note, concept,
concept_label), `Relation` between mentions (kind, note), and the labels of the document (`Post`). A discontinuous mention is one
`Mention` for each fragment, joined by relations of kind `concatenation`, as Sboev et al. (2022, section 3.2.2) annotate them. Other
layers stay what they are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.corpora.documents import Document, Link, Span, Value, check
from shared.errors import AdrwatchError

MENTION, RELATION = "webanno.custom.Mention", "webanno.custom.Relation"
# INCEpTION has layers of documents; TSV has not, and there the labels are those of a span on the first word.
POST_LAYER, POST_SPAN = "webanno.custom.Post", "webanno.custom.PostLabels"
# The type of brat's mention that has them as attributes.
POST = "Post"
CONCATENATION = "concatenation"
_OWN = ("kind", "note", "concept", "concept_label")
# Which feature of another layer says what type an annotation is of, the first that is there.
SAYS_TYPE = ("value", "kind", "label", "type", "DependencyType")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_LAYER = re.compile(rf"{_NAME.pattern}(\.{_NAME.pattern})*")
_FIRST_WORD = re.compile(r"\S+")


@dataclass
class Mark:
    """An annotation of a layer on characters [start, end)."""

    layer: str
    start: int
    end: int
    features: dict[str, Value] = field(default_factory=dict)


@dataclass
class Arc:
    """A relation of a layer between two marks, by their places in the list."""

    layer: str
    source: int
    target: int
    features: dict[str, Value] = field(default_factory=dict)


def cannot(
    document: Document, tool: str, what: str, fix: str = "mend the document, or export to another format"
) -> AdrwatchError:
    """The error for what a format cannot hold."""
    return AdrwatchError(f"{tool} cannot hold document {document.id}: {what}", fix=fix)


def word(document: Document, name: str) -> str:
    """A type that brat can write. Raises AdrwatchError."""
    if not _FIRST_WORD.fullmatch(name):
        raise cannot(document, "brat", "a type that is not one word", fix="rename it: --types 'OLD NAME=NEW_NAME'")
    return name


def post(document: Document, tool: str) -> Span:
    """The span that bears the labels of the document. Raises AdrwatchError where there is no word to bear them."""
    first = _FIRST_WORD.search(document.text)
    if first is None:
        raise cannot(document, tool, "labels of a post without words", fix="leave it out, or export to xmi")
    keys = {span.key for span in document.spans}
    number = next(number for number in range(1, len(keys) + 2) if f"T{number}" not in keys)
    return Span(f"T{number}", POST, (first.span(),), features=dict(document.labels))


def flattened(document: Document) -> tuple[list[Mark], list[Arc]]:
    """The marks and arcs of a document, without its labels. Raises AdrwatchError for what layers cannot hold."""
    if document.kept:
        raise cannot(
            document,
            "UIMA",
            f"the line {document.kept[0].partition(chr(9))[0]} of brat (events, equivalences and the like)",
        )
    marks: list[Mark] = []
    arcs: list[Arc] = []
    first: dict[str, int] = {}
    for span in document.spans:
        first[span.key] = len(marks)
        if span.layer and (len(span.places) > 1 or span.note or span.concept or span.concept_label):
            raise cannot(document, "UIMA", f"fragments, a note or a concept of the layer {span.layer}")
        said = {"kind": span.type, "note": span.note, "concept": span.concept, "concept_label": span.concept_label}
        features = span.features if span.layer else _with(document, said, span.features)
        for number, (start, end) in enumerate(span.places):
            if number:
                arcs.append(Arc(RELATION, len(marks) - 1, len(marks), {"kind": CONCATENATION}))
            here: dict[str, Value] = {"kind": span.type} if number else dict(features)
            marks.append(Mark(span.layer or MENTION, start, end, here))
    for link in document.links:
        if link.type == CONCATENATION and not link.layer:
            raise cannot(document, "UIMA", f"a relation of the type {CONCATENATION}, which joins fragments")
        if link.layer and link.note:
            raise cannot(document, "UIMA", f"a note of the layer {link.layer}")
        said = {"kind": link.type, "note": link.note}
        features = link.features if link.layer else _with(document, said, link.features)
        arcs.append(Arc(link.layer or RELATION, first[link.source], first[link.target], dict(features)))
    for layer, names in [
        *((mark.layer, mark.features) for mark in marks),
        *((arc.layer, arc.features) for arc in arcs),
    ]:
        if not _LAYER.fullmatch(layer) or not all(map(_NAME.fullmatch, names)):
            raise cannot(document, "UIMA", "a layer or feature whose name is not letters, digits and underscores")
    return marks, arcs


def gathered(
    identity: str, text: str, marks: Sequence[Mark], arcs: Sequence[Arc], labels: Mapping[str, str]
) -> Document:
    """The document of marks and arcs. Raises AdrwatchError where they make none: the message does not name the file."""
    nexts = {arc.source: arc.target for arc in arcs if _joins(arc)}
    heads = _heads(nexts, len(marks))
    groups: dict[int, list[int]] = {}
    for number in range(len(marks)):
        groups.setdefault(heads[number], []).append(number)
    spans, found_labels = [], dict(labels)
    for head, members in groups.items():
        mark = marks[head]
        if mark.layer == POST_SPAN:
            found_labels |= {name: str(value) for name, value in mark.features.items()}
            continue
        places = tuple(sorted((marks[each].start, marks[each].end) for each in members))
        if any(start == end for start, end in places):
            raise AdrwatchError(f"an annotation of no characters at {places[0][0]}", fix="remove it in the tool")
        if mark.layer != MENTION:
            spans.append(
                Span(
                    f"T{head + 1}", type_of(mark.layer, mark.features), places, layer=mark.layer, features=mark.features
                )
            )
            continue
        features = dict(mark.features)
        for each in members:
            if marks[each].features.get("kind", features.get("kind")) != features.get("kind"):
                raise AdrwatchError(
                    f"fragments of different kinds are joined at {mark.start}", fix="mend it in the tool"
                )
            features = marks[each].features | features
        said = _taken(features, f"a mention at {mark.start}")
        spans.append(
            Span(
                f"T{head + 1}",
                said["kind"],
                places,
                said["note"],
                said["concept"],
                said["concept_label"],
                features=features,
            )
        )
    links = []
    for number, arc in enumerate(arcs, start=1):
        if _joins(arc):
            continue
        source, target = (f"T{heads[end] + 1}" for end in (arc.source, arc.target))
        if arc.layer != RELATION:
            kind = type_of(arc.layer, arc.features)
            links.append(Link(f"R{number}", kind, source, target, layer=arc.layer, features=arc.features))
            continue
        features = dict(arc.features)
        said = _taken(features, f"a relation at {marks[arc.source].start}")
        links.append(Link(f"R{number}", said["kind"], source, target, said["note"], features=features))
    document = Document(identity, text, found_labels, tuple(spans), tuple(links))
    check(document)
    return document


def type_of(layer: str, features: Mapping[str, Value]) -> str:
    """The type of an annotation of a layer that is not ours: what a feature says, else the layer's own name."""
    said = (value for name in SAYS_TYPE for value in [features.get(name)] if isinstance(value, str) and value.strip())
    return next(said, layer.rpartition(".")[2])


def _with(document: Document, said: Mapping[str, str], features: Mapping[str, Value]) -> dict[str, Value]:
    if clash := features.keys() & set(_OWN):
        raise cannot(document, "UIMA", f"an attribute named {min(clash)}, which the layer has for its own")
    return {**{name: value for name, value in said.items() if value}, **features}


def _taken(features: dict[str, Value], what: str) -> dict[str, str]:
    """What our own layers say, taken out of the features."""
    said = {name: str(features.pop(name, "")) for name in _OWN}
    if not said["kind"]:
        raise AdrwatchError(f"{what} has no kind", fix="give it one in the tool, such as drug or reaction")
    return said


def _joins(arc: Arc) -> bool:
    return arc.layer == RELATION and arc.features.get("kind") == CONCATENATION


def _heads(nexts: Mapping[int, int], number: int) -> list[int]:
    """Of each mark the first of those that it is joined with. Raises AdrwatchError where fragments are joined in a circle."""
    before = {target: source for source, target in nexts.items()}
    heads = []
    for mark in range(number):
        at, steps = mark, 0
        while at in before:
            at, steps = before[at], steps + 1
            if steps > number:
                raise AdrwatchError(
                    "fragments are joined in a circle", fix="remove one of the concatenations in the tool"
                )
        heads.append(at)
    return heads
