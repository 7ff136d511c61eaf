"""Writes WebAnno TSV 3.3: see `tsv`. The whole post is one sentence, so that its text stays as it is."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from services.annotation.layout import POST_SPAN, Arc, Mark, cannot, flattened, post
from services.annotation.tsv import Layer
from services.annotation.utf16 import Utf16
from shared.corpora.documents import Document, Value
from shared.corpora.readers import Place

_TOKEN = re.compile(r"\w+|[^\w\s]")
_IN_TEXT = {"\t": r"\t", "\r": r"\r", "\f": r"\f", "\b": r"\b", "\\": "\\\\"}
_IN_VALUES = re.compile(r"->|[\\\[\]|_;*\t\n\r]")
_CONTROLS = re.compile(r"[\x00-\x07\x0e-\x1f\t\r\f\x08\\]")


def write(document: Document) -> str:
    """A document as a TSV file. Raises AdrwatchError for what the format cannot hold."""
    marks, arcs = flattened(document)
    if document.labels:
        ((start, end),) = post(document, "TSV").places
        marks.append(Mark(POST_SPAN, start, end, dict(document.labels)))
    layers = _layers(document, marks, arcs)
    lines = ["#FORMAT=WebAnno TSV 3.3", *(_declared(layer) for layer in layers), "", ""]
    text = document.text
    begin = len(text) - len(text.lstrip(" "))
    if text and (begin == len(text) or text[begin].isspace()):
        raise cannot(
            document, "TSV", "a text that begins with an end of line or a tab, or is blank", fix="export to xmi or brat"
        )
    if not text:
        return "\n".join(lines)
    tokens = _tokens(document, marks)
    units = Utf16(text)
    covers = [[n for n, (start, end) in enumerate(tokens) if mark.start <= start and end <= mark.end] for mark in marks]
    numbers = _numbers(marks, covers)
    lines += [f"#Text={_CONTROLS.sub(_escaped_text, line)}" for line in text[begin:].split("\n")]
    for at, (start, end) in enumerate(tokens):
        columns: list[str] = []
        for layer in layers:
            if layer.kind == "SP":
                here = [n for n, mark in enumerate(marks) if mark.layer == layer.name and at in covers[n]]
                columns += _spans(layer, [marks[n].features for n in here], [numbers.get(n) for n in here])
                continue
            ends = [arc for arc in arcs if arc.layer == layer.name and covers[arc.target][0] == at]
            columns += _spans(layer, [arc.features for arc in ends], [None] * len(ends)) if layer.features else []
            sources = []
            for arc in ends:
                known = [numbers.get(end, 0) for end in (arc.source, arc.target)]
                suffix = f"[{known[0]}_{known[1]}]" if any(known) else ""
                sources.append(f"1-{covers[arc.source][0] + 1}{suffix}")
            columns.append("|".join(sources) or "_")
        place = f"{units.unit(start)}-{units.unit(end)}"
        lines.append("\t".join([f"1-{at + 1}", place, text[start:end], *columns, ""]))
    return "\n".join([*lines, ""])


def _layers(document: Document, marks: Sequence[Mark], arcs: Sequence[Arc]) -> list[Layer]:
    found: dict[str, dict[str, None]] = {}
    for mark in marks:
        found.setdefault(mark.layer, {}).update(dict.fromkeys(mark.features))
    relations: dict[str, dict[str, None]] = {}
    bases: dict[str, str] = {}
    for arc in arcs:
        relations.setdefault(arc.layer, {}).update(dict.fromkeys(arc.features))
        for end in (arc.source, arc.target):
            if marks[end].layer != bases.setdefault(arc.layer, marks[end].layer):
                raise cannot(document, "TSV", f"relations of {arc.layer} between several layers", fix="export to xmi")
    return [
        *(Layer("SP", name, tuple(features)) for name, features in found.items()),
        *(Layer("RL", name, tuple(features), bases[name]) for name, features in relations.items()),
    ]


def _declared(layer: Layer) -> str:
    base = f"|BT_{layer.base}" if layer.kind == "RL" else ""
    return f"#T_{layer.kind}={layer.name}|{'|'.join(layer.features)}{base}".replace("||", "|")


def _tokens(document: Document, marks: Sequence[Mark]) -> list[Place]:
    """Words and signs, cut where a mention begins or ends inside of one."""
    cuts = sorted({edge for mark in marks for edge in (mark.start, mark.end)})
    tokens = []
    for found in _TOKEN.finditer(document.text):
        edges = [found.start(), *(cut for cut in cuts if found.start() < cut < found.end()), found.end()]
        tokens += list(itertools.pairwise(edges))
    starts, ends = {start for start, _ in tokens}, {end for _, end in tokens}
    if any(mark.start not in starts or mark.end not in ends for mark in marks):
        raise cannot(document, "TSV", "a mention that begins or ends with white space", fix="export to xmi or brat")
    return tokens


def _numbers(marks: Sequence[Mark], covers: Sequence[Sequence[int]]) -> dict[int, int]:
    """Numbers for annotations that their token alone does not tell: on several tokens, or one of several of a layer."""
    on = Counter((mark.layer, token) for mark, tokens in zip(marks, covers, strict=True) for token in tokens)
    unclear = [
        n
        for n, (mark, tokens) in enumerate(zip(marks, covers, strict=True))
        if len(tokens) > 1 or on[mark.layer, tokens[0]] > 1
    ]
    return {n: number for number, n in enumerate(unclear, start=1)}


def _spans(layer: Layer, features: Sequence[Mapping[str, Value]], numbers: Sequence[int | None]) -> list[str]:
    """The columns of a layer on one token."""
    columns = []
    for name in layer.features or ("",):
        values = [
            (_escaped(each[name]) if name in each else "*") + (f"[{number}]" if number else "")
            for each, number in zip(features, numbers, strict=True)
        ]
        columns.append("|".join(values) if values else "_")
    return columns


def _escaped(value: Value) -> str:
    said = str(value).lower() if isinstance(value, bool) else str(value)
    controls = {"\t": r"\t", "\n": r"\n", "\r": r"\r"}
    return _IN_VALUES.sub(lambda found: controls.get(found[0], f"\\{found[0]}"), said)


def _escaped_text(found: re.Match[str]) -> str:
    return _IN_TEXT.get(found[0], f"\\{found[0]}")
