"""Which pairs fire when a bucket closes: tables, measures and rules, vectorised over all pairs with a report in the bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.events import UNMAPPED, Measure, Table
from shared.signals import measures as m
from shared.signals.criteria import CRITERIA, Flags, Verdict
from shared.signals.measures import Counts
from shared.signals.rules import HOUR_MS, Rules
from shared.signals.table import measure_cells
from shared.signals.window_measures import OF_ALL_PAIRS, WindowMeasures
from shared.signals.windows import NONE, Ledger

# The measures of an alert: value and bounds by the columns of `shared.signals.table`, first those of the pair's own table.
OF_TABLE: dict[str, tuple[str, ...]] = {
    "expected": ("expected",),
    "prr": ("prr", "prr_lower", "prr_upper"),
    "ror": ("ror", "ror_lower", "ror_upper"),
    "rrr": ("rrr",),
    "q": ("q", "q_lower", "q_upper"),
    "chi2": ("chi2_yates",),
    "ic": ("ic", "ic025", "ic975"),
    "llr": ("llr",),
}
OF_WINDOW: dict[str, tuple[str, ...]] = {
    "ebgm": ("ebgm", "eb05", "eb95"),
    "chi2_fdr": ("chi2_fdr",),
    "llr_p": ("llr_p",),
    "tic": ("tic", "tic025", "tic975"),
    "surge_p": ("surge_p",),
    "surge_fdr": ("surge_fdr",),
}


@dataclass(frozen=True)
class Finding:
    """A pair in one window that ends with a closed bucket. `rules` are those that fired; none when the pair does not raise.

    `measures` gives all of the pair in the window, by name. The first that is asked of a window takes a tenth of a second or more.
    """

    drug: str
    reaction: str
    end_ms: int
    window_hours: int
    table: Table
    authors: int
    measures: Callable[[], dict[str, Measure]] = field(repr=False, compare=False)
    rules: tuple[str, ...]
    examples: tuple[str, ...]


def _measured(of_table: dict[str, Measure], window: WindowMeasures, pair: int) -> dict[str, Measure]:
    return of_table | _named(OF_WINDOW, window.of(np.array([pair], dtype=np.int64)), 0)


def _named(names: Mapping[str, tuple[str, ...]], columns: Mapping[str, NDArray[Any]], i: int) -> dict[str, Measure]:
    return {name: Measure(*(m.number(columns[column][i]) for column in of)) for name, of in names.items()}


def decide(verdicts: Iterable[Verdict], authors: Counts, rules: Rules) -> Flags:
    """Which pairs raise: all or any of the rules by policy, and enough authors. A rule that abstains is not asked."""
    verdicts = list(verdicts)
    raised: Flags = np.logical_or.reduce([verdict.fires for verdict in verdicts])
    return raised & _in_question(verdicts, authors, rules)


def _in_question(verdicts: Iterable[Verdict], authors: Counts, rules: Rules) -> Flags:
    """Which pairs may still raise, whatever other rules say."""
    question: Flags = authors >= rules.policy.authors.value
    if rules.policy.raise_when.value == "all":
        for verdict in verdicts:
            question &= verdict.fires | verdict.abstains
    return question


class Assessment:
    """Pairs in one window: their tables, measures, and which of them raise."""

    def __init__(self, ledger: Ledger, pairs: Counts, end_ms: int, hours: int, rules: Rules) -> None:
        self._ledger, self._pairs, self._end_ms, self._hours, self._rules = ledger, pairs, end_ms, hours, rules
        self._window = ledger.window(end_ms - hours * HOUR_MS, end_ms)
        self._measures = WindowMeasures(ledger, end_ms, hours, rules)
        a, b, c, d, self._valid = self._window.tables(pairs)
        d = np.maximum(d, 0)
        self._columns = measure_cells(a, b, c, d, m.expected(a, b, c, d))
        self._authors = self._window.authors(pairs, rules.counting.posts_without_author.value == "each")
        self._verdicts = self._judge()
        self.raised = decide(self._verdicts.values(), self._authors, rules) & self._valid

    def _judge(self) -> dict[str, Verdict]:
        """The verdicts by rule. All pairs of the window are looked at only where that can make a difference."""
        rules, wanted = self._rules, self._rules.policy.rules.value
        others = [name for name in wanted if name in OF_ALL_PAIRS]
        by_table: dict[str, Verdict] = {
            name: CRITERIA[name](self._columns, rules) for name in wanted if name not in others
        }
        if others:
            question = _in_question(by_table.values(), self._authors, rules) & self._valid
            if not question.any():
                return by_table | dict.fromkeys(others, Verdict(question, ~question))
            columns = self._columns | self._measures.of_rules(self._pairs, others)
            by_table |= {name: CRITERIA[name](columns, rules) for name in others}
        return {name: by_table[name] for name in wanted}

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
            measures=partial(_measured, _named(OF_TABLE, self._columns, i), self._measures, pair),
            rules=fired,
            examples=self._window.posts(pair, self._rules.counting.examples.value),
        )


def evaluate(ledger: Ledger, end_ms: int, rules: Rules, owned: Callable[[str], bool]) -> list[Finding]:
    """The pairs that raise in the bucket that ends at `end_ms`, one finding each, ordered by pair.

    Looks at pairs with a report in the bucket whose drug is `owned`, neither unmapped nor suppressed. Each is evaluated in every
    window of the rules; where several raise, the longest stands, for its counts are the steadiest.
    """
    candidates = _candidates(ledger, end_ms, rules, owned)
    found: list[Finding] = []
    for hours in sorted(rules.time.windows_hours.value, reverse=True):
        if not len(candidates):
            break
        assessment = Assessment(ledger, candidates, end_ms, hours, rules)
        findings = [assessment.finding(i) for i in np.flatnonzero(assessment.raised).tolist()]
        found += [finding for finding in findings if finding is not None]
        candidates = candidates[~assessment.raised]
    return sorted(found, key=lambda finding: (finding.drug, finding.reaction))


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
