"""A team's own drug list as a file: CSV, TSV or TOML, with the columns name, drug, kind, label, needs_context."""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from shared.errors import AdrwatchError
from shared.events import Concept, OwnName
from shared.vocabulary.drugs import DrugLexicon
from shared.vocabulary.own import EXCLUDED, OwnNames, ingredient, kind_of, normal_name, own_ingredients

COLUMNS = ("name", "drug", "kind", "label", "needs_context")
FORMS = ("csv", "tsv", "toml")
_YES, _NO = ("yes", "true", "1"), ("", "no", "false", "0")
_FIX = f"write a CSV, TSV or TOML (docs/vocabularies.md) with {', '.join(COLUMNS)}; name is always needed"
# As many wrong lines are named; a file of another kind has them all wrong.
_SHOWN = 20


def form_of(path: Path) -> str:
    """The form of a file by its ending. Raises AdrwatchError for any other."""
    form = path.suffix.lower().removeprefix(".")
    if form not in FORMS:
        raise AdrwatchError(f"{path} is neither .csv, .tsv nor .toml", fix="give the file one of these endings")
    return form


def read(path: Path, lexicon: DrugLexicon, before: OwnNames) -> dict[str, OwnName]:
    """The names of a file, each checked against the shipped lexicon and the list `before`.

    Raises one AdrwatchError that says of every line what is wrong with it.
    """
    found: dict[str, OwnName] = {}
    wrong: list[str] = []
    known = own_ingredients(before)
    for where, row in _rows(path):
        try:
            one = named(row, lexicon, known)
            if found.setdefault(one.name, one) != one:
                raise AdrwatchError(f"{one.name!r} stands here a second time, and otherwise")
            if one.drug is not None:
                known[one.drug.id] = one.drug
        except AdrwatchError as error:
            wrong.append(f"  {where}: {error}")
    if wrong:
        more = f"\n  and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise AdrwatchError(
            f"{path} has {len(wrong)} wrong {'entry' if len(wrong) == 1 else 'entries'}; nothing was taken\n"
            + "\n".join(wrong[:_SHOWN]) + more, fix="mend these and repeat",
        )  # fmt: skip
    return found


def named(row: dict[str, str], lexicon: DrugLexicon, known: Mapping[str, Concept]) -> OwnName:
    """One row as a name. Raises AdrwatchError for what is wrong with it."""
    name = normal_name(row.get("name", ""))
    drug, label = row.get("drug", "").strip(), row.get("label", "")
    kind = kind_of(row.get("kind", ""))
    context = row.get("needs_context", "").strip().lower()
    if context not in _YES + _NO:
        raise AdrwatchError(f"needs_context is {context!r}", fix="yes or no")
    if kind != EXCLUDED:
        if not drug:
            raise AdrwatchError(f"{name!r} has no drug", fix="give the ingredient's id or name")
        concept = ingredient(drug, label, known, lexicon)
        return OwnName(name=name, kind=kind, drug=concept, needs_context=context in _YES)
    if drug or label:
        raise AdrwatchError(f"{name!r} is excluded and has a drug or label", fix="leave drug and label empty")
    if lexicon.concept(name) is None:
        raise AdrwatchError(f"{name!r} is no shipped name", fix="only shipped names are excluded; own ones are removed")
    return OwnName(name=name, kind=EXCLUDED, needs_context=context in _YES)


def write(names: OwnNames, form: str) -> str:
    """A list in a form that `read` takes, in the order of the names."""
    rows = [_row(names[name]) for name in sorted(names)]
    if form == "toml":
        tables = ({key: value for key, value in row.items() if value} for row in rows)
        return "\n".join("[[names]]\n" + "".join(_line(*item) for item in one.items()) for one in tables)
    made = io.StringIO()
    writer = csv.DictWriter(made, COLUMNS, delimiter=_delimiter(form), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return made.getvalue()


def _row(one: OwnName) -> dict[str, str]:
    drug, label = (one.drug.id, one.drug.label) if one.drug else ("", "")
    context = "yes" if one.needs_context else ""
    return dict(zip(COLUMNS, (one.name, drug, one.kind, label, context), strict=True))


def _line(key: str, value: str) -> str:
    # A basic string of TOML is one of JSON.
    return f"{key} = {msgspec.json.encode(value).decode()}\n"


def _rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Each entry with its place."""
    form = form_of(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise AdrwatchError(f"{path} cannot be read: {error.strerror}", fix="give a file that is there") from None
    except UnicodeDecodeError as error:
        raise AdrwatchError(f"{path} is no UTF-8: {error.reason} at byte {error.start}", fix=_FIX) from None
    return _of_toml(path, text) if form == "toml" else _of_table(path, text, _delimiter(form))


def _of_toml(path: Path, text: str) -> Iterator[tuple[str, dict[str, str]]]:
    try:
        tables = tomllib.loads(text).get("names", [])
    except tomllib.TOMLDecodeError as error:
        raise AdrwatchError(f"{path} is no TOML: {error}", fix=_FIX) from None
    if not (isinstance(tables, list) and all(isinstance(one, dict) for one in tables)):
        raise AdrwatchError(f"{path}: names is no list of tables", fix="begin each entry with [[names]]")
    for number, one in enumerate(tables, start=1):
        _known(path, one)
        yield f"entry {number}", {key: str(value) for key, value in one.items()}


def _of_table(path: Path, text: str, delimiter: str) -> Iterator[tuple[str, dict[str, str]]]:
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        header = rows.fieldnames or ()
        _known(path, header)
        if "name" not in header:
            raise AdrwatchError(f"{path}: the header has no column name", fix=_FIX)
        for row in rows:
            if None in row:
                raise AdrwatchError(f"{path}, line {rows.line_num}: more cells than the header has", fix=_FIX)
            yield f"line {rows.line_num}", {key: value or "" for key, value in row.items()}
    except csv.Error as error:
        raise AdrwatchError(f"{path}, line {rows.line_num}: {error}", fix=_FIX) from None


def _known(path: Path, columns: Iterable[str]) -> None:
    if unknown := [name for name in columns if name not in COLUMNS]:
        raise AdrwatchError(f"{path}: there is no column {unknown[0]!r}", fix=_FIX)


def _delimiter(form: str) -> str:
    return "\t" if form == "tsv" else ","
