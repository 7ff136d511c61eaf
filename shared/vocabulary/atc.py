"""ATC codes of medicines, from a table that the user brings: adrwatch ships none (copyright of the WHO Collaborating Centre).

The table is CSV, plain or .xz, with at least the columns atc_code and atc_name, as tools that collect the WHO's index write it.
"""

from __future__ import annotations

import csv
import functools
import lzma
import re
from collections import defaultdict
from pathlib import Path

from shared.errors import AdrwatchError
from shared.settings import Settings
from shared.vocabulary import own_file
from shared.vocabulary.drugs import DrugLexicon, default_lexicon
from shared.vocabulary.own import over

PREFIX = "ATC:"
# Seven characters name a substance; shorter codes are groups.
_SUBSTANCE = re.compile(r"[A-Z]\d\d[A-Z]{2}\d\d")
_CODE = re.compile(r"[A-Z](\d\d([A-Z]([A-Z](\d\d)?)?)?)?")


def read_atc(path: Path) -> dict[str, tuple[str, ...]]:
    """Codes of each substance by its name, lower case; a substance has one code a use. Raises AdrwatchError with the line."""
    try:
        raw = path.read_bytes()
        text = (lzma.decompress(raw) if path.suffix == ".xz" else raw).decode("utf-8-sig")
    except OSError as error:
        raise AdrwatchError(f"ATC table {path} cannot be read: {error.strerror}", fix=_FIX) from None
    except (lzma.LZMAError, UnicodeDecodeError) as error:
        raise AdrwatchError(f"ATC table {path} is damaged: {error}", fix=_FIX) from None
    rows = csv.DictReader(text.splitlines())
    if not {"atc_code", "atc_name"} <= set(rows.fieldnames or ()):
        raise AdrwatchError(f"ATC table {path}: the header lacks the columns atc_code and atc_name", fix=_FIX)
    found: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        code, name = (row["atc_code"] or "").strip(), (row["atc_name"] or "").strip()
        if not _CODE.fullmatch(code) or not name:
            raise AdrwatchError(
                f"ATC table {path}, line {rows.line_num}: a code such as N06AB06 and a name expected", fix=_FIX
            )
        if _SUBSTANCE.fullmatch(code):
            found[name.lower()].add(f"{PREFIX}{code}")
    return {name: tuple(sorted(codes)) for name, codes in found.items()}


def attach(names: DrugLexicon, codes: dict[str, tuple[str, ...]]) -> DrugLexicon:
    """The lexicon with codes on the ingredients that the table names, by any of their names."""
    by_id: defaultdict[str, set[str]] = defaultdict(set)
    for name, listed in codes.items():
        if concept := names.concept(name):
            by_id[concept.id].update(listed)
    return names.with_codes({key: tuple(sorted(listed)) for key, listed in by_id.items()})


def shipped(settings: Settings) -> DrugLexicon:
    """The shipped lexicon, with codes where the settings name a table."""
    return default_lexicon() if settings.atc_file is None else _coded(settings.atc_file)


def lexicon(settings: Settings) -> DrugLexicon:
    """The lexicon of what runs without a broker: the shipped one, with the drug list that the settings name over it.

    Workers go by the list of the topic instead (`live.py`).
    """
    base = shipped(settings)
    return base if settings.drugs_file is None else _with_list(base, settings.drugs_file)


@functools.cache
def _coded(path: Path) -> DrugLexicon:
    return attach(default_lexicon(), read_atc(path))


@functools.cache
def _with_list(base: DrugLexicon, path: Path) -> DrugLexicon:
    return over(base, own_file.read(path, base, {}))


_FIX = "set ADRWATCH_ATC_FILE to a CSV with the columns atc_code and atc_name, or unset it"
