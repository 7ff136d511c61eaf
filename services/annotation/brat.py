"""brat's standoff files, .txt and .ann (https://brat.nlplab.org/standoff.html), as documents and back.

Offsets count characters of the text as it stands, line ends included. A mention over several lines is written as one fragment a
line, as brat does, and read as one piece again. Labels of a whole document are attributes of a mention of type `Post` on its first
word, for brat has none of documents. What brat cannot say of an annotation (layers, values that are no word) is a JSON note of
type `adrwatch`, which brat keeps.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import msgspec

from services.annotation import layout
from shared.corpora.documents import YES, Document, Link, Span, Value, canonical
from shared.corpora.readers import Place, broken
from shared.errors import AdrwatchError
from shared.not_json import NOT_JSON

_MENTION = re.compile(r"(T\S+)\t(\S+) (\d+ \d+(?:;\d+ \d+)*)\t(.*)", re.DOTALL)
_RELATION = re.compile(r"(R\S+)\t(\S+) (\S+?):(T\S+) (\S+?):(T\S+)\s*")
_ATTRIBUTE = re.compile(r"[AM]\S+\t(\S+) (\S+)(?: (\S+))?\s*")
_NORMALISATION = re.compile(r"N\S+\tReference (\S+) (\S+)(?:\t(.*))?", re.DOTALL)
_NOTE = re.compile(r"#\S*\t(\S+) (\S+)(?:\t(.*))?", re.DOTALL)
_LINES = re.compile(r"[^\r\n]+")
_OF_TOOL, _OF_US = "AnnotatorNotes", "adrwatch"
_ONE_LINE = re.compile(r"[^\r\n]*")
_WORD = re.compile(r"\S+")
_MEANT = {
    "T": "not a brat mention (T1<tab>Type start end<tab>text)",
    "R": "not a brat relation (R1<tab>Type Arg1:T1 Arg2:T2)",
}
_KEYS = re.compile(r"[TR]\d+")


class _Rest(msgspec.Struct, omit_defaults=True):
    """What brat cannot say of an annotation."""

    layer: str = ""
    note: str = ""
    concept: str = ""
    concept_label: str = ""
    places: list[Place] = []
    features: dict[str, Value] = {}


@dataclass
class _Said:
    """What the file says of one annotation beside its own line."""

    note: str = ""
    concept: str = ""
    concept_label: str = ""
    features: dict[str, Value] = field(default_factory=dict)
    rest: _Rest = field(default_factory=_Rest)


def read(identity: str, text: str, notes: str, name: str) -> Document:
    """A document of its text and its notes. Raises AdrwatchError that names file and line."""
    lines = [(number, line.removesuffix("\r")) for number, line in enumerate(notes.split("\n"), start=1)]
    spans: dict[str, tuple[str, tuple[Place, ...]]] = {}
    links: dict[str, tuple[int, str, str, str]] = {}
    others: list[tuple[int, str]] = []
    for number, line in lines:
        if mention := _MENTION.fullmatch(line):
            if mention[1] in spans:
                raise broken(name, number, f"a second annotation {mention[1]}")
            spans[mention[1]] = (mention[2], _places(text, mention[3], mention[4], name, number))
        elif relation := _RELATION.fullmatch(line):
            roles = {relation[3]: relation[4], relation[5]: relation[6]}
            if roles.keys() != {"Arg1", "Arg2"}:
                others.append((number, line))
                continue
            links[relation[1]] = (number, relation[2], roles["Arg1"], roles["Arg2"])
        elif line[:1] in ("T", "R"):
            raise broken(name, number, _MEANT[line[0]])
        elif line.strip():
            others.append((number, line))
    for number, _, source, target in links.values():
        if source not in spans or target not in spans:
            raise broken(name, number, "a relation to a mention that is not there")
    said, kept = _said(others, {*spans, *links}, name)
    found: list[Span] = []
    labels: dict[str, str] = {}
    for key, (kind, places) in spans.items():
        about = said.get(key, _Said())
        if kind == layout.POST:
            labels |= _labels(about, name)
            continue
        rest = about.rest
        found.append(
            Span(
                key, kind, tuple(rest.places) or places, rest.note or about.note, rest.concept or about.concept,
                rest.concept_label or about.concept_label, rest.layer, about.features | rest.features,
            )
        )  # fmt: skip
    related = []
    for key, (_, kind, source, target) in links.items():
        about = said.get(key, _Said())
        rest = about.rest
        related.append(
            Link(key, kind, source, target, rest.note or about.note, rest.layer, about.features | rest.features)
        )
    return Document(identity, text, labels, tuple(found), tuple(related), tuple(kept))


def write(document: Document) -> str:
    """The notes of a document, for its .ann. Raises AdrwatchError for what brat cannot hold."""
    return "".join(f"{line}\n" for line in _written(document))


def _places(text: str, offsets: str, words: str, name: str, number: int) -> tuple[Place, ...]:
    parts = [part.split() for part in offsets.split(";")]
    places = sorted((int(start), int(end)) for start, end in parts)
    if not all(0 <= start < end <= len(text) for start, end in places):
        raise broken(name, number, "a mention lies outside its text")
    if any(first[1] > second[0] for first, second in itertools.pairwise(places)):
        raise broken(name, number, "the fragments of a mention overlap")
    there = " ".join(text[start:end] for start, end in places)
    if there.split() != words.split():
        raise broken(
            name,
            number,
            "the words of a mention are not those at its place: the .txt was changed after it was annotated (line ends?)",
        )
    joined: list[Place] = []
    for start, end in places:
        if joined and text[joined[-1][1] : start].strip("\r\n") == "" and joined[-1][1] < start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple(joined)


def _said(lines: list[tuple[int, str]], keys: set[str], name: str) -> tuple[dict[str, _Said], list[str]]:
    """What attributes, references and notes say of the annotations with these keys, and the lines that are none of these."""
    found: dict[str, _Said] = {}
    kept = []
    for number, line in lines:
        attribute, reference, note = (pattern.fullmatch(line) for pattern in (_ATTRIBUTE, _NORMALISATION, _NOTE))
        if attribute and attribute[2] in keys and attribute[1] not in found.setdefault(attribute[2], _Said()).features:
            found[attribute[2]].features[attribute[1]] = True if attribute[3] is None else attribute[3]
        elif (
            reference
            and reference[1][0] == "T"
            and reference[1] in keys
            and not found.setdefault(reference[1], _Said()).concept
        ):
            found[reference[1]].concept, found[reference[1]].concept_label = reference[2], reference[3] or ""
        elif note and note[2] in keys and note[1] == _OF_US:
            try:
                found.setdefault(note[2], _Said()).rest = msgspec.json.decode(note[3] or "", type=_Rest)
            except (msgspec.MsgspecError, *NOT_JSON):
                raise broken(name, number, f"a note of type {_OF_US} that adrwatch did not write") from None
        elif note and note[2] in keys and note[1] == _OF_TOOL and not found.setdefault(note[2], _Said()).note:
            found[note[2]].note = note[3] or ""
        else:
            kept.append(line)
    return found, kept


def _labels(about: _Said, name: str) -> dict[str, str]:
    """The labels of a document are the attributes of its mention of type Post."""
    features = about.features | about.rest.features
    if not all(isinstance(value, str | bool) for value in features.values()):
        raise AdrwatchError(
            f"{name}: a label of the post is no word", fix="give attributes of Post the values yes and no"
        )
    return {label: value if isinstance(value, str) else YES for label, value in features.items()}


def _written(document: Document) -> Iterator[str]:
    keys = [*(span.key for span in document.spans), *(link.key for link in document.links)]
    if not all(map(_KEYS.fullmatch, keys)):
        if document.kept:
            raise layout.cannot(document, "brat", "ids that are not T1, R1 and the like beside lines of brat")
        document = canonical(document)
    text = document.text
    spans, numbers = list(document.spans), dict.fromkeys("ANR#", 0)
    if document.labels:
        spans.append(layout.post(document, "brat"))
    # Lines that are kept have numbers, which nothing else may have.
    taken = {line.split("\t")[0] for line in document.kept}

    def key(letter: str) -> str:
        numbers[letter] += 1
        while f"{letter}{numbers[letter]}" in taken:
            numbers[letter] += 1
        return f"{letter}{numbers[letter]}"

    for span in spans:
        parts = [
            (start + line.start(), start + line.end())
            for start, end in span.places
            for line in _LINES.finditer(text[start:end])
        ]
        words = " ".join(text[start:end] for start, end in parts)
        offsets = ";".join(f"{start} {end}" for start, end in parts)
        if not parts:
            raise layout.cannot(document, "brat", "a mention that is nothing but ends of lines")
        same = _places(text, offsets, words, document.id, 0) == span.places
        yield f"{span.key}\t{layout.word(document, span.type)} {offsets}\t{words}"
        rest = _Rest(span.layer, places=[] if same else list(span.places))
        if span.concept and (_WORD.fullmatch(span.concept) and _ONE_LINE.fullmatch(span.concept_label)):
            yield f"{key('N')}\tReference {span.key} {span.concept}\t{span.concept_label}"
        else:
            rest.concept, rest.concept_label = span.concept, span.concept_label
        yield from _about(span, rest, key)
    for link in document.links:
        kind = layout.word(document, link.type)
        yield f"{link.key}\t{kind} Arg1:{link.source} Arg2:{link.target}"
        yield from _about(link, _Rest(link.layer), key)
    yield from document.kept


def _about(one: Span | Link, rest: _Rest, key: Callable[[str], str]) -> Iterator[str]:
    for name, value in one.features.items():
        if _WORD.fullmatch(name) and value is True:
            yield f"{key('A')}\t{name} {one.key}"
        elif _WORD.fullmatch(name) and isinstance(value, str) and _WORD.fullmatch(value):
            yield f"{key('A')}\t{name} {one.key} {value}"
        else:
            rest.features[name] = value
    if one.note and _ONE_LINE.fullmatch(one.note):
        yield f"{key('#')}\t{_OF_TOOL} {one.key}\t{one.note}"
    else:
        rest.note = one.note
    if rest != _Rest():
        yield f"{key('#')}\t{_OF_US} {one.key}\t{msgspec.json.encode(rest).decode()}"
