"""Readers of corpora that name the concepts of phrases, and how a part of their rows is held out.

Errors name the file and line, never its text.
"""

from __future__ import annotations

import csv
import hashlib
import lzma
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from shared.errors import AdrwatchError
from shared.vocabulary.phrases import normal_form

# Of ten parts by hash, this one is held out.
_PARTS, _HELD_OUT = 10, 0
_ID = re.compile(r"[A-Za-z]+:\S+")


class PhraseFormat(StrEnum):
    """Formats of phrases with concepts."""

    SMM4H2017 = "smm4h2017"
    ASKAPATIENT = "askapatient_fold0"
    FOLDS = "cadec_psytar_folds"
    RDRS = "rdrs_ru"


class HoldOut(StrEnum):
    """What is held out of a corpus when a normaliser is trained.

    PHRASES: a tenth of the phrases, so that no phrase is in both parts. ROWS: a tenth of the rows, phrases repeat in both, as in
    the test of #SMM4H 2017. PUBLISHED: the corpus's own test part. NONE: nothing.
    """

    PHRASES = "phrases"
    ROWS = "rows"
    PUBLISHED = "published"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class CodedPhrase:
    """A phrase and its concept's id (`MedDRA:`, `SNOMED:`); `label` where the corpus has it; `tested` in its test part."""

    phrase: str
    concept: str
    label: str = ""
    tested: bool = False


def read_phrases(path: Path, layout: PhraseFormat) -> list[CodedPhrase]:
    """Read a corpus of coded phrases. Raises AdrwatchError for a missing file or a line of another form."""
    return _READERS[layout](path)


def split(pairs: Sequence[CodedPhrase], hold_out: HoldOut) -> tuple[list[CodedPhrase], list[CodedPhrase]]:
    """The pairs to learn from, and those that are held out. Depends on each row alone."""
    if hold_out is HoldOut.PUBLISHED and not any(pair.tested for pair in pairs):
        raise AdrwatchError("this corpus has no published test part", fix="--hold-out phrases, or rows")
    held = [_is_held_out(number, pair, hold_out) for number, pair in enumerate(pairs)]
    rest = [pair for pair, out in zip(pairs, held, strict=True) if not out]
    return rest, [pair for pair, out in zip(pairs, held, strict=True) if out]


def data_hash(pairs: Sequence[CodedPhrase]) -> str:
    """Knows a changed corpus: over all rows, in their order."""
    return hashlib.blake2b(msgspec.json.encode(list(pairs)), digest_size=8).hexdigest()


def phrase_hash(phrase: str) -> int:
    """A number that all ways of writing one normal form share (case, marks, drawn-out letters)."""
    return _hash(normal_form(phrase) or phrase.strip().lower())


def _is_held_out(number: int, pair: CodedPhrase, hold_out: HoldOut) -> bool:
    match hold_out:
        case HoldOut.PHRASES:
            return phrase_hash(pair.phrase) % _PARTS == _HELD_OUT
        case HoldOut.ROWS:
            return _hash(f"{number}\t{pair.phrase}") % _PARTS == _HELD_OUT
        case HoldOut.PUBLISHED:
            return pair.tested
        case HoldOut.NONE:
            return False


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")


def _smm4h2017(path: Path) -> list[CodedPhrase]:
    """Code of a MedDRA preferred term or an id with its prefix (`HP:0002018`), tab, phrase.

    A few rows of the release name neither and are left out.
    """
    rows = [_cells(path, number, line, 2) for number, line in enumerate(_lines(path), start=1)]
    return [
        CodedPhrase(phrase, f"MedDRA:{code}" if code.isdecimal() else code)
        for code, phrase in rows
        if code.isdecimal() or _ID.fullmatch(code)
    ]


def _askapatient(path: Path) -> list[CodedPhrase]:
    """SNOMED code, name, phrase, in ISO 8859-1."""
    rows = [_cells(path, number, line, 3) for number, line in enumerate(_lines(path, "latin-1"), start=1)]
    return [CodedPhrase(phrase, f"SNOMED:{code}", label) for code, label, phrase in rows]


def _folds(path: Path) -> list[CodedPhrase]:
    """A folder with train.txt and test.txt: SNOMED code, tab, phrase; names are in standard.txt, if it is there."""
    standard = path / "standard.txt"
    listed = _lines(standard) if standard.is_file() else []
    rows = [_cells(standard, number, line, 2) for number, line in enumerate(listed, start=1)]
    labels = {row[0]: row[1] for row in rows}
    pairs = []
    for name in ("train.txt", "test.txt"):
        for number, line in enumerate(_lines(path / name), start=1):
            code, phrase = _cells(path / name, number, line, 2)
            pairs.append(CodedPhrase(phrase, f"SNOMED:{code}", labels.get(code, ""), name == "test.txt"))
    return pairs


def _rdrs(path: Path) -> list[CodedPhrase]:
    """CSV with mention, tag, code of a MedDRA preferred term, and fold; the highest fold is the test part."""
    rows = csv.DictReader(_lines(path))
    if not {"mention", "pt code", "fold id"} <= set(rows.fieldnames or ()):
        raise _broken(path, 1, "the header lacks the columns mention, pt code and fold id")
    read = []
    for row in rows:
        if not (row["pt code"] or "").isdecimal() or not (row["fold id"] or "").isdecimal():
            raise _broken(path, rows.line_num, "code and fold must be numbers")
        read.append((row["mention"], f"MedDRA:{row['pt code']}", int(row["fold id"])))
    last = max((fold for *_, fold in read), default=0)
    return [CodedPhrase(phrase, concept, "", fold == last) for phrase, concept, fold in read]


_READERS: dict[PhraseFormat, Callable[[Path], list[CodedPhrase]]] = {
    PhraseFormat.SMM4H2017: _smm4h2017,
    PhraseFormat.ASKAPATIENT: _askapatient,
    PhraseFormat.FOLDS: _folds,
    PhraseFormat.RDRS: _rdrs,
}


def _cells(path: Path, number: int, line: str, count: int) -> list[str]:
    cells = line.split("\t")
    if len(cells) < count or not all(cell.strip() for cell in cells[:count]):
        raise _broken(path, number, f"{count} cells parted by tabs expected")
    return cells[:count]


def _lines(path: Path, encoding: str = "utf-8") -> list[str]:
    if not path.is_file():
        raise AdrwatchError(f"no file of coded phrases at {path}", fix="check --data and --format")
    try:
        raw = path.read_bytes()
        text = (lzma.decompress(raw) if path.suffix == ".xz" else raw).decode(encoding)
    except (UnicodeDecodeError, lzma.LZMAError) as error:
        raise AdrwatchError(
            f"{path} is not readable as {encoding} text: {error}", fix="fetch the file again"
        ) from error
    return text.removesuffix("\n").replace("\r\n", "\n").split("\n")


def _broken(path: Path, line: int, reason: str) -> AdrwatchError:
    return AdrwatchError(f"{path}, line {line}: {reason}", fix="repair or remove the line, or choose its --format")
