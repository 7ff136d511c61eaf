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
