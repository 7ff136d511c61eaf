"""What the measures of a signal say, each in a sentence for people; what is absent, with why. Pure.

A sentence tells what was counted and compared. None says that a drug causes a reaction: no measure of disproportionality does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
            words = _SENTENCES[key](measure, measure.value, table, drug, reaction)
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


def _expected(_: Measure, value: float, table: Table, drug: str, reaction: str) -> str:
    return (
        f"{number(value)} reports would name {drug} and {reaction} together if the two had nothing to do with each other;"
        f" {table.a} do."
    )


def _prr(measure: Measure, value: float, _: Table, drug: str, reaction: str) -> str:
    return (
        f"{reaction} makes up {_times(value)} as large a share of the reports of {drug} as of those of other drugs"
        f"{_sure(measure, 1.0)}."
    )


def _ror(measure: Measure, value: float, _: Table, drug: str, reaction: str) -> str:
    return (
        f"The odds that a report names {reaction} are {_times(value)} as high with {drug} as without it"
        f"{_sure(measure, 1.0)}."
    )


def _rrr(_: Measure, value: float, table: Table, drug: str, reaction: str) -> str:
    return (
        f"There are {_times(value)} as many reports of {drug} and {reaction} as expected, by the {table.a} themselves."
    )


def _q(measure: Measure, value: float, _: Table, drug: str, reaction: str) -> str:
    return (
        f"{drug} and {reaction} {'go together' if value > 0 else 'keep apart'}, on a scale from -1 to 1"
        f"{_sure(measure, 0.0)}."
    )


def _chi2(_: Measure, value: float, table: Table, drug: str, reaction: str) -> str:
    far = "far from" if value >= 4 else "near"
    return f"The counts of {drug} and {reaction} are {far} what chance alone gives (from 4 on chance is an unlikely reason)."


def _chi2_fdr(_: Measure, value: float, _table: Table, _drug: str, _reaction: str) -> str:
    return (
        f"If all pairs of the window that stand out as much as this one were called signals, about {_share(value)} of them"
        " would be so by chance, for many pairs are looked at."
    )


def _ic(measure: Measure, value: float, _: Table, drug: str, reaction: str) -> str:
    return (
        f"{drug} and {reaction} are reported together {_times(2.0**value)} as often as expected, shrunk where reports are few"
        f"{_sure(measure, 0.0)}."
    )


def _ebgm(measure: Measure, value: float, _: Table, drug: str, reaction: str) -> str:
    low = "" if measure.lower is None else f"; with 95 % probability {_times(measure.lower)} or more"
    return (
        f"{drug} and {reaction} are reported together {_times(value)} as often as expected, shrunk by what all pairs of the"
        f" window look like{low}."
    )


def _llr(_: Measure, value: float, table: Table, _drug: str, _reaction: str) -> str:
    return (
        f"How much better a raised rate explains the {table.a} reports than the expected one does ({number(value)}, a logarithm);"
        " its p-value is below."
    )


def _llr_p(_: Measure, value: float, _table: Table, _drug: str, _reaction: str) -> str:
    return (
        f"By chance alone, the pair that stands out most among all of the window would stand out so much in {_share(value)}"
        " of cases."
    )


def _tic(measure: Measure, value: float, _: Table, drug: str, reaction: str) -> str:
    return (
        f"Of late, {drug} and {reaction} are reported together {_times(2.0**value)} as often as in the rest of the window"
        f"{_sure(measure, 0.0)}."
    )


def _surge_p(_: Measure, value: float, _table: Table, drug: str, reaction: str) -> str:
    return (
        f"By the time before, so many reports of {drug} and {reaction} in the newest hours would come by chance in"
        f" {_share(value)} of cases."
    )


def _surge_fdr(_: Measure, value: float, _table: Table, _drug: str, _reaction: str) -> str:
    return (
        f"If all pairs that surge as much were taken for surges, about {_share(value)} of them would be so by chance."
    )


def _times(value: float) -> str:
    return f"{number(value)} times"


def _share(value: float) -> str:
    percent = 100 * value
    if percent < 0.1:
        return "less than 0.1 %"
    return f"{percent:.1f} %" if percent < 10 else f"{percent:.0f} %"


def _sure(measure: Measure, neutral: float) -> str:
    """What the interval adds: whether chance alone may have brought the value about."""
    if measure.lower is None or measure.upper is None:
        return ""
    if measure.lower > neutral:
        return "; the whole interval lies above chance"
    if measure.upper < neutral:
        return "; the whole interval lies below chance"
    return "; the interval takes in chance, so it may be no more than that"


_SENTENCES: dict[str, Callable[[Measure, float, Table, str, str], str]] = {
    "expected": _expected, "prr": _prr, "ror": _ror, "rrr": _rrr, "q": _q, "chi2": _chi2, "chi2_fdr": _chi2_fdr, "ic": _ic,
    "ebgm": _ebgm, "llr": _llr, "llr_p": _llr_p, "tic": _tic, "surge_p": _surge_p, "surge_fdr": _surge_fdr,
}  # fmt: skip
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
