"""Results and comparisons as pages: one HTML file that needs nothing else, or a folder with Markdown, figures and JSON as well."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
import markupsafe
import msgspec

from services.backtest.comparison import Both, Comparison
from services.backtest.figures import Bars, Line, lengths, over_time
from services.backtest.result import Result
from shared.events import Alert
from shared.signals.wording import MEANINGS, NAMES, interval, window

RESULT_FIGURES = ("alerts.svg", "first-alert.svg", "series.svg")
COMPARISON_FIGURES = ("first-alert.svg",)
_PAGES = ("report.html", "report.md", "report.json")
# More rows than this make a figure that nobody reads; tables hold all.
_MOST_DRAWN = 40

Files = dict[str, Iterable[bytes]]


def place(path: Path, figures: Iterable[str]) -> tuple[Path, tuple[str, ...]]:
    """The folder and the names of the files that a report at `path` consists of: FILE.html, or a folder."""
    if path.suffix == ".html":
        return path.parent, (path.name,)
    return path, (*_PAGES, *figures)


def result_files(path: Path, result: Result) -> Files:
    """The report of a result, name to lines."""
    context = _of_result(result)
    return _files(path, "report", context, context["plots"], result, RESULT_FIGURES)


def comparison_files(path: Path, found: Comparison) -> Files:
    """The report of a comparison, name to lines."""
    context = _of_comparison(found)
    return _files(path, "comparison", context, context["plots"], found, COMPARISON_FIGURES)


def later(one: Both) -> str:
    """How much later B was, in words."""
    hours = abs(one.later_hours)
    length = f"{hours / 24:.1f} d" if hours >= 48 else f"{hours:.0f} h"
    return "at the same time" if not hours else f"{length} {'later' if one.later_hours > 0 else 'sooner'}"


def _files(
    path: Path, template: str, context: dict[str, Any], plots: Mapping[str, str], whole: Any, figures: Iterable[str]
) -> Files:
    _, names = place(path, figures)
    html = _render(f"{template}.html", context)
    if path.suffix == ".html":
        return {names[0]: [html]}
    json = msgspec.json.format(msgspec.json.encode(whole))
    pages = dict(zip(_PAGES, (html, _render(f"{template}.md", context), json), strict=True))
    # A figure that has nothing to show replaces one of an earlier report all the same.
    drawn = {name: plots.get(name) or lengths("nothing to show", [], "d") for name in figures}
    return {name: [content] for name, content in (pages | {name: one.encode() for name, one in drawn.items()}).items()}


def _render(template: str, context: Mapping[str, Any]) -> bytes:
    page = template.endswith(".html")
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("services.backtest"), autoescape=page, undefined=jinja2.StrictUndefined,
        trim_blocks=not page,
    )  # fmt: skip
    made.globals |= {"moment": _moment, "cell": _cell, "interval": interval, "window": window, "later": later}
    if page:
        # The figures are our own, with every label escaped.
        context = {**context, "plots": {name: _inline(plot) for name, plot in context["plots"].items()}}
    return made.get_template(template).render(context).rstrip("\n").encode() + b"\n"


def _inline(plot: str) -> Any:
    return markupsafe.Markup(plot)


def _of_result(result: Result) -> dict[str, Any]:
    signals = [alert for alert in result.alerts if alert.table]
    present = [name for name in NAMES if any(name in alert.measures for alert in signals)]
    outcomes = [(name.replace(":", ": ", 1), count) for name, count in result.statuses.items()]
    outcomes += [(f"refused: {reason}", count) for reason, count in sorted(result.rejected.items())]
    account = result.account
    return {
        "result": result,
        "signals": signals,
        "singles": [alert for alert in result.alerts if not alert.table],
        "measures": present,
        "names": NAMES,
        "meanings": MEANINGS,
        "value": _value,
        "outcomes": outcomes,
        "figures": [
            ("records read", account.posts),
            ("duplicates", account.duplicates),
            ("screened out", account.screened),
            ("with a report", account.reported),
            ("signals", account.alerts),
            ("single reports", account.single_reports),
            ("pairs that alerted", len(result.stories)),
        ],
        "plots": _result_plots(result),
    }


def _result_plots(result: Result) -> dict[str, str]:
    steps = result.steps
    plots = dict.fromkeys(RESULT_FIGURES, "")
    if steps is None or not result.alerts:
        return plots
    names = ("signals", "single reports")
    series = (steps.signals, steps.single_reports)
    plots["alerts.svg"] = over_time("Alerts over time", [Bars("alerts", series)], steps.start, steps.days, names)
    drawn = result.stories[:_MOST_DRAWN]
    if drawn:
        lines = [
            Line(f"{one.drug.label}, {one.reaction.label}", one.days, f"{one.days:.1f} d, {one.reports} reports")
            for one in drawn
        ]
        plots["first-alert.svg"] = lengths("Days from the first report to the first alert", lines, "d")
        by_drug = sorted(drawn, key=lambda story: (story.drug.label, story.reaction.label))
        bars = [
            Bars(f"{one.drug.label}, {one.reaction.label}", (one.series,), [span.alerted_at for span in one.spans])
            for one in by_drug
        ]
        plots["series.svg"] = over_time("Posts with the pair over time", bars, steps.start, steps.days, ())
    return plots


def _of_comparison(found: Comparison) -> dict[str, Any]:
    rows: list[tuple[str, Any, Any]] = [
        (name, say(found.a), say(found.b))
        for name, say in (
            ("input", lambda side: side.source),
            ("posts", lambda side: side.account.distinct),
            ("span", lambda side: f"{_moment(side.first)} to {_moment(side.last)}"),
            ("rules", lambda side: side.rule_version),
            ("other than shipped", lambda side: ", ".join(side.overrides) or "nothing"),
            ("models", lambda side: side.model_version),
            ("signals", lambda side: side.account.alerts),
            ("single reports", lambda side: side.account.single_reports),
        )
    ]
    return {
        "found": found,
        "sides": rows,
        "figures": [
            ("signals in both", len(found.both)),
            ("in A alone", len(found.only_a)),
            ("in B alone", len(found.only_b)),
            ("sooner in A", sum(one.later_hours > 0 for one in found.both)),
            ("sooner in B", sum(one.later_hours < 0 for one in found.both)),
            ("single reports in both", found.single_both),
        ],
        "plots": {"first-alert.svg": _delays(found)},
    }


def _delays(found: Comparison) -> str:
    lines = []
    for one in found.both[:_MOST_DRAWN]:
        days = one.later_hours / 24
        label = f"{one.drug.label}, {one.reaction.label}"
        lines.append(Line(label, max(-days, 0.0), later(one), max(days, 0.0)))
    return lengths("Days from the first alert of either to the alert", lines, "d", ("A", "B")) if lines else ""


def _value(alert: Alert, name: str) -> Any:
    measure = alert.measures.get(name)
    return "" if measure is None or measure.value is None else measure.value


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "–"


def _cell(value: object) -> str:
    """A value in a table of Markdown."""
    return str(value).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
