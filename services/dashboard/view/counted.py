"""The reports at one moment: their ledger and its windows, each counted once however many pages ask for it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import TypeVar

import numpy as np

from services.dashboard.view.measured import Measured, measured
from shared.errors import AdrwatchError
from shared.events import UNMAPPED, Concept
from shared.signals.measures import Counts
from shared.signals.near import NearLinks
from shared.signals.rules import HOUR_MS, Rules
from shared.signals.windows import Ledger, Vocabulary, Window

T = TypeVar("T")
_KEPT = 16
Span = tuple[int, int]


class Counted:
    """A ledger that stays. `version` rises with each. `closed_until_ms`: the end of the last bucket that alerting closed."""

    def __init__(
        self, ledger: Ledger, rules: Rules, labels: dict[str, str], version: int = 0, closed_until_ms: int | None = None
    ) -> None:
        self.ledger = ledger
        self.rules = rules
        self.labels = labels
        self.version = version
        self.closed_until_ms = closed_until_ms
        self._windows: _Kept[Window] = _Kept()
        self._tables: _Kept[Measured] = _Kept()
        self._quick: _Kept[Measured] = _Kept()

    @classmethod
    def empty(cls, rules: Rules) -> Counted:
        """Before anything was read."""
        return cls(Ledger([], Vocabulary(), NearLinks(rules.near)), rules, {})

    def concept(self, concept_id: str) -> Concept:
        """A drug or reaction with its label, as far as that is known."""
        return Concept(concept_id, self.labels.get(concept_id, concept_id))

    def window(self, start_ms: int, end_ms: int) -> Window:
        """What counts in [start, end), as alerting counts it."""
        return self._windows.get((start_ms, end_ms), lambda: self.ledger.window(start_ms, end_ms))

    def measured(self, start_ms: int, end_ms: int) -> Measured:
        """All pairs of [start, end) with all measures. Raises AdrwatchError unless it is a whole number of hours.

        The first who asks computes them, others wait for that.
        """
        _check(start_ms, end_ms)
        window = self.window(start_ms, end_ms)
        return self._tables.get((start_ms, end_ms), lambda: measured(self.ledger, window, start_ms, end_ms, self.rules))

    def at_once(self, start_ms: int, end_ms: int) -> Measured:
        """The same as far as nobody has to wait for it: without the slow measures where nobody has asked for them yet."""
        _check(start_ms, end_ms)
        if (known := self._tables.known((start_ms, end_ms))) is not None:
            return known
        window = self.window(start_ms, end_ms)
        return self._quick.get(
            (start_ms, end_ms), lambda: measured(self.ledger, window, start_ms, end_ms, self.rules, slow=False)
        )

    def pairs_of(self, drug: str | None, reaction: str | None) -> Counts:
        """The codes of the pairs of a drug, of a reaction, or of both; None for any that has a concept."""
        ledger, names = self.ledger, self.ledger.vocabulary
        chosen = np.ones(len(ledger.pair_drug), dtype=bool)
        for wanted, codes, of_pair in (
            (drug, names.drugs, ledger.pair_drug),
            (reaction, names.reactions, ledger.pair_reaction),
        ):
            chosen &= of_pair != codes.find(UNMAPPED) if wanted is None else of_pair == codes.find(wanted)
        return np.flatnonzero(chosen)

    def take_over(self, before: Counted, changed: Iterable[int]) -> None:
        """Keep what was computed of windows in which nothing has changed since; `changed` are numbers of buckets."""
        if self.ledger.vocabulary is before.ledger.vocabulary:
            length = self.rules.time.bucket_ms
            spans = [(bucket * length, (bucket + 1) * length) for bucket in changed]
            self._tables.take_over(
                before._tables, lambda start, end: not any(start < last and first < end for first, last in spans)
            )


def _check(start_ms: int, end_ms: int) -> None:
    if end_ms <= start_ms or (end_ms - start_ms) % HOUR_MS:
        raise AdrwatchError("a window is a whole number of hours, and ends after it begins", fix="choose other times")


class _Kept(OrderedDict[Span, T]):
    """The last few things that were computed; two who ask for the same at once wait for one computation."""

    def __init__(self) -> None:
        super().__init__()
        self._guard = threading.Lock()
        self._busy: dict[Span, threading.Lock] = {}

    def get(self, span: Span, compute: Callable[[], T]) -> T:  # type: ignore[override]
        with self._guard:
            busy = self._busy.setdefault(span, threading.Lock())
        with busy:
            with self._guard:
                if span in self:
                    self.move_to_end(span)
                    return self[span]
            found = compute()
            with self._guard:
                self[span] = found
                while len(self) > _KEPT:
                    gone, _ = self.popitem(last=False)
                    self._busy.pop(gone, None)
            return found

    def known(self, span: Span) -> T | None:
        """What is there already; None where it would have to be computed."""
        with self._guard:
            return super().get(span)

    def take_over(self, before: _Kept[T], still: Callable[[int, int], bool]) -> None:
        """Take over what another has of the spans that are still as they were."""
        with before._guard:
            self.update({span: found for span, found in before.items() if still(*span)})
