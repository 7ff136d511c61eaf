"""How much of a file the vocabularies cover: posts that name a medicine, or phrases that have a concept."""

from __future__ import annotations

import csv
import lzma
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from shared.errors import AdrwatchError
from shared.text import header
from shared.vocabulary.drugs import DrugLexicon
from shared.vocabulary.languages import LanguageReactions
from shared.vocabulary.normaliser import ReactionNormaliser


def rows(file: Path, column: str, where: str | None) -> Iterator[str]:
    """The texts in one column of a CSV or TSV file with a header, `.xz` or plain; `where` is `column=value`.

    A column may be given by its number from 1 where the file has no header.
    """
    name, _, value = (where or "").partition("=")
    for record in _records(file, column):
        if where and record.get(name) != value:
            continue
        if column not in record:
            raise AdrwatchError(
                f"{file} has no column {column}", fix=f"--column NAME; {header.columns(list(filter(None, record)))}"
            )
        yield record[column] or ""


def medicines(texts: Iterator[str], lexicon: DrugLexicon) -> Counter[str]:
    """Posts by whether they name a medicine: keys `named` and `none`."""
    return Counter("named" if lexicon.find(text) else "none" for text in texts)


def reactions(texts: Iterator[str], normaliser: ReactionNormaliser | LanguageReactions) -> Counter[str]:
    """Phrases by the step that found their concept: `phrase`, `trained`, `stems`, `spelling`, `part`, `ranked`, `none`."""
    return Counter(normaliser.match(text).how for text in texts)


def _records(file: Path, column: str) -> Iterator[dict[str, str]]:
    # Tabs part cells in TSV, and nothing else does: a quotation mark there is a character of the text.
    form: dict[str, Any] = (
        {"delimiter": ","} if ".csv" in file.suffixes else {"delimiter": "\t", "quoting": csv.QUOTE_NONE}
    )
    try:
        with _opened(file) as source:
            if column.isdecimal():
                for line in csv.reader(source, **form):
                    yield {str(number): cell for number, cell in enumerate(line, start=1)}
            else:
                yield from csv.DictReader(source, **form)
    except (csv.Error, lzma.LZMAError, EOFError, OSError, UnicodeDecodeError) as error:
        raise AdrwatchError(f"{file} cannot be read: {error}", fix="give a CSV or TSV file in UTF-8") from None


def _opened(file: Path) -> TextIO:
    if file.suffix == ".xz":
        return lzma.open(file, "rt", encoding="utf-8")
    return file.open(encoding="utf-8")
