"""UIMA CAS XMI with its type system, as INCEpTION and WebAnno write and read it, by DKPro cassis (the extra `annotation`).

cassis turns the offsets of the files, units of UTF-16, into characters. Tokens and sentences are not annotations of people: they
are left out in reading, and made anew in writing.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from services.annotation.layout import POST_LAYER, Arc, Mark, cannot, flattened, gathered
from shared.corpora.documents import Document, Value
from shared.errors import AdrwatchError

if TYPE_CHECKING:
    from cassis import Cas, TypeSystem

_SEGMENTS = "de.tudarmstadt.ukp.dkpro.core.api.segmentation.type."
_TOKEN, _SENTENCE = f"{_SEGMENTS}Token", f"{_SEGMENTS}Sentence"
_METADATA = "de.tudarmstadt.ukp.dkpro.core.api.metadata.type.DocumentMetaData"
# What the tools keep for themselves.
_OF_TOOLS = (
    "uima.",
    _TOKEN,
    _SENTENCE,
    "de.tudarmstadt.ukp.dkpro.core.api.metadata.type.",
    "de.tudarmstadt.ukp.clarin.webanno.api.type.",
)
_ANNOTATION, _OF_DOCUMENT = "uima.tcas.Annotation", "uima.cas.AnnotationBase"
_SOURCE, _TARGET = "Governor", "Dependent"
_BUILT_IN = ("sofa", "begin", "end")
_WORD = re.compile(r"\w+|[^\w\s]")
# What XML 1.0 cannot hold, not even escaped.
_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INTEGERS = range(-(2**31), 2**31)
# Names of features that cassis gives others to, for they mean something in Python.
_RESERVED = {"self": "self_", "type": "type_"}
_RESERVED_BACK = {other: name for name, other in _RESERVED.items()}


def require_cassis() -> None:
    """Raises AdrwatchError where cassis is not installed."""
    from importlib.util import find_spec

    if find_spec("cassis") is None:
        raise AdrwatchError(
            "UIMA XMI needs dkpro-cassis, which is not installed", fix="pip install 'adrwatch[annotation]'"
        )


def read_types(content: bytes, name: str) -> TypeSystem:
    """A type system. Raises AdrwatchError that names the file."""
    from cassis import load_typesystem
    from lxml.etree import XMLSyntaxError

    try:
        with _without_warnings():
            return load_typesystem(io.BytesIO(content))
    except XMLSyntaxError as error:
        raise _not_xml(name, error) from None
    except _broken() as error:
        raise AdrwatchError(
            f"{name} is not a type system of UIMA ({type(error).__name__})", fix="export it again"
        ) from None


def read(identity: str, content: bytes, types: TypeSystem, name: str, without: Collection[str] = ()) -> Document:
    """A document of an XMI file; layers of `without` are left out. Raises AdrwatchError that names the file."""
    from cassis import load_cas_from_xmi
    from lxml.etree import XMLSyntaxError

    try:
        with warnings.catch_warnings():
            # So cassis says that an offset is outside the text, or inside a character.
            warnings.simplefilter("error", UserWarning)
            cas = load_cas_from_xmi(io.BytesIO(content), types)
    except UserWarning:
        raise AdrwatchError(f"{name}: an annotation lies outside its text", fix="export it again") from None
    except XMLSyntaxError as error:
        raise _not_xml(name, error) from None
    except _broken() as error:
        raise AdrwatchError(
            f"{name} is not a UIMA CAS of its type system ({type(error).__name__})",
            fix="keep the TypeSystem.xml of the same export beside it",
        ) from None
    try:
        return _document(identity, cas, without)
    except AdrwatchError as error:
        raise AdrwatchError(f"{name}: {error.message}", fix=error.fix) from None


def write(documents: Sequence[Document]) -> tuple[bytes, list[bytes]]:
    """The type system of all documents, and each as XMI. Raises AdrwatchError for what the format cannot hold."""
    flat = [flattened(document) for document in documents]
    types = _type_system(documents, flat)
    return types.to_xml().encode(), [
        _written(document, marks, arcs, types) for document, (marks, arcs) in zip(documents, flat, strict=True)
    ]


def _document(identity: str, cas: Cas, without: Collection[str]) -> Document:
    text = cas.sofa_string or ""
    found = sorted(
        (fs for fs in cas.select_all_fs() if not fs.type.name.startswith(_OF_TOOLS) and fs.type.name not in without),
        key=lambda fs: fs.xmiID or 0,
    )
    marks: list[Mark] = []
    index: dict[int, int] = {}
    related: list[Any] = []
    labels: dict[str, str] = {}
    for fs in found:
        layer, names = fs.type.name, {feature.name for feature in fs.type.all_features}
        if {_SOURCE, _TARGET} <= names:
            related.append(fs)
        elif "begin" in names:
            if not 0 <= (fs.begin or 0) <= (fs.end or 0) <= len(text):
                raise AdrwatchError(f"an annotation of {layer} lies outside its text", fix="export it again")
            index[id(fs)] = len(marks)
            marks.append(Mark(layer, fs.begin, fs.end, _features(fs)))
        elif "sofa" in names:
            prefix = "" if layer == POST_LAYER else f"{layer}."
            labels |= {f"{prefix}{name}": _said(value) for name, value in _features(fs).items()}
    arcs = []
    for fs in related:
        ends = [index.get(id(fs.get(name))) for name in (_SOURCE, _TARGET)]
        if ends[0] is None or ends[1] is None:
            raise AdrwatchError(
                f"a relation of {fs.type.name} to what is no annotation here",
                fix=f"leave the layer out: --without {fs.type.name}",
            )
        arcs.append(Arc(fs.type.name, ends[0], ends[1], _features(fs)))
    return gathered(identity, text, marks, arcs, labels)


def _features(fs: Any) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for feature in fs.type.all_features:
        value, name = getattr(fs, feature.name), _RESERVED_BACK.get(feature.name, feature.name)
        if feature.name in (*_BUILT_IN, _SOURCE, _TARGET) or value is None:
            continue
        if not isinstance(value, str | bool | int | float) or (isinstance(value, float) and not math.isfinite(value)):
            raise AdrwatchError(
                f"the feature {feature.name} of the layer {fs.type.name} is no text, number or truth value",
                fix=f"leave the layer out: --without {fs.type.name}",
            )
        found[name] = value
    return found


def _said(value: Value) -> str:
    """A label is a word: a truth value is yes or no."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _type_system(documents: Sequence[Document], flat: Sequence[tuple[list[Mark], list[Arc]]]) -> TypeSystem:
    from cassis import TypeSystem

    types = TypeSystem()
    for name, parent in ((_TOKEN, _ANNOTATION), (_SENTENCE, _ANNOTATION), (_METADATA, "uima.tcas.DocumentAnnotation")):
        types.create_type(name, parent)
    for feature in ("documentId", "documentTitle"):
        types.create_feature(_METADATA, feature, "uima.cas.String")
    ranges: dict[tuple[str, str], str] = {}
    parents: dict[str, str] = {}
    for document, (marks, arcs) in zip(documents, flat, strict=True):
        of_layers: list[tuple[str, str, dict[str, Value]]] = [
            *((mark.layer, _ANNOTATION, mark.features) for mark in marks),
            *((arc.layer, "relation", arc.features) for arc in arcs),
            *((layer, _OF_DOCUMENT, {name: value}) for layer, name, value in _labels(document)),
        ]
        for layer, parent, features in of_layers:
            if layer.startswith(_OF_TOOLS) or parents.setdefault(layer, parent) != parent:
                raise cannot(document, "XMI", f"a layer named {layer}, which is another one already")
            for feature, value in features.items():
                kind = _range(document, feature, value)
                if feature in (*_BUILT_IN, _SOURCE, _TARGET) or ranges.setdefault((layer, feature), kind) != kind:
                    raise cannot(document, "XMI", f"values of several kinds in the feature {feature} of {layer}")
    for layer, parent in parents.items():
        types.create_type(layer, _ANNOTATION if parent == "relation" else parent)
        for end in (_SOURCE, _TARGET) if parent == "relation" else ():
            types.create_feature(layer, end, _ANNOTATION)
    with _without_warnings():
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


