"""ICD-10-CM codes of indications: from the package simple-icd-10-cm (extra `icd10`), or from a code list of the user.

A list has one code a line, white space, and its description, as the files of the United States' CMS (icd10cm-codes-YEAR.txt).
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from shared.errors import AdrwatchError
from shared.vocabulary.phrases import stems, words

PACKAGE = "package"
PREFIX = "ICD10CM:"
_LINE = re.compile(r"([A-Z]\d[0-9A-Z])\.?([0-9A-Z]{0,4})\s+(\S.*)")
# Words of a classification that nobody says.
_SILENT = frozenset({"unspecified", "nos", "other", "disease", "disorder"})


@dataclass(frozen=True, slots=True)
class Code:
    """A code, with its point, and its description."""

    code: str
    name: str


class Icd10:
    """Codes by what their descriptions say, compared by stems without "unspecified" and "NOS"."""

    def __init__(self, names: Iterable[tuple[Code, str]]) -> None:
        """Pairs of a code and a name of it: its description or an inclusion term."""
        self._codes: defaultdict[frozenset[str], list[Code]] = defaultdict(list)
        for code, name in names:
            key = _key(name)
            if key and code not in self._codes[key]:
                self._codes[key].append(code)

    def __len__(self) -> int:
        return len({code for listed in self._codes.values() for code in listed})

    def codes(self, *phrases: str) -> list[Code]:
        """The codes of the first of the phrases that names any, the shortest code first."""
        for phrase in phrases:
            if found := self._codes.get(_key(phrase)):
                return sorted(found, key=lambda code: (len(code.code), code.code))
        return []


@functools.cache
def load_icd10(setting: str) -> Icd10:
    """Read what the setting `icd10` names. Raises AdrwatchError where it is not installed, not there, or broken."""
    return Icd10(_of_package() if setting == PACKAGE else _of_file(Path(setting)))


def _of_package() -> Iterator[tuple[Code, str]]:
    try:
        package = import_module("simple_icd_10_cm")
    except ModuleNotFoundError:
        raise AdrwatchError(
            "ADRWATCH_ICD10=package needs simple-icd-10-cm", fix="pip install 'adrwatch[icd10]', or give a code list"
        ) from None
    for key in package.get_all_codes(True):
        if package.is_category_or_subcategory(key) and not package.is_extended_subcategory(key):
            code = Code(key, package.get_description(key))
            for name in (code.name, *package.get_inclusion_term(key)):
                yield code, name


def _of_file(path: Path) -> Iterator[tuple[Code, str]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise AdrwatchError(f"ICD-10-CM list {path} cannot be read: {error.strerror}", fix=_FIX) from None
    except UnicodeDecodeError as error:
        raise AdrwatchError(f"ICD-10-CM list {path} is not UTF-8: {error}", fix=_FIX) from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.strip())
        if not match:
            raise AdrwatchError(f"ICD-10-CM list {path}, line {number}: a code and a description expected", fix=_FIX)
        code = Code(f"{match[1]}.{match[2]}" if match[2] else match[1], match[3])
        yield code, code.name


def _key(name: str) -> frozenset[str]:
    listed = words(name)
    return (
        stems(word for word in listed if word not in _SILENT)
        if any(word not in _SILENT for word in listed)
        else frozenset()
    )


_FIX = "set ADRWATCH_ICD10 to `package` or to a file such as icd10cm-codes-2026.txt"
