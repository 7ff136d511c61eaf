"""What a reporting system says of a pair beside the posts: counted in a store of `adrwatch background`, compared as always."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from services.background.store import limited, opened
from services.signals.meaning import Meanings
from shared.errors import AdrwatchError
from shared.events import Concept, Measure, Table
from shared.settings import Settings
from shared.signals.beside import COMBINED, Beside, Source, beside
from shared.signals.measures import number
from shared.signals.rules import Rules

POSTS, SYSTEM = "posts", "reporting_system"
SOURCES = {POSTS: "posts", SYSTEM: "reporting system", COMBINED: "both together"}
# EBGM and false discovery rates need all pairs of a source: `adrwatch signals beside` has these.
MEASURES = {
    "prr": ("prr", "prr_lower", "prr_upper"), "ror": ("ror", "ror_lower", "ror_upper"), "ic": ("ic", "ic025", "ic975"),
}  # fmt: skip
_COUNTED = """
SELECT count(DISTINCT report),
       count(DISTINCT report) FILTER (WHERE drug = $drug),
       count(DISTINCT report) FILTER (WHERE list_contains($reactions, reaction)),
       count(DISTINCT report) FILTER (WHERE drug = $drug AND list_contains($reactions, reaction))
FROM pairs
"""
_MEMORY = "1GB"


@dataclass(frozen=True)
class Side:
    """One source's counts of the pair and its measures, each with its bounds; `flagged` are the rules that fire there."""

    name: str
    reports: int
    expected: float | None
    total: int | None
    measures: Mapping[str, Measure]
    flagged: str


class Background:
    """The store of the settings, asked for one pair at a time. What was counted is kept until the store changes."""

    def __init__(self, settings: Settings, rules: Rules) -> None:
        self._settings = settings
        self._rules = rules
        self._lock = threading.Lock()
        self._stamp = 0.0
        self._names: dict[str, list[str]] = {}
        self._counts: dict[tuple[str, str], tuple[int, int, int, int]] = {}

    def sides(self, drug: Concept, reaction: Concept, table: Table | None) -> list[Side]:
        """The posts (where there is a table of counts), the reporting system, and both together.

        Raises AdrwatchError where there is no store, or it cannot be read.
        """
        total, of_drug, of_reaction, both = self._counted(drug.label, reaction.label)
        sources = [_source(SYSTEM, total, both, of_drug, of_reaction)]
        if table is not None:
            whole = table.a + table.b + table.c + table.d
            sources.insert(0, _source(POSTS, whole, table.a, table.a + table.b, table.a + table.c))
        code = np.zeros(1, dtype=np.int64)
        found = beside(sources, code, code, self._rules, "ic025", least=0)
        names = [source.name for source in sources]
        return [
            _side(found, name, next((one.total for one in sources if one.name == name), None))
            for name in (*names, *((COMBINED,) if len(names) > 1 else ()))
        ]

    def _counted(self, drug: str, reaction: str) -> tuple[int, int, int, int]:
        """Reports of all, of the drug, of the reaction, of both."""
        path = self._settings.background_store
        if path is None:
            raise AdrwatchError(
                "no reports of a reporting system are at hand",
                fix="import some with `adrwatch background import`, and set ADRWATCH_BACKGROUND_STORE to the store",
            )
        # One at a time: a store of millions of reports takes seconds and memory.
        with self._lock, opened(path, write=False) as connection:
            limited(connection, _MEMORY)
            if (stamp := path.stat().st_mtime) != self._stamp:
                meaning = Meanings(self._settings)
                self._counts.clear()
                self._names = {}
                for (name,) in connection.execute("SELECT DISTINCT reaction FROM reactions").fetchall():
                    self._names.setdefault(meaning("reaction", name), []).append(name)
                self._stamp = stamp
            if (drug, reaction) not in self._counts:
                wanted = {"drug": drug, "reactions": self._names.get(reaction, [reaction])}
                row = connection.execute(_COUNTED, wanted).fetchone() or (0, 0, 0, 0)
                total, of_drug, of_reaction, both = (int(count) for count in row)
                self._counts[drug, reaction] = total, of_drug, of_reaction, both
            return self._counts[drug, reaction]


def _source(name: str, total: int, a: int, drug: int, reaction: int) -> Source:
    return Source(name, total, *(np.array([count], dtype=np.int64) for count in (a, drug, reaction)))


def _side(found: Beside, name: str, total: int | None) -> Side:
    measures = {}
    for measure, columns in MEASURES.items():
        values = [found.columns.get(f"{name}_{column}") for column in columns]
        measures[measure] = Measure(*(None if each is None else number(each[0]) for each in values))
    reports, expected = (found.columns[f"{name}_{column}"][0] for column in ("a", "expected"))
    return Side(SOURCES[name], int(reports), number(expected), total, measures, found.fired[name][0])
