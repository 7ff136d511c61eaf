"""Rules of the filtered stream and queries of recent search, made of names of medicines: pure functions.

Source: docs.x.com, "Build a rule" and "Build a query": keywords match tokens, which punctuation parts; a phrase stands in quotation
marks; OR parts alternatives, a space joins; a rule cannot be changed, only added and deleted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.ingest.networks.queries import OR, pack, query


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


def _terms_of(value: str, suffix: str) -> list[str]:
    """The terms of a rule that `pack` made with this suffix, else none. Names are lower case, so no term holds an OR."""
    begin, end = query(["\0"], suffix).split("\0")
    if not (value.startswith(begin) and value.endswith(end)):
        return []
    return value[len(begin) : len(value) - len(end)].split(OR)