def _labels(document: Document) -> list[tuple[str, str, str]]:
    """Layer, feature and value of each label: of our own layer, or of the one that stands before the point."""
    found = []
    for name, value in document.labels.items():
        layer, _, feature = name.rpartition(".")
        if not re.fullmatch(r"[A-Za-z]\w*", feature, re.ASCII):
            raise cannot(document, "XMI", "a label whose name is not letters, digits and underscores")
        found.append((layer or POST_LAYER, feature, value))
    return found


def _written(document: Document, marks: Sequence[Mark], arcs: Sequence[Arc], types: TypeSystem) -> bytes:
    from cassis import Cas

    values = [str(value) for one in (*marks, *arcs) for value in one.features.values()]
    if bad := _NOT_XML.search("".join([document.id, document.text, *values, *document.labels.values()])):
        raise cannot(document, "XML", f"the character U+{ord(bad[0]):04X}", fix="export to brat")
    cas = Cas(types)
    cas.sofa_string, cas.sofa_mime = document.text, "text/plain"
    length = len(document.text)
    cas.add(
        types.get_type(_METADATA)(
            begin=0, end=length, documentId=document.id, documentTitle=document.id, language="x-unspecified"
        )
    )
    words = [found.span() for found in _WORD.finditer(document.text)]
    for start, end in words:
        cas.add(types.get_type(_TOKEN)(begin=start, end=end))
    if words:
        cas.add(types.get_type(_SENTENCE)(begin=words[0][0], end=words[-1][1]))
    made = []
    for mark in marks:
        made.append(types.get_type(mark.layer)(begin=mark.start, end=mark.end, **_python(mark.features)))
        cas.add(made[-1])
    for arc in arcs:
        ends = {_SOURCE: made[arc.source], _TARGET: made[arc.target]}
        # A relation lies where its target does.
        place = {"begin": ends[_TARGET].begin, "end": ends[_TARGET].end}
        cas.add(types.get_type(arc.layer)(**place, **ends, **_python(arc.features)))
    of_layers: dict[str, dict[str, str]] = {}
    for layer, feature, value in _labels(document):
        of_layers.setdefault(layer, {})[feature] = value
    for layer, features in of_layers.items():
        cas.add(types.get_type(layer)(**_python(features)))
    written = cas.to_xmi()
    return (written or "").encode()


def _broken() -> tuple[type[Exception], ...]:
    """What cassis stumbles with over a file that contradicts its types or itself."""
    from cassis.typesystem import TypeNotFoundError

    return (TypeNotFoundError, LookupError, ValueError, TypeError, AttributeError, RuntimeError, AssertionError)


@contextmanager
def _without_warnings() -> Iterator[None]:
    """cassis warns of names that it gives others to: `_RESERVED`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _python(features: Mapping[str, Value] | Mapping[str, str]) -> dict[str, Value]:
    return {_RESERVED.get(name, name): value for name, value in features.items()}


def _not_xml(name: str, error: SyntaxError) -> AdrwatchError:
    return AdrwatchError(
        f"{name}, line {error.lineno}: not XML 1.0 ({type(error).__name__})",
        fix="export it again, as UIMA CAS XMI (XML 1.0)",
    )
