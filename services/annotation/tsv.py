"""Reads WebAnno TSV 3.x (INCEpTION's user guide, appendix "WebAnno TSV 3.3 File format").

Offsets count units of UTF-16. A token is a line, and an annotation on several of them is known by its number in brackets. Values
have no types in this format: all are text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from services.annotation.layout import Arc, Mark, gathered
from services.annotation.utf16 import Utf16
from shared.corpora.documents import Document
from shared.corpora.readers import broken
from shared.errors import AdrwatchError

_FORMAT = re.compile(r"#FORMAT=WebAnno TSV 3(?:\.\d+)?")
_LAYER = re.compile(r"#T_(SP|RL|CH)=([^|]+)(?:\|(.*))?")
_UNIT = re.compile(r"(\d+-\d+(?:\.\d+)?)\t(\d+)-(\d+)\t")
_VALUE = re.compile(r"((?:\\.|[^\\\[\]])*)(?:\[(\d+)\])?", re.DOTALL)
_SOURCE = re.compile(r"(\d+-\d+(?:\.\d+)?)(?:\[(\d+)_(\d+)\])?")
_STACKED = re.compile(r"(?:\\.|[^\\|])+", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "b": "\b"}
_NOTHING, _NO_VALUE = "_", "*"


@dataclass(frozen=True)
class Layer:
    """A layer that the header declares: its features, and for relations the layer that it is between."""

    kind: str
    name: str
    features: tuple[str, ...]
    base: str = ""

    @property
    def columns(self) -> int:
        """How many columns it has: a layer without features has one, and a relation one more for its source."""
        return (len(self.features) if self.kind == "RL" else max(1, len(self.features))) + (self.kind == "RL")


@dataclass
class _Row:
    number: int
    unit: str
    begin: int
    end: int
    values: list[str]


@dataclass
class _Found:
    """What has been read so far; offsets are UTF-16."""

    marks: list[Mark] = field(default_factory=list)
    by_number: dict[str, int] = field(default_factory=dict)
    by_unit: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    # Line, layer, unit of the target, source as written, features.
    arcs: list[tuple[int, Layer, str, str, dict[str, str]]] = field(default_factory=list)


def read(identity: str, content: str, name: str, without: Collection[str] = ()) -> Document:
    """A document of a TSV file; layers of `without` are left out. Raises AdrwatchError that names file and line."""
    lines = [line.removesuffix("\r") for line in content.split("\n")]
    if not _FORMAT.fullmatch(lines[0]):
        raise broken(name, 1, "not WebAnno TSV 3 (its first line is #FORMAT=WebAnno TSV 3.3)")
    layers, first = _header(lines, name, without)
    text, rows = _body(lines, first, sum(layer.columns for layer in layers), name)
    found = _Found()
    for row in rows:
        _read_row(row, layers, found, name, without)
    places = Utf16(text)
    try:
        marks = [Mark(m.layer, places.character(m.start), places.character(m.end), m.features) for m in found.marks]
        arcs = [_arc(found, each, name) for each in found.arcs]
        return gathered(identity, text, marks, arcs, {})
    except AdrwatchError as error:
        raise (
            error if error.message.startswith(name) else AdrwatchError(f"{name}: {error.message}", fix=error.fix)
        ) from None


def unescaped(text: str) -> str:
    """Text or a value without its backslashes."""
    return _ESCAPED.sub(lambda found: _CONTROLS.get(found[1], found[1]), text)


def _header(lines: list[str], name: str, without: Collection[str]) -> tuple[list[Layer], int]:
    layers: list[Layer] = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.startswith("#T_"):
            return layers, number - 1
        declared = _LAYER.fullmatch(line)
        if declared is None:
            raise broken(name, number, "not a layer (#T_SP=LAYER|FEATURE|..., #T_RL=... or #T_CH=...)")
        kind, layer, rest = declared.groups()
        features = [feature for feature in (rest or "").split("|") if feature]
        special = kind == "CH" or any(feature.startswith("ROLE_") for feature in features)
        if special and layer not in without:
            raise AdrwatchError(
                f"{name}, line {number}: the layer {layer} has chains or slots, which no corpus of adrwatch holds",
                fix=f"leave it out: --without {layer}",
            )
        base = (
            features.pop().removeprefix("BT_") if kind == "RL" and features and features[-1].startswith("BT_") else ""
        )
        if kind == "RL" and not base:
            raise broken(name, number, "a relation without the layer that it is between (|BT_LAYER)")
        layers.append(Layer(kind, layer, tuple(features), base))
    return layers, len(lines)


def _body(lines: list[str], first: int, columns: int, name: str) -> tuple[str, list[_Row]]:
    text, length, sentence, rows = "", 0, [], []
    for number, line in enumerate(lines[first:], start=first + 1):
        if line.startswith("#") and "=" in line and not _UNIT.match(line):
            if line.startswith("#Text="):
                sentence.append(unescaped(line.removeprefix("#Text=")))
            continue
        if not line.strip():
            if sentence:
                raise broken(name, number, "a text without tokens")
            continue
        unit = _UNIT.match(line)
        # The tools end each line with a tab.
        values = line.removesuffix("\t").split("\t")[3:]
        if unit is None or len(values) < columns:
            raise broken(name, number, f"not a token (ID<tab>BEGIN-END<tab>TOKEN and {columns} columns of layers)")
        begin, end = int(unit[2]), int(unit[3])
        if sentence:
            # Between two sentences is what the offsets leave room for: nothing, a line end, or white space.
            if length == begin + 1:
                text, length = text[:-1], begin
            elif length > begin:
                raise broken(name, number, "a sentence begins before the one in front of it ends")
            said = "\n".join(sentence) + "\n"
            text += " " * (begin - length) + said
            length, sentence = begin + len(said.encode("utf-16-le")) // 2, []
        if not begin < end <= length:
            raise broken(name, number, "a token lies outside its text")
        rows.append(_Row(number, unit[1], begin, end, values))
    if sentence:
        raise broken(name, len(lines), "a text without tokens")
    return text.removesuffix("\n"), rows


def _read_row(row: _Row, layers: list[Layer], found: _Found, name: str, without: Collection[str]) -> None:
    at = 0
    for layer in layers:
        columns = [_stack(value) for value in row.values[at : at + layer.columns]]
        at += layer.columns
        if layer.name in without or columns[-1] == [_NOTHING]:
            continue
        if len({len(column) for column in columns}) > 1:
            raise broken(name, row.number, f"the columns of {layer.name} hold different numbers of annotations")
        for stacked in zip(*columns, strict=True):
            if layer.kind == "RL":
                features = _features(layer, stacked[:-1], row, name)[0]
                found.arcs.append((row.number, layer, row.unit, stacked[-1], features))
            else:
                _mark(layer, stacked, row, found, name)


def _mark(layer: Layer, stacked: tuple[str, ...], row: _Row, found: _Found, name: str) -> None:
    features, number = _features(layer, stacked, row, name)
    if number and number in found.by_number:
        known = found.marks[found.by_number[number]]
        if known.layer != layer.name:
            raise broken(name, row.number, f"annotation [{number}] is of two layers")
        known.end = row.end
        index = found.by_number[number]
    else:
        index = len(found.marks)
        found.marks.append(Mark(layer.name, row.begin, row.end, dict(features)))
        if number:
            found.by_number[number] = index
    found.by_unit.setdefault((layer.name, row.unit), []).append(index)


def _features(layer: Layer, stacked: tuple[str, ...], row: _Row, name: str) -> tuple[dict[str, str], str]:
    """The values of one annotation, and its number or nothing."""
    features, known = {}, ""
    for at, raw in enumerate(stacked):
        value = _VALUE.fullmatch(raw)
        if value is None:
            raise broken(name, row.number, f"a value of {layer.name} with brackets that are not escaped")
        known = known or value[2] or ""
        if value[1] != _NO_VALUE and at < len(layer.features):
            features[layer.features[at]] = unescaped(value[1])
    return features, known


def _arc(found: _Found, written: tuple[int, Layer, str, str, dict[str, str]], name: str) -> Arc:
    number, layer, unit, source, features = written
    parts = _SOURCE.fullmatch(source)
    if parts is None:
        raise broken(name, number, "not the source of a relation (1-2, or 1-2[3_4])")

    def end(unit: str, known: str | None) -> int:
        if known and known != "0":
            if known in found.by_number:
                return found.by_number[known]
        elif len(there := found.by_unit.get((layer.base, unit), [])) == 1:
            return there[0]
        raise broken(name, number, f"a relation of {layer.name} to an annotation that is not there")

    return Arc(layer.name, end(parts[1], parts[2]), end(unit, parts[3]), dict(features))


def _stack(value: str) -> list[str]:
    """The annotations of one column of a token, parted by bars that are not escaped; an empty one is an empty value."""
    return list(_parts(value))


def _parts(value: str) -> Iterator[str]:
    at = 0
    while True:
        part = _STACKED.match(value, at)
        end = part.end() if part else at
        yield value[at:end]
        if end >= len(value):
            return
        at = end + 1
