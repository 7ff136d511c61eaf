"""Names of medicines packed into the queries of a network's search, for networks that are asked for words: pure functions.

What X's rules and Reddit's search have in common: a word stands as it is, a phrase in quotation marks, OR in capitals parts
alternatives, parentheses hold them together. Sources: docs.x.com, "Build a rule"; Reddit's search help, "Boolean operators".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.vocabulary.drugs import DrugLexicon

OR = " OR "
_WORD = re.compile(r"[a-z0-9]+")
_OPERATORS = frozenset({"or", "and", "not"})
# A query with less room than the shortest names take is full.
_FULL = len(OR) + 3


@dataclass(frozen=True)
class Watched:
    """What is looked for. `unknown`: entries of `drugs` that the lexicon lacks; `hopeless`: names that no query can find."""

    terms: list[str]
    medicines: int
    names: int
    unknown: list[str]
    hopeless: list[str]


def term(name: str) -> str | None:
    """A name as a query has it, or None where no query could find it."""
    name = " ".join(name.lower().split())
    if _WORD.fullmatch(name) and name not in _OPERATORS:
        return name
    if not any(letter.isalnum() for letter in name):
        return None
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def terms(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """The terms that find all of the names, in their order, each once; and the names that no term can find.

    A name that has a word which is looked for anyway needs none of its own.
    """
    found: dict[str, None] = {}
    hopeless: list[str] = []
    for name in names:
        made = term(name)
        if made is None:
            hopeless.append(name)
        else:
            found[made] = None
    words = {one for one in found if _WORD.fullmatch(one)}
    return [one for one in found if one in words or not words.intersection(one.strip('"').split())], hopeless


def pack(terms: Sequence[str], suffix: str, length: int, most: int | None = None) -> tuple[list[str], list[str]]:
    """As few queries as go, each of at most `length` characters and with the suffix; and the terms that found no place.

    First fit, in the order of the terms, so that with `most` queries, too few, the last ones are left out.
    """
    room = length - len(query([], suffix))
    bins: list[list[str]] = []
    open_bins: list[tuple[list[str], list[int]]] = []
    left_out: list[str] = []
    for one in terms:
        need = len(one)
        for held, left in open_bins:
            if left[0] >= need + len(OR):
                held.append(one)
                left[0] -= need + len(OR)
                break
        else:
            if need > room or (most is not None and len(bins) >= most):
                left_out.append(one)
                continue
            bins.append([one])
            open_bins.append((bins[-1], [room - need]))
        open_bins = [(held, left) for held, left in open_bins if left[0] >= _FULL]
    return [query(held, suffix) for held in bins], left_out


def query(held: Sequence[str], suffix: str = "") -> str:
    """The query that finds any of the terms; `suffix` stands behind them."""
    return f"({OR.join(held)}) {suffix}".strip()


def watched(lexicon: DrugLexicon, drugs: tuple[str, ...]) -> Watched:
    """The names of the medicines that `drugs` chooses by id, ingredient or any name, in that order; of all where it is empty."""
    rows = list(lexicon.rows())
    unknown: list[str] = []
    if drugs:
        by_key: dict[str, str] = {}
        for _, concept in rows:
            by_key[concept.id.casefold()] = by_key[concept.label.casefold()] = concept.id
        order: dict[str, int] = {}
        for one in drugs:
            concept_of = lexicon.concept(one.casefold())
            chosen = by_key.get(one.casefold()) or (concept_of.id if concept_of else None)
            if chosen is None:
                unknown.append(one)
            else:
                order.setdefault(chosen, len(order))
        rows = sorted((row for row in rows if row[1].id in order), key=lambda row: order[row[1].id])
    found, hopeless = terms(name for name, _ in rows)
    return Watched(found, len({concept.id for _, concept in rows}), len(rows), unknown, hopeless)
