"""Criteria of seriousness and special situations of a report, by cues with guards against figures of speech.

Names are those of the signal rules. A visit to an emergency room counts as hospitalisation: a post rarely tells whether
someone was kept, and a person reads every item of this queue.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from shared.assertion.status import status
from shared.assertion.text import Statement, pattern

SERIOUS = ("designated_event", "death", "life_threatening", "hospitalisation", "disability", "congenital_anomaly")
SITUATIONS = (
    "pregnancy",
    "lactation",
    "overdose",
    "misuse",
    "medication_error",
    "off_label",
    "lack_of_effect",
    "product_defect",
)
_WORD = re.compile(r"[\w'-]+")
_FILE = Path(__file__).parent / "flags.toml"
# Sentences before and after the reaction in which a cue still belongs to its report.
_REACH = 3
# Guards may begin this many characters before a cue and end as many after it.
_AROUND = 40


@dataclass(frozen=True, slots=True)
class _Flag:
    name: str
    cues: re.Pattern[str]
    guards: re.Pattern[str] | None


def flags(statement: Statement, at: int) -> tuple[str, ...]:
    """Names of the criteria and situations that the post states around character `at`, in the order of the rules.

    `designated_event` is not among them: it follows from the reaction's concept (services.pipeline.steps.normalise).
    """
    start, end = statement.near(at, _REACH)
    return tuple(flag.name for flag in _flags() if _stated(statement, flag, start, end))


def grave(text: str, designated: Collection[str] = ()) -> bool:
    """Whether a post states a criterion of seriousness, or uses a name of a designated event (lower case), anywhere."""
    statement = Statement(text)
    words = f" {' '.join(_WORD.findall(statement.lowered))} "
    return any(f" {name} " in words for name in designated) or any(
        _stated(statement, flag, 0, len(statement.lowered)) for flag in _flags() if flag.name in SERIOUS
    )


def _stated(statement: Statement, flag: _Flag, start: int, end: int) -> bool:
    for match in flag.cues.finditer(statement.lowered, start, end):
        around = statement.lowered[max(match.start() - _AROUND, start) : min(match.end() + _AROUND, end)]
        shift = max(match.start() - _AROUND, start)
        guarded = flag.guards is not None and any(
            guard.start() + shift < match.end() and match.start() < guard.end() + shift
            for guard in flag.guards.finditer(around)
        )
        # "doesn't work" carries its own negation; what was denied, feared or recited is no fact.
        if not guarded and status(statement, match.start(), match.end()) == "asserted":
            return True
    return False


@functools.cache
def _flags() -> tuple[_Flag, ...]:
    with _FILE.open("rb") as stream:
        lists = tomllib.load(stream)
    return tuple(
        _Flag(name, pattern(lists[name]["cues"]), pattern(lists[name]["guards"]) if lists[name]["guards"] else None)
        for name in (*SERIOUS[1:], *SITUATIONS)
    )
