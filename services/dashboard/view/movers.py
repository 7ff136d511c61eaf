"""What is reported more, or less, than the time before lets expect. Pure.

Of a pair by the temporal IC that alerts carry: what its drug and its reaction do by themselves is part of what is expected. Of
a drug or a reaction by the same measure, with the number of all reports as expectation: that a network is busier moves nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from services.dashboard.view.counted import Counted
from shared.events import UNMAPPED
from shared.signals.change import temporal_ic
from shared.signals.measures import Counts, Interval, expected
from shared.signals.windows import Window
from shared.topics import DAY_MS

What = Literal["pairs", "drugs", "reactions"]
# So many times as long as the window is the time before it.
CONTROL = 4


@dataclass(frozen=True)
class Mover:
    """`reports` in the window, `before` in the time before it; the change (log2) with its interval at 95 %. Ids, None for any."""

    drug: str | None
    reaction: str | None
    reports: int
    before: int
    change: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Movers:
    """Those that rose, the surest first, and those that fell: their whole interval lies above 0, or below."""

    risen: list[Mover]
    fallen: list[Mover]


def movers(counted: Counted, end_ms: int, days: int, what: What = "pairs", most: int = 20) -> Movers:
    """The last `days` before `end_ms` against the days before them, four times as many; a report counts once in all that time."""
    middle = end_ms - days * DAY_MS
    start = middle - CONTROL * days * DAY_MS
    whole = counted.window(start, end_ms)
    now, past = whole.between(middle, end_ms), whole.between(start, middle)
    names, of, change = _SIDES[what](counted, whole, now, past)
    n, control = of(now), of(past)

    def mover(i: int) -> Mover:
        return Mover(
            *names[i],
            int(n[i]),
            int(control[i]),
            float(change.value[i]),
            float(change.lower[i]),
            float(change.upper[i]),
        )

    risen = [i for i in np.argsort(-change.lower, kind="stable").tolist() if change.lower[i] > 0]
    fallen = [i for i in np.argsort(change.upper, kind="stable").tolist() if change.upper[i] < 0]
    return Movers([mover(i) for i in risen[:most]], [mover(i) for i in fallen[:most]])


Names = list[tuple[str | None, str | None]]
Side = tuple[Names, Callable[[Window], Counts], Interval]


def _pairs(counted: Counted, whole: Window, now: Window, past: Window) -> Side:
    names = counted.ledger.vocabulary
    codes = np.array([one for one in whole.pairs().tolist() if UNMAPPED not in names.pair_names(one)], dtype=np.int64)
    (a, *rest), (control, *before) = (part.tables(codes)[:4] for part in (now, past))
    change = temporal_ic(a, expected(a, *rest), control, expected(control, *before))
    return [names.pair_names(code) for code in codes.tolist()], lambda part: part.counts(codes), change


def _one_side(of_drugs: bool) -> Callable[[Counted, Window, Window, Window], Side]:
    def side(counted: Counted, whole: Window, now: Window, past: Window) -> Side:
        vocabulary = counted.ledger.vocabulary
        ids = (vocabulary.drugs if of_drugs else vocabulary.reactions).names
        codes = np.array([code for code, one in enumerate(ids) if one != UNMAPPED], dtype=np.int64)

        def of(part: Window) -> Counts:
            margin = part.drugs() if of_drugs else part.reactions()
            return np.append(margin, np.zeros(max(0, len(ids) - len(margin)), dtype=np.int64))[codes]

        everything = np.full(len(codes), float(now.total)), np.full(len(codes), float(past.total))
        named: Names = [(ids[code], None) if of_drugs else (None, ids[code]) for code in codes.tolist()]
        return named, of, temporal_ic(of(now), everything[0], of(past), everything[1])

    return side


_SIDES = {"pairs": _pairs, "drugs": _one_side(True), "reactions": _one_side(False)}
