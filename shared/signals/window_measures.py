"""The measures of a window's pairs that their own tables cannot give: over all pairs of the window, and over its parts. Pure.

They depend on nothing but the rows of the window, so that live, replayed and back-tested runs agree to the last bit. A fit of
EBGM's prior takes a tenth of a second and more, so all of this is computed only when somebody asks: for an alert that is
published, or for a rule of the policy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from operator import attrgetter

import numpy as np

from shared.events import UNMAPPED
from shared.signals import change
from shared.signals import measures as m
from shared.signals.counts import Margins, Pairs
from shared.signals.measures import Counts, Floats
from shared.signals.multiplicity import false_discovery_rate
from shared.signals.rules import HOUR_MS, Rules
from shared.signals.table import chi2_rates, empirical_bayes, family_wise
from shared.signals.windows import Ledger, Window
from shared.topics import DAY_MS

Columns = dict[str, Floats]


class WindowMeasures:
    """One window of a ledger. All pairs are those that it counts at least once whose drug and reaction are mapped."""

    def __init__(self, ledger: Ledger, end_ms: int, hours: int, rules: Rules) -> None:
        self._ledger, self._end_ms, self._hours, self._rules = ledger, end_ms, hours, rules

    def of_rules(self, pairs: Counts, rules: Iterable[str]) -> Columns:
        """The columns that some of the rules in `OF_ALL_PAIRS` read, for pairs by code; NaN for one that is not among all pairs."""
        return self._of(pairs, (OF_ALL_PAIRS[rule] for rule in rules))

    def of(self, pairs: Counts) -> Columns:
        """All columns, for pairs by code."""
        return self._of(pairs, (*OF_ALL_PAIRS.values(), _CHANGES))

    def at_once(self, pairs: Counts) -> Columns:
        """Those of the columns that take milliseconds: without the fit of EBGM's prior, and the p of the likelihood ratio."""
        return self._of(pairs, (_RATES, _CHANGES))

    def _of(self, pairs: Counts, groups: Iterable[Callable[[WindowMeasures], Columns]]) -> Columns:
        place = np.searchsorted(self._codes, pairs)
        # A code past the last finds the NaN at the end, and so does a pair that is not there.
        found = np.append(self._codes, -1)[place] == pairs
        place = np.where(found, place, len(self._codes))
        columns = {name: values for group in dict.fromkeys(groups) for name, values in group(self).items()}
        return {name: np.append(values, np.nan)[place] for name, values in columns.items()}

    def _window(self) -> Window:
        return self._ledger.window(self._end_ms - self._hours * HOUR_MS, self._end_ms)

    @cached_property
    def _codes(self) -> Counts:
        names, codes = self._ledger.vocabulary, self._window().pairs()
        return np.array([code for code in codes.tolist() if UNMAPPED not in names.pair_names(code)], dtype=np.int64)

    @cached_property
    def _pairs(self) -> Pairs:
        ledger, names = self._ledger, self._ledger.vocabulary
        window = self._window()
        a, b, c, d, _ = window.tables(self._codes)
        drug, reaction = ledger.pair_drug[self._codes], ledger.pair_reaction[self._codes]
        margins = Margins.of_pairs(drug, reaction, a + b, a + c, window.total)
        expected = m.expected(a, b, c, d)
        return Pairs(names.drugs.names, names.reactions.names, drug, reaction, a, b, c, d, expected, margins)

    @cached_property
    def shrunk(self) -> Columns:
        """EBGM with its quantiles."""
        return empirical_bayes(self._pairs.a, self._pairs.expected)[1]

    @cached_property
    def rates(self) -> Columns:
        """The false discovery rate of chi-squared."""
        pairs = self._pairs
        # Below 0 where posts name drug and reaction in separate pairs only: no table then.
        d = np.where(pairs.d >= 0, pairs.d, np.nan)
        return chi2_rates(m.chi2_yates(pairs.a, pairs.b, pairs.c, d))

    @cached_property
    def family(self) -> Columns:
        """The family-wise p-value of the likelihood ratio."""
        return family_wise(self._pairs, m.poisson_llr(self._pairs.a, self._pairs.expected))

    @cached_property
    def changes(self) -> Columns:
        """Temporal IC, and the surge of the newest bucket with its false discovery rate."""
        window = self._window()
        tic, surge = self._temporal(window), self._surge(window)
        return {
            "tic": tic.value, "tic025": tic.lower, "tic975": tic.upper,
            "surge_p": surge, "surge_fdr": false_discovery_rate(surge),
        }  # fmt: skip

    def _temporal(self, window: Window) -> m.Interval:
        """Temporal IC of the newest part of the window against its rest."""
        parting = self._end_ms - self._rules.time.recent_hours.value * HOUR_MS
        parts = window.between(parting, self._end_ms), window.between(0, parting)
        (a, *rest), (control_a, *control) = (part.tables(self._codes)[:4] for part in parts)
        return change.temporal_ic(a, m.expected(a, *rest), control_a, m.expected(control_a, *control))

    def _surge(self, window: Window) -> Floats:
        """p-values of the newest bucket's counts, by the buckets of the window before it since its first report."""
        length, times = self._rules.time.bucket_ms, window.times()
        newest = self._end_ms - length
        counts = window.between(newest, self._end_ms).counts(self._codes)
        # Nothing is known of the time before the first report: it is no past without reports.
        first = int(times[0]) // length if len(times) else newest // length
        starts = np.arange(first, newest // length) * length
        totals = np.bincount(times[times < newest] // length - first, minlength=len(starts))
        busy = Season(totals, starts, length)
        past = window.counts(self._codes) - counts
        exposure = busy.at(starts).sum()
        return change.surge_p(counts, past[:, None], np.array([exposure]), float(busy.at(np.array([newest]))[0]))


class Season:
    """How busy buckets are against the mean, by weekday and hour of the day (UTC)."""

    def __init__(self, totals: Counts, starts: Counts, length: int) -> None:
        self._length = length
        a_day = DAY_MS // length
        self._weekdays = change.season(totals, self._weekday(starts), change.DAYS_A_WEEK, added=a_day)
        self._hours = change.season(totals, self._hour(starts), a_day, added=change.DAYS_A_WEEK)

    def at(self, starts: Counts) -> Floats:
        """Of buckets by their start in ms."""
        result: Floats = self._weekdays[self._weekday(starts)] * self._hours[self._hour(starts)]
        return result

    def _weekday(self, starts: Counts) -> Counts:
        return change.weekday(starts // DAY_MS)

    def _hour(self, starts: Counts) -> Counts:
        return starts % DAY_MS // self._length


_shrunk: Callable[[WindowMeasures], Columns] = attrgetter("shrunk")
_RATES: Callable[[WindowMeasures], Columns] = attrgetter("rates")
_CHANGES: Callable[[WindowMeasures], Columns] = attrgetter("changes")
# The rules of the rule file that read such columns.
OF_ALL_PAIRS: dict[str, Callable[[WindowMeasures], Columns]] = {
    "eb05": _shrunk, "mhra": _shrunk, "chi2": _RATES, "llr": attrgetter("family"),
}  # fmt: skip
