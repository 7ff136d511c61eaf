"""Plots of a report as SVG, by matplotlib (the extra `plots`). Equal reports give equal files."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from services.evaluation.reports import Report
from shared.errors import AdrwatchError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE = (4.8, 4.2)


def require_matplotlib() -> None:
    """Raises AdrwatchError where matplotlib is not installed."""
    if find_spec("matplotlib") is None:
        raise AdrwatchError("--plots needs matplotlib, which is not installed", fix="pip install 'adrwatch[plots]'")


def draw(report: Report, folder: Path) -> list[Path]:
    """Draw what the report holds: precision over recall, reliability, confusion of types. Gives the files."""
    require_matplotlib()
    folder.mkdir(parents=True, exist_ok=True)
    stem = re.sub(r"[^\w.-]+", "-", f"{report.task}-{report.data}")
    plots: list[tuple[str, Callable[[Axes, Report], None]]] = []
    if report.precision_recall:
        plots.append(("precision-recall", _precision_recall))
    if report.calibration:
        plots.append(("reliability", _reliability))
    if report.confusion is not None:
        plots.append(("confusion", _confusion))
    return [_save(report, plot, folder / f"{stem}-{name}.svg") for name, plot in plots]


def _save(report: Report, plot: Callable[[Axes, Report], None], path: Path) -> Path:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # Without the salt and the date, two runs would differ in ids and a time stamp.
    with mpl.rc_context({"svg.hashsalt": "adrwatch", "font.size": 9}):
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.add_subplot()
        plot(axes, report)
        axes.set_title(f"{report.data}\n{report.model} {report.model_version}, data {report.data_hash}", fontsize=9)
        figure.savefig(path, format="svg", metadata={"Date": None})
    return path


def _precision_recall(axes: Axes, report: Report) -> None:
    precision = [point[1] for point in report.precision_recall]
    recall = [point[2] for point in report.precision_recall]
    axes.step(recall, precision, where="pre", color="tab:blue")
    value = {row.metric: row.value for row in report.rows if row.value is not None}
    if "precision" in value and "recall" in value:
        [label] = [f"at the {name}, {size:g}" for name, size in report.sizes.items() if name.startswith("threshold")]
        axes.plot([value["recall"]], [value["precision"]], "o", color="tab:red", label=label)
        axes.legend(loc="best")
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.02))


def _reliability(axes: Axes, report: Report) -> None:
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="perfect")
    axes.plot(
        [point[0] for point in report.calibration],
        [point[1] for point in report.calibration],
        marker="o",
        color="tab:blue",
        label="model, with posts in each bin",
    )
    for probability, observed, posts in report.calibration:
        axes.annotate(str(posts), (probability, observed), xytext=(4, -10), textcoords="offset points", fontsize=7)
    axes.legend(loc="best")
    axes.set(xlabel="mean probability", ylabel="share of positive posts", xlim=(0, 1.02), ylim=(-0.02, 1.02))


def _confusion(axes: Axes, report: Report) -> None:
    if report.confusion is None:
        return
    types, counts = report.confusion.types, report.confusion.counts
    shares = [[number / max(1, sum(row)) for number in row] for row in counts]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for gold, row in enumerate(counts):
        for predicted, number in enumerate(row):
            color = "white" if shares[gold][predicted] > 0.5 else "black"
            axes.text(predicted, gold, str(number), ha="center", va="center", color=color)
    places = range(len(types))
    axes.set_xticks(places, types, rotation=30, ha="right")
    axes.set_yticks(places, types)
    axes.set(xlabel="predicted", ylabel="gold")
