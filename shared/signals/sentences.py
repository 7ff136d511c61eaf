"""What the measures of a signal say, each in a sentence for people; what is absent, with why. Pure.

A sentence tells what was counted and compared. None says that a drug causes a reaction: no measure of disproportionality does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.events import Measure, Table
from shared.signals.findings import OF_TABLE, OF_WINDOW
from shared.signals.rules import Rules
from shared.signals.wording import NAMES, interval, number


@dataclass(frozen=True)
class Said:
    """One measure: the name that people use, its value with its interval, and what that says or why it is absent."""

    key: str
    name: str
    value: str
    sentence: str
    absent: bool


@dataclass(frozen=True)
class Threshold:
    """A value that a rule which fired asks for: its dotted key, the value, what it means, where it comes from."""

    rule: str
    key: str
    value: object
    meaning: str
    source: str


def said(measures: Mapping[str, Measure], table: Table, drug: str, reaction: str) -> list[Said]:
    """All measures of a pair, in the order of `shared.signals.findings`; others that a message carries come last, without words."""
    found = []
    for key in dict.fromkeys((*OF_TABLE, *OF_WINDOW, *measures)):
        measure = measures.get(key)
        absent = measure is None or measure.value is None
        words = ""
        if measure is None or measure.value is None:
            words = _ABSENT.get(key, "the counts cannot give it honestly")
        elif key in _SENTENCES:
            words = _SENTENCES[key].format(_Words(measure, measure.value, table, drug, reaction))
        found.append(Said(key, NAMES.get(key, key), interval(measure), words, absent))
    return found


def thresholds(fired: Sequence[str], rules: Rules) -> list[Threshold]:
    """What the rules that fired ask for, as the rule file in force has it."""
    return [
        Threshold(name, key, rule.value, rule.meaning, rule.source)
        for name in fired
        for key, rule in rules.values()
        if key.partition(".")[0] == name
    ]


@dataclass(frozen=True)
class _Words:
    """What a sentence is made of."""

    measure: Measure
    value: float
    table: Table
    drug: str
    reaction: str

    @property
    def pair(self) -> str:
        return f"{self.drug} and {self.reaction}"

    @property
    def number(self) -> str:
        return number(self.value)

    @property
    def times(self) -> str:
        return _times(self.value)

    @property
    def doubled(self) -> str:
        """Of a measure in powers of two."""
        return _times(2.0**self.value)

    @property
    def share(self) -> str:
        percent = 100 * self.value
        if percent < 0.1:
            return "less than 0.1 %"
        return f"{percent:.1f} %" if percent < 10 else f"{percent:.0f} %"

    @property
    def goes(self) -> str:
        return "go together" if self.value > 0 else "keep apart"

    @property
    def far(self) -> str:
        return "far from" if self.value >= 4 else "near"

    @property
    def low(self) -> str:
        lower = self.measure.lower
        return "" if lower is None else f"; with 95 % probability {_times(lower)} or more"

    @property
    def from_one(self) -> str:
        return _sure(self.measure, 1.0)

    @property
    def from_zero(self) -> str:
        return _sure(self.measure, 0.0)


def _times(value: float) -> str:
    return f"{number(value)} times"


def _sure(measure: Measure, neutral: float) -> str:
    """What the interval adds: whether chance alone may have brought the value about."""
    if measure.lower is None or measure.upper is None:
        return ""
    if measure.lower > neutral:
        return "; the whole interval lies above chance"
    if measure.upper < neutral:
        return "; the whole interval lies below chance"
    return "; the interval takes in chance, so it may be no more than that"


# `{0.…}` is a property of _Words.
_SENTENCES = {
    "expected": "{0.number} reports would name {0.pair} together if the two had nothing to do with each other; {0.table.a} do.",
    "prr": "{0.reaction} makes up {0.times} as large a share of the reports of {0.drug} as of those of other drugs{0.from_one}.",
    "ror": "The odds that a report names {0.reaction} are {0.times} as high with {0.drug} as without it{0.from_one}.",
    "rrr": "There are {0.times} as many reports of {0.pair} as expected, by the {0.table.a} themselves.",
    "q": "{0.pair} {0.goes}, on a scale from -1 to 1{0.from_zero}.",
    "chi2": ("The counts of {0.pair} are {0.far} what chance alone gives (from 4 on chance is an unlikely reason)."),
    "chi2_fdr": (
        "If all pairs of the window that stand out as much as this one were called signals, about {0.share} of them"
        " would be so by chance, for many pairs are looked at."
    ),
    "ic": "{0.pair} are reported together {0.doubled} as often as expected, shrunk where reports are few{0.from_zero}.",
    "ebgm": (
        "{0.pair} are reported together {0.times} as often as expected, shrunk by what all pairs of the"
        " window look like{0.low}."
    ),
    "llr": (
        "How much better a raised rate explains the {0.table.a} reports than the expected one does ({0.number}, a logarithm);"
        " its p-value is below."
    ),
    "llr_p": (
        "By chance alone, the pair that stands out most among all of the window would stand out so much in {0.share}"
        " of cases."
    ),
    "tic": "Of late, {0.pair} are reported together {0.doubled} as often as in the rest of the window{0.from_zero}.",
    "surge_p": (
        "By the time before, so many reports of {0.pair} in the newest hours would come by chance in {0.share} of cases."
    ),
    "surge_fdr": (
        "If all pairs that surge as much were taken for surges, about {0.share} of them would be so by chance."
    ),
}
_ABSENT = {
    "prr": "Absent: no report names the reaction without the drug, so there is nothing to divide by.",
    "ror": "Absent: a cell of the table is 0, so there is nothing to divide by.",
    "q": "Absent: the cells of the table are too empty.",
    "chi2": "Absent: a margin of the table is 0.",
    "ebgm": "Absent: its prior is learnt from all pairs of the window, and these are too few or too alike to learn it from.",
    "chi2_fdr": "Absent: it needs the tables of all pairs of the window.",
    "llr_p": "Absent: it needs the tables of all pairs of the window.",
    "tic": "Absent: the window is no longer than its recent part, or one of the two parts has no reports.",
    "surge_p": "Absent: there are no reports before the newest hours to learn the usual number from.",
    "surge_fdr": "Absent: it needs the surge of all pairs of the window.",
}
