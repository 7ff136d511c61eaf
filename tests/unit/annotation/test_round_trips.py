"""What goes out to a tool's files comes back the same: property tests, and a document with everything in it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.annotation import formats
from services.annotation.writing import write_file, write_folder
from shared.corpora.documents import Document, Span, canonical, dumped, read_documents
from shared.errors import AdrwatchError
from tests.unit.annotation.documents import ANY_VALUE, ODD_TEXT, documents, headache

FEW = settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def back(files: Mapping[str, bytes]) -> list[Document]:
    """What is read of a folder with these files."""
    with tempfile.TemporaryDirectory() as place:
        write_folder(Path(place) / "export", files)
        return formats.read(Path(place) / "export", None, None, ())


def one(document: Document, name: str) -> Document:
    (found,) = back(formats.written([document], name))
    return found


@pytest.mark.parametrize("name", ["xmi", "tsv", "brat"])
def test_a_document_with_everything_comes_back_from_every_tool(name: str) -> None:
    document = headache()
    # TSV knows no types of values.
    spans = [span if name != "tsv" or "sure" not in span.features else _as_text(span) for span in document.spans]
    expected = canonical(Document(document.id, document.text, document.labels, tuple(spans), document.links))
    assert canonical(one(document, name)) == expected


def _as_text(span: Span) -> Span:
    return msgspec.structs.replace(span, features={name: str(value).lower() for name, value in span.features.items()})


@FEW
@given(documents(ANY_VALUE))
def test_brat_loses_nothing(document: Document) -> None:
    assert canonical(one(document, "brat")) == canonical(document)


@FEW
@given(documents(ODD_TEXT | st.booleans()))
def test_xmi_loses_nothing(document: Document) -> None:
    try:
        files = formats.written([document], "xmi")
    except AdrwatchError as error:
        # A feature of a layer has one kind of value.
        assert "several kinds" in error.message  # noqa: PT017
        return
    assert canonical(back(files)[0]) == canonical(document)


@FEW
@given(documents(ODD_TEXT, words_only=True))
def test_tsv_loses_nothing(document: Document) -> None:
    assert canonical(one(document, "tsv")) == canonical(document)


@FEW
@given(st.lists(documents(ANY_VALUE), max_size=2, unique_by=lambda document: document.id))
def test_a_corpus_loses_nothing(found: list[Document]) -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "corpus.jsonl"
        write_file(path, dumped(found))
        assert read_documents(path) == found if found else path.read_bytes() == b""
