"""Rules of the filtered stream and queries of recent search, made of names of medicines: pure functions.

Source: docs.x.com, "Build a rule" and "Build a query": keywords match tokens, which punctuation parts; a phrase stands in quotation
marks; OR parts alternatives, a space joins; a rule cannot be changed, only added and deleted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

_OR = " OR "
_WORD = re.compile(r"[a-z0-9]+")
_OPERATORS = frozenset({"or", "and", "not"})
# A rule with less room than the shortest names take is full.
_FULL = len(_OR) + 3


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as X has it. `ours`: it carries the tag of this source."""

    id: str
    value: str
    ours: bool


@dataclass(frozen=True)
class Plan:
    """What makes the rules at X those that are wanted; `left_out` are terms for which no rule is left."""

    add: list[str] = field(default_factory=list)
    delete: list[str] = field(default_factory=list)
    keep: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def term(name: str) -> str | None:
    """A name as a rule has it, or None where no rule could find it."""
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
    """As few rules as go, each of at most `length` characters and with the suffix; and the terms that found no place.

    First fit, in the order of the terms, so that with too few rules the last ones are left out.
    """
    room = length - len(_rule([], suffix))
    bins: list[list[str]] = []
    open_bins: list[tuple[list[str], list[int]]] = []
    left_out: list[str] = []
    for one in terms:
        need = len(one)
        for held, left in open_bins:
            if left[0] >= need + len(_OR):
                held.append(one)
                left[0] -= need + len(_OR)
                break
        else:
            if need > room or (most is not None and len(bins) >= most):
                left_out.append(one)
                continue
            bins.append([one])
            open_bins.append((bins[-1], [room - need]))
        open_bins = [(held, left) for held, left in open_bins if left[0] >= _FULL]
    return [_rule(held, suffix) for held in bins], left_out


def plan(existing: Sequence[Rule], wanted: Sequence[str], suffix: str, length: int, most: int) -> Plan:
    """The smallest change of X's rules: those of ours that hold only wanted terms stay; rules of others are never touched.

    All are made anew only where the change alone would leave terms out.
    """
    free = most - sum(not one.ours for one in existing)
    ours = [one for one in existing if one.ours]
    pool = dict.fromkeys(wanted)
    kept: list[Rule] = []
    for rule in ours:
        held = _terms_of(rule.value, suffix)
        if held and len(rule.value) <= length and all(one in pool for one in held):
            kept.append(rule)
            for one in held:
                del pool[one]
    delete = [one.id for one in ours if one not in kept]
    add, left_out = pack(list(pool), suffix, length, max(0, free - len(kept)))
    if left_out:
        anew, still_out = pack(wanted, suffix, length, max(0, free))
        if len(still_out) < len(left_out):
            return Plan(anew, [one.id for one in ours], [], still_out)
    return Plan(add, delete, [one.value for one in kept], left_out)


def _rule(held: Sequence[str], suffix: str) -> str:
    return f"({_OR.join(held)}) {suffix}".strip()


def _terms_of(value: str, suffix: str) -> list[str]:
    """The terms of a rule that `pack` made with this suffix, else none. Names are lower case, so no term holds an OR."""
    begin, end = _rule(["\0"], suffix).split("\0")
    if not (value.startswith(begin) and value.endswith(end)):
        return []
    return value[len(begin) : len(value) - len(end)].split(_OR)
