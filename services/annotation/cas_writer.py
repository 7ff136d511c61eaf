"""Writes UIMA CAS XMI with its type system: see `cas`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from services.annotation.cas import (
    ANNOTATION,
    BUILT_IN,
    METADATA,
    OF_TOOLS,
    RESERVED,
    SENTENCE,
    SOURCE,
    TARGET,
    TOKEN,
    without_warnings,
)  # fmt: skip
from services.annotation.layout import POST_LAYER, Arc, Mark, cannot, flattened
from shared.corpora.documents import Document, Value

if TYPE_CHECKING:
    from cassis import TypeSystem

_OF_DOCUMENT = "uima.cas.AnnotationBase"
_WORD = re.compile(r"\w+|[^\w\s]")
# What XML 1.0 cannot hold, not even escaped.
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INTEGERS = range(-(2**31), 2**31)


def write(documents: Sequence[Document]) -> tuple[bytes, list[bytes]]:
    """The type system of all documents, and each as XMI. Raises AdrwatchError for what the format cannot hold."""
    flat = [flattened(document) for document in documents]
    types = _type_system(documents, flat)
    return types.to_xml().encode(), [
        _written(document, marks, arcs, types) for document, (marks, arcs) in zip(documents, flat, strict=True)
    ]


def _type_system(documents: Sequence[Document], flat: Sequence[tuple[list[Mark], list[Arc]]]) -> TypeSystem:
    from cassis import TypeSystem

    types = TypeSystem()
    for name, parent in ((TOKEN, ANNOTATION), (SENTENCE, ANNOTATION), (METADATA, "uima.tcas.DocumentAnnotation")):
        types.create_type(name, parent)
    for feature in ("documentId", "documentTitle"):
        types.create_feature(METADATA, feature, "uima.cas.String")
    ranges: dict[tuple[str, str], str] = {}
    parents: dict[str, str] = {}
    for document, (marks, arcs) in zip(documents, flat, strict=True):
        of_layers: list[tuple[str, str, dict[str, Value]]] = [
            *((mark.layer, ANNOTATION, mark.features) for mark in marks),
            *((arc.layer, "relation", arc.features) for arc in arcs),
            *((layer, _OF_DOCUMENT, {name: value}) for layer, name, value in _labels(document)),
        ]
        for layer, parent, features in of_layers:
            if layer.startswith(OF_TOOLS) or parents.setdefault(layer, parent) != parent:
                raise cannot(document, "XMI", f"a layer named {layer}, which is another one already")
            for feature, value in features.items():
                kind = _range(document, feature, value)
                if feature in (*BUILT_IN, SOURCE, TARGET) or ranges.setdefault((layer, feature), kind) != kind:
                    raise cannot(document, "XMI", f"values of several kinds in the feature {feature} of {layer}")
    for layer, parent in parents.items():
        types.create_type(layer, ANNOTATION if parent == "relation" else parent)
        for end in (SOURCE, TARGET) if parent == "relation" else ():
            types.create_feature(layer, end, ANNOTATION)
    with without_warnings():
        for (layer, feature), kind in ranges.items():
            types.create_feature(layer, feature, kind)
    return types


def _range(document: Document, feature: str, value: Value) -> str:
    if isinstance(value, str):
        return "uima.cas.String"
    if isinstance(value, bool):
        return "uima.cas.Boolean"
    if isinstance(value, float):
        return "uima.cas.Double"
    if value not in _INTEGERS:
        raise cannot(document, "XMI", f"the number of {feature}, which has more than 32 bits")
    return "uima.cas.Integer"


def _labels(document: Document) -> list[tuple[str, str, Value]]:
    """Layer, feature and value of each label: of our own layer, or of the one that stands before the point."""
    found: list[tuple[str, str, Value]] = []
    for name, value in document.labels.items():
        layer, _, feature = name.rpartition(".")
        if not re.fullmatch(r"[A-Za-z]\w*", feature, re.ASCII):
            raise cannot(document, "XMI", "a label whose name is not letters, digits and underscores")
        found.append((layer or POST_LAYER, feature, value))
    return found


def _written(document: Document, marks: Sequence[Mark], arcs: Sequence[Arc], types: TypeSystem) -> bytes:
    from cassis import Cas

    said = [*(mark.features for mark in marks), *(arc.features for arc in arcs)]
    values = [str(value) for each in said for value in each.values()]
    if bad := _NOT_XML.search("".join([document.id, document.text, *values, *document.labels.values()])):
        raise cannot(document, "XML", f"the character U+{ord(bad[0]):04X}", fix="export to brat")
    cas = Cas(types)
    cas.sofa_string, cas.sofa_mime = document.text, "text/plain"
    length = len(document.text)
    cas.add(
        types.get_type(METADATA)(
            begin=0, end=length, documentId=document.id, documentTitle=document.id, language="x-unspecified"
        )
    )
    words = [found.span() for found in _WORD.finditer(document.text)]
    for start, end in words:
        cas.add(types.get_type(TOKEN)(begin=start, end=end))
    if words:
        cas.add(types.get_type(SENTENCE)(begin=words[0][0], end=words[-1][1]))
    made = []
    for mark in marks:
        made.append(types.get_type(mark.layer)(begin=mark.start, end=mark.end, **_python(mark.features)))
        cas.add(made[-1])
    for arc in arcs:
        ends = {SOURCE: made[arc.source], TARGET: made[arc.target]}
        # A relation lies where its target does.
        place = {"begin": ends[TARGET].begin, "end": ends[TARGET].end}
        cas.add(types.get_type(arc.layer)(**place, **ends, **_python(arc.features)))
    of_layers: dict[str, dict[str, Value]] = {}
    for layer, feature, value in _labels(document):
        of_layers.setdefault(layer, {})[feature] = value
    for layer, features in of_layers.items():
        cas.add(types.get_type(layer)(**_python(features)))
    written = cas.to_xmi()
    return (written or "").encode()


def _python(features: Mapping[str, Value]) -> dict[str, Value]:
    return {RESERVED.get(name, name): value for name, value in features.items()}
