"""UIMA CAS XMI with its type system, as INCEpTION and WebAnno write and read it, by DKPro cassis (the extra `annotation`).

cassis turns the offsets of the files, units of UTF-16, into characters. Tokens and sentences are not annotations of people: they
are left out in reading, and made anew in writing.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from services.annotation.layout import POST_LAYER, Arc, Mark, gathered
from shared.corpora.documents import Document, Value
from shared.errors import AdrwatchError

if TYPE_CHECKING:
    from cassis import Cas, TypeSystem

_SEGMENTS = "de.tudarmstadt.ukp.dkpro.core.api.segmentation.type."
TOKEN, SENTENCE = f"{_SEGMENTS}Token", f"{_SEGMENTS}Sentence"
METADATA = "de.tudarmstadt.ukp.dkpro.core.api.metadata.type.DocumentMetaData"
# What the tools keep for themselves.
OF_TOOLS = (
    "uima.",
    TOKEN,
    SENTENCE,
    "de.tudarmstadt.ukp.dkpro.core.api.metadata.type.",
    "de.tudarmstadt.ukp.clarin.webanno.api.type.",
)
ANNOTATION = "uima.tcas.Annotation"
SOURCE, TARGET = "Governor", "Dependent"
BUILT_IN = ("sofa", "begin", "end")
# Names of features that cassis gives others to, for they mean something in Python.
RESERVED = {"self": "self_", "type": "type_"}
_RESERVED_BACK = {other: name for name, other in RESERVED.items()}


@contextmanager
def without_warnings() -> Iterator[None]:
    """cassis warns of names that it gives others to: `RESERVED`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


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
        with without_warnings():
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


def _document(identity: str, cas: Cas, without: Collection[str]) -> Document:
    text = cas.sofa_string or ""
    found = sorted(
        (fs for fs in cas.select_all_fs() if not fs.type.name.startswith(OF_TOOLS) and fs.type.name not in without),
        key=lambda fs: fs.xmiID or 0,
    )
    marks: list[Mark] = []
    index: dict[int, int] = {}
    related: list[Any] = []
    labels: dict[str, str] = {}
    for fs in found:
        layer, names = fs.type.name, {feature.name for feature in fs.type.all_features}
        if {SOURCE, TARGET} <= names:
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
        ends = [index.get(id(fs.get(name))) for name in (SOURCE, TARGET)]
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
        if feature.name in (*BUILT_IN, SOURCE, TARGET) or value is None:
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


def _broken() -> tuple[type[Exception], ...]:
    """What cassis stumbles with over a file that contradicts its types or itself."""
    from cassis.typesystem import TypeNotFoundError

    return (TypeNotFoundError, LookupError, ValueError, TypeError, AttributeError, RuntimeError, AssertionError)


def _not_xml(name: str, error: SyntaxError) -> AdrwatchError:
    return AdrwatchError(
        f"{name}, line {error.lineno}: not XML 1.0 ({type(error).__name__})",
        fix="export it again, as UIMA CAS XMI (XML 1.0)",
    )
