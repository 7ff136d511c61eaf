"""Figures of reports as SVG, each whole in itself: light and dark, as the reader's system is, and light on paper. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape

_WIDTH = 860
# Left of the plots stand labels of rows or numbers of an axis.
_LABELS, _AXIS = 300, 44
_ROW, _PLOT, _FOOT = 26, 140, 26
_STYLE = """
.ink{fill:#1c2430}.soft{fill:#5b6675}.line{stroke:#d5dae1}.a{fill:#2563a8}.b{fill:#c2571a}.join{stroke:#98a2b0}
text{font:13px system-ui,sans-serif}.small{font-size:11px}
@media screen and (prefers-color-scheme:dark){.ink{fill:#e6e9ee}.soft{fill:#a3adba}.line{stroke:#3a4452}
.a{fill:#6cabed}.b{fill:#f0995c}.join{stroke:#7b8696}}
"""


@dataclass(frozen=True)
class Bars:
    """Counts in equal steps of time; each of `series` is stacked on the one before it. `marks` are moments to point out."""

    title: str
    series: Sequence[Sequence[int]]
    marks: Sequence[datetime] = ()


@dataclass(frozen=True)
class Line:
    """A row of a figure of lengths: from 0 to `value` with a note behind it; `other` is a second value."""

    label: str
    value: float
    note: str
    other: float | None = None


def over_time(title: str, plots: Sequence[Bars], start: datetime, days: int, names: Sequence[str]) -> str:
    """Bars over time below one another, on one axis of time; `names` are those of the series, for a legend of several."""
    body = [_legend(names)] if len(names) > 1 else []
    top = 24 if len(names) > 1 else 4
    for plot in plots:
        body.append(_plot(plot, top, start, days))
        top += _PLOT + 20 + _FOOT
    return _svg(title, top, body)


def lengths(title: str, lines: Sequence[Line], unit: str, names: Sequence[str] = ()) -> str:
    """A row for each line: a bar, or, where there is a second value, two dots that are joined."""
    most = max((max(line.value, line.other or 0.0) for line in lines), default=0.0) or 1.0
    room = _WIDTH - _LABELS - 150
    top = 24 if names else 4
    body = [_legend(names)] if names else []
    for i, line in enumerate(lines):
        y = top + i * _ROW
        end = _LABELS + max(line.value, 0.0) / most * room
        label = line.label if len(line.label) <= 42 else line.label[:41] + "…"
        body.append(f'<text class="ink" x="{_LABELS - 14}" y="{y + 17}" text-anchor="end">{escape(label)}</text>')
        if line.other is None:
            body.append(
                f'<rect class="a" x="{_LABELS}" y="{y + 5}" width="{max(end - _LABELS, 1.5):.1f}" height="16" rx="2"/>'
            )
        else:
            second = _LABELS + line.other / most * room
            body.append(
                f'<line class="join" stroke-width="2" x1="{end:.1f}" x2="{second:.1f}" y1="{y + 13}" y2="{y + 13}"/>'
            )
            # Where both are at one place the upper dot leaves the lower one's rim to be seen.
            body.append(f'<circle class="a" cx="{end:.1f}" cy="{y + 13}" r="7"/>')
            body.append(f'<circle class="b" cx="{second:.1f}" cy="{y + 13}" r="4.5"/>')
            end = max(end, second) + 6
        body.append(f'<text class="soft" x="{end + 8:.1f}" y="{y + 17}">{escape(line.note)}</text>')
    foot = top + len(lines) * _ROW + 18
    body.append(f'<line class="line" x1="{_LABELS}" x2="{_LABELS}" y1="{top}" y2="{foot - 18}"/>')
    body.append(f'<text class="soft small" x="{_LABELS}" y="{foot}">0 {escape(unit)}</text>')
    end_of_axis = (
        f'<text class="soft small" x="{_LABELS + room}" y="{foot}" text-anchor="end">{most:.3g} {escape(unit)}</text>'
    )
    return _svg(title, foot + 8, [*body, end_of_axis])


def _plot(plot: Bars, top: int, start: datetime, days: int) -> str:
    number = len(plot.series[0])
    sums = [sum(step) for step in zip(*plot.series, strict=True)]
    most, step = max(sums, default=0) or 1, (_WIDTH - _AXIS - 10) / number
    base = top + 20 + _PLOT - 20
    tall = _PLOT - 30
    parts = [f'<text class="ink" x="{_AXIS}" y="{top + 13}">{escape(plot.title)}</text>']
    for value in sorted({0, most}):
        y = base - value / most * tall
        parts.append(f'<line class="line" x1="{_AXIS}" x2="{_WIDTH - 10}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="soft small" x="{_AXIS - 6}" y="{y + 4:.1f}" text-anchor="end">{value}</text>')
    for i in range(number):
        y = float(base)
        for which, series in enumerate(plot.series):
            height = series[i] / most * tall
            y -= height
            if height:
                day = start + timedelta(days=i * days)
                parts.append(
                    f'<rect class="{"ab"[which]}" x="{_AXIS + i * step + step * 0.1:.1f}" y="{y:.1f}" '
                    f'width="{step * 0.8:.1f}" height="{height:.1f}"><title>{day:%Y-%m-%d}: {series[i]}</title></rect>'
                )
    for mark in plot.marks:
        x = min(_AXIS + (mark - start) / timedelta(days=days) * step, _WIDTH - 10.0)
        parts.append(
            f'<path class="b" d="M{x:.1f} {base + 2} l-5 9 h10 z"><title>alert {mark:%Y-%m-%d %H:%M}</title></path>'
        )
    end = start + timedelta(days=number * days)
    parts.append(f'<text class="soft small" x="{_AXIS}" y="{base + 23}">{start:%Y-%m-%d}</text>')
    parts.append(f'<text class="soft small" x="{_WIDTH - 10}" y="{base + 23}" text-anchor="end">{end:%Y-%m-%d}</text>')
    return "".join(parts)


def _legend(names: Sequence[str]) -> str:
    parts = []
    for i, name in enumerate(names):
        x = _AXIS + i * 180
        parts.append(f'<rect class="{"ab"[i]}" x="{x}" y="3" width="12" height="12" rx="2"/>')
        parts.append(f'<text class="ink" x="{x + 18}" y="14">{escape(name)}</text>')
    return "".join(parts)


def _svg(title: str, height: int, body: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style>{''.join(body)}</svg>\n"
    )
