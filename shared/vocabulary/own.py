"""A team's own drug list: names, brands, misspellings and slang over the shipped lexicon, and shipped names that count no more."""

from __future__ import annotations

import difflib
import hashlib
import re
import unicodedata
from collections.abc import Mapping
from typing import Literal

import msgspec

from shared.errors import AdrwatchError, BadMessage
from shared.events import Concept, OwnKind, OwnName, decode
from shared.text.clean import EMAIL_MASK, HANDLE_MASK, URL_MASK
from shared.vocabulary.drugs import DrugLexicon, normal

EXCLUDED: Literal["excluded"] = "excluded"
KINDS: tuple[OwnKind, ...] = ("name", "brand", "misspelling", "slang", EXCLUDED)
# Own names by their normal form.
OwnNames = Mapping[str, OwnName]

_OWN_ID = re.compile(r"own:[a-z0-9][a-z0-9._-]{0,59}")
_MOST_LETTERS = 100
_MASKS = {mask.lower().lstrip("@") for mask in (EMAIL_MASK, HANDLE_MASK, URL_MASK)}


def normal_name(text: str) -> str:
    """The normal form of one name, in which the list keeps it. Raises AdrwatchError where no post could ever hold it."""
    name = " ".join(normal(unicodedata.normalize("NFC", text)).split())
    if not 2 <= len(name) <= _MOST_LETTERS:
        raise AdrwatchError(f"{name!r} is no name of a medicine", fix=f"a name has two to {_MOST_LETTERS} characters")
    if not (name[0].isalnum() and name[-1].isalnum() and name.isprintable() and any(c.isalpha() for c in name)):
        raise AdrwatchError(
            f"{name!r} is no name of a medicine", fix="a name has a letter, and begins and ends with letters or digits"
        )
    if name in _MASKS:
        raise AdrwatchError(f"{name!r} stands for what was masked in posts", fix="choose another name")
    return name


def kind_of(word: str) -> OwnKind:
    """A kind of name by its word, `name` where there is none. Raises AdrwatchError for any other word."""
    wanted = word.strip().lower() or "name"
    for kind in KINDS:
        if kind == wanted:
            return kind
    raise AdrwatchError(f"there is no kind {wanted!r}", fix=f"kinds are {', '.join(KINDS)}")


def ingredient(drug: str, label: str, known: Mapping[str, Concept], lexicon: DrugLexicon) -> Concept:
    """The ingredient that a person means by an id, by any of its names, or by a new id `own:...` with a label.

    `known` are the list's own ingredients by id. Raises AdrwatchError where nothing is meant.
    """
    drug, label = drug.strip(), " ".join(label.split())
    by_id = lexicon.ingredients.get(drug)
    found = by_id or known.get(drug) or lexicon.concept(normal(drug))
    if found is None and _OWN_ID.fullmatch(drug):
        if not label:
            raise AdrwatchError(f"{drug} is new and has no label", fix="give the ingredient's name as its label")
        return Concept(drug, label)
    if found is None:
        raise AdrwatchError(f"no ingredient is known as {drug!r}", fix=_nearest(drug, lexicon))
    if label and label != found.label:
        raise AdrwatchError(f"{drug} is called {found.label}, not {label}", fix="leave the label out")
    return Concept(found.id, found.label)


def own_ingredients(names: OwnNames) -> dict[str, Concept]:
    """The ingredients of a list, by id."""
    return {one.drug.id: one.drug for one in names.values() if one.drug is not None}


def version(names: OwnNames) -> str:
    """Eight hexadecimal digits that tell one list from another; empty for an empty list. The order is nothing to it."""
    if not names:
        return ""
    rows = [msgspec.json.encode(names[name]) for name in sorted(names)]
    return hashlib.blake2b(b"\n".join(rows), digest_size=4).hexdigest()


def over(lexicon: DrugLexicon, names: OwnNames) -> DrugLexicon:
    """The lexicon with a list over it. An ingredient that the lexicon has keeps its label and codes."""
    if not names:
        return lexicon
    chosen = dict(lexicon.names)
    needing = set()
    for one in names.values():
        if one.drug is not None:
            chosen[one.name] = lexicon.ingredients.get(one.drug.id, one.drug)
        elif not one.needs_context:
            chosen.pop(one.name, None)
        if one.needs_context:
            needing.add(one.name)
    own = version(names)
    return DrugLexicon(chosen.items(), f"{lexicon.release}+list-{own}", needing, own)


def take(names: dict[str, OwnName], key: str, value: bytes | None) -> None:
    """Take a record of the topic into a list. Raises BadMessage for one that is no name, which then counts as a removal.

    So all readers agree, whether they have seen the record before it or compaction has taken it away.
    """
    names.pop(key, None)
    if value is None:
        return
    one = decode(value, OwnName)
    try:
        sound = normal_name(one.name) == one.name == key and (one.drug is None) == (one.kind == EXCLUDED)
    except AdrwatchError:
        sound = False
    if not sound:
        raise BadMessage("schema", "a name, its kind and its drug do not belong together")
    names[key] = one


def _nearest(drug: str, lexicon: DrugLexicon) -> str:
    labels = [concept.label for concept in lexicon.ingredients.values()]
    close = difflib.get_close_matches(normal(drug), labels, n=1)
    new = "a new ingredient has an id such as own:novelmab, and a label"
    return f"did you mean {close[0]}? Else: {new}" if close else f"give an ingredient's id or a name of it; {new}"
