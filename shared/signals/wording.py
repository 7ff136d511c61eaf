"""Alerts in words and numbers, as the command line and notifications show them."""

from __future__ import annotations

from collections.abc import Mapping

from shared.events import Alert, Measure

# What people call the measures, with what their bounds are called where they have names of their own.
NAMES = {
    "expected": "expected (E)", "prr": "PRR", "ror": "ROR", "rrr": "RRR (a/E)", "q": "Yule's Q", "chi2": "chi-squared (Yates)",
    "chi2_fdr": "chi-squared, FDR", "ic": "IC [IC025, IC975]", "ebgm": "EBGM [EB05, EB95]", "llr": "log likelihood ratio",
    "llr_p": "likelihood ratio, p", "tic": "temporal IC", "surge_p": "surge, p", "surge_fdr": "surge, FDR",
}  # fmt: skip

# What they mean, for people who meet them first: a sentence each.
MEANINGS = {
    "expected": "How many posts would name drug and reaction together if neither had to do with the other.",
    "prr": "How many times more often the reaction is told of with this drug than with all others.",
    "ror": "The odds of the reaction with this drug, over its odds with all others.",
    "rrr": "Counted posts over expected ones, unshrunk: high by chance where little is expected.",
    "q": "The odds ratio on a scale of -1 to 1; 0 is no association.",
    "chi2": "How far the four counts are from independence, corrected for small ones; from 3.84 on chance is below 5 %.",
    "chi2_fdr": "That test's share of false discoveries among all pairs of the window that are as strong.",
    "ic": "Twofold steps above what was expected, shrunk towards 0 where counts are small; the lower bound above 0 counts.",
    "ebgm": "Counted over expected, shrunk towards what all pairs of the window show; EB05 from 2 on is a common bound.",
    "llr": "How much better the count is explained by a raised rate than by the expected one.",
    "llr_p": "The chance that any pair of the window reaches this likelihood ratio when nothing is associated.",
    "tic": "The information component of the window's last week against the weeks before it.",
    "surge_p": "The chance of so many posts in the newest hour, going by the pair's hours before and how busy such hours are.",
    "surge_fdr": "That chance's share of false discoveries among all pairs of the window.",
}


def interval(measure: Measure | None) -> str:
    """A measure with its interval; a dash for what is absent."""
    if measure is None or measure.value is None:
        return number(None)
    if measure.lower is None or measure.upper is None:
        return number(measure.value)
    return f"{number(measure.value)} [{number(measure.lower)}, {number(measure.upper)}]"


def number(value: float | None) -> str:
    """About three digits; those behind the point mean nothing where hundreds stand before it. Small p-values keep one.

    A dash for what is absent.
    """
    if value is None:
        return "–"
    if 0 < abs(value) < 0.005:
        return f"{value:.0e}"
    decimals = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:.{decimals}f}"


def window(hours: int | None) -> str:
    """A window's length in the largest unit that is whole."""
    if hours is None:
        return ""
    return f"{hours // 24} d" if hours % 24 == 0 and hours > 24 else f"{hours} h"


def facts(alert: Alert, codes: Mapping[str, str] | None = None) -> dict[str, str]:
    """Everything of one alert but its examples, name to value; `codes` are lines of the user's own tables, after the reaction."""
    lines = {
        "id": alert.id,
        "kind": alert.kind.replace("_", " "),
        "lane": alert.lane,
        "drug": f"{alert.drug.label} ({alert.drug.id})",
        "reaction": f"{alert.reaction.label} ({alert.reaction.id})",
        **(codes or {}),
        "began": f"{alert.episode:%Y-%m-%d %H:%M} UTC",
        **({"earlier episode": alert.previous} if alert.previous else {}),
        "evaluated": f"{alert.evaluated_at:%Y-%m-%d %H:%M} UTC",
        "rules": ", ".join(alert.rules) or "none any more",
        "rule version": alert.rule_version,
        "other than shipped": ", ".join(alert.overrides) or "nothing",
    }
    if alert.table:
        lines |= {
            "window": window(alert.window_hours),
            "drug and reaction": f"{alert.table.a} reports by {alert.authors} authors",
            "drug only": str(alert.table.b),
            "reaction only": str(alert.table.c),
            "neither": str(alert.table.d),
        }
        lines |= {NAMES.get(name, name): interval(measure) for name, measure in alert.measures.items()}
    return lines
