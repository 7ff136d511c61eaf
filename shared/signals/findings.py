"""Which pairs fire when a bucket closes: tables, measures and rules, vectorised over all pairs with a report in the bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from shared.events import UNMAPPED, Measure, Table
from shared.signals import measures as m
from shared.signals.criteria import CRITERIA, Flags, Verdict
from shared.signals.measures import Counts
from shared.signals.rules import HOUR_MS, Rules
from shared.signals.table import measure_cells
from shared.signals.windows import NONE, Ledger


@dataclass(frozen=True)
class Finding:
    """A pair in one window that ends with a closed bucket. `rules` are those that fired; none when the pair does not raise."""

    drug: str
    reaction: str
    end_ms: int
    window_hours: int
    table: Table
    authors: int
    measures: dict[str, Measure]
    rules: tuple[str, ...]
    examples: tuple[str, ...]


# The measures of an alert: value and bounds by the columns of `shared.signals.table`.
MEASURES: dict[str, tuple[str, ...]] = {
    "expected": ("expected",),
    "prr": ("prr", "prr_lower", "prr_upper"),
    "ror": ("ror", "ror_lower", "ror_upper"),
    "rrr": ("rrr",),
    "q": ("q", "q_lower", "q_upper"),
    "chi2": ("chi2_yates",),
    "ic": ("ic", "ic025", "ic975"),
    "llr": ("llr",),
}


def decide(verdicts: Iterable[Verdict], authors: Counts, rules: Rules) -> Flags:
    """Which pairs raise: all or any of the rules by policy, and enough authors. A rule that abstains is not asked."""
    verdicts = list(verdicts)
    raised: Flags = np.logical_or.reduce([verdict.fires for verdict in verdicts])
    if rules.policy.raise_when.value == "all":
        raised &= np.logical_and.reduce([verdict.fires | verdict.abstains for verdict in verdicts])
    return raised & (authors >= rules.policy.authors.value)


class Assessment:
    """Pairs in one window: their tables, measures, and which of them raise."""

    def __init__(self, ledger: Ledger, pairs: Counts, end_ms: int, hours: int, rules: Rules) -> None:
        self._ledger, self._pairs, self._end_ms, self._hours, self._rules = ledger, pairs, end_ms, hours, rules
        self._window = ledger.window(end_ms - hours * HOUR_MS, end_ms)
        a, b, c, d, self._valid = self._window.tables(pairs)
        d = np.maximum(d, 0)
        self._columns = measure_cells(a, b, c, d, m.expected(a, b, c, d))
        self._authors = self._window.authors(pairs, rules.counting.posts_without_author.value == "each")
        self._verdicts = {name: CRITERIA[name](self._columns, rules) for name in rules.policy.rules.value}
        self.raised = decide(self._verdicts.values(), self._authors, rules) & self._valid

    def finding(self, i: int) -> Finding | None:
        """The i-th pair; None when no report of it counts, or its table cannot be."""
        if not self._valid[i] or self._columns["a"][i] == 0:
            return None
        pair = int(self._pairs[i])
        drug, reaction = self._ledger.vocabulary.pair_names(pair)
        fired = tuple(name for name, verdict in self._verdicts.items() if self.raised[i] and verdict.fires[i])
        return Finding(
            drug=drug,
            reaction=reaction,
            end_ms=self._end_ms,
            window_hours=self._hours,
            table=Table(*(int(self._columns[cell][i]) for cell in ("a", "b", "c", "d"))),
            authors=int(self._authors[i]),
            measures={
                name: Measure(*(m.number(self._columns[column][i]) for column in columns))
                for name, columns in MEASURES.items()
            },
            rules=fired,
            examples=self._window.posts(pair, self._rules.counting.examples.value),
        )


def evaluate(ledger: Ledger, end_ms: int, rules: Rules, owned: Callable[[str], bool]) -> list[Finding]:
    """The pairs that raise in the bucket that ends at `end_ms`, one finding each, ordered by pair.

    Looks at pairs with a report in the bucket whose drug is `owned`, neither unmapped nor suppressed. Each is evaluated in every
    window of the rules; where several raise, the longest stands, for its counts are the steadiest.
    """
    candidates = _candidates(ledger, end_ms, rules, owned)
    if not len(candidates):
        return []
    found: dict[int, Finding] = {}
    for hours in sorted(rules.time.windows_hours.value):
        assessment = Assessment(ledger, candidates, end_ms, hours, rules)
        for i in np.flatnonzero(assessment.raised).tolist():
            finding = assessment.finding(i)
            if finding is not None:
                found[i] = finding
    return sorted(found.values(), key=lambda finding: (finding.drug, finding.reaction))


def look_at(ledger: Ledger, drug: str, reaction: str, end_ms: int, hours: int, rules: Rules) -> Finding | None:
    """One pair in one window, whether it raises or not; None when no report of it counts, or its table cannot be."""
    pair = ledger.find_pair(drug, reaction)
    if pair == NONE:
        return None
    return Assessment(ledger, np.array([pair], dtype=np.int64), end_ms, hours, rules).finding(0)


def _candidates(ledger: Ledger, end_ms: int, rules: Rules, owned: Callable[[str], bool]) -> Counts:
    suppressed = rules.suppressed

    def eligible(pair: int) -> bool:
        drug, reaction = ledger.vocabulary.pair_names(pair)
        return UNMAPPED not in (drug, reaction) and (drug, reaction) not in suppressed and owned(drug)

    present = ledger.pairs_between(end_ms - rules.time.bucket_ms, end_ms)
    return np.array([pair for pair in present.tolist() if eligible(pair)], dtype=np.int64)
