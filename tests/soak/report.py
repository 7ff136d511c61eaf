"""The report of a soak: verdicts as a table, and plots beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import msgspec
from matplotlib.figure import Figure

from tests.benchmarks.page import number, table
from tests.benchmarks.results import Machine
from tests.soak.samples import Sample
from tests.soak.verdicts import MIB, Verdict

_SIZE = (8.0, 3.2)


class Soak(msgspec.Struct, frozen=True, kw_only=True):
    """How it was run: `rate` in posts a second, `capacity` what was measured before (None: the rate was given)."""

    command: str
    at: datetime
    revision: str
    machine: Machine
    versions: dict[str, str]
    minutes: float
    warm_up: float
    rate: float
    capacity: float | None
    sent: int
    outcomes: int
    dead_letters: int


def write(folder: Path, soak: Soak, samples: Sequence[Sample], verdicts: Sequence[Verdict]) -> Path:
    """Write plots and page into a folder; gives the page."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, title, lines in _plots(samples):
        _draw(folder / f"{name}.svg", title, [one.at / 60 for one in samples], lines, soak.warm_up / 60)
    page = folder / "soak.md"
    page.write_text(render(soak, samples, verdicts), encoding="utf-8")
    return page


def render(soak: Soak, samples: Sequence[Sample], verdicts: Sequence[Verdict]) -> str:
    """The page as Markdown."""
    machine = soak.machine
    facts = table(
        ("", "this run"),
        (
            ("command", f"`{soak.command}`"),
            ("date", f"{soak.at:%Y-%m-%d %H:%M} UTC"),
            ("revision", soak.revision),
            ("processor", f"{machine.processor}, {machine.cores} cores"),
            ("system", f"{machine.system}, {machine.kernel}"),
            ("versions", ", ".join(f"{name} {value}" for name, value in soak.versions.items())),
            ("length, warm-up", f"{soak.minutes:g} min, of which the first {soak.warm_up / 60:.1f} are not judged"),
            ("load", _load(soak)),
            ("samples", str(len(samples))),
            ("posts sent, outcomes, dead letters", f"{soak.sent:,}, {soak.outcomes:,}, {soak.dead_letters:,}"),
        ),
    ).replace("---:", "---")
    rows = table(("process", "what", "first", "last", "slope", "95 %", "limit", "verdict"), map(_row, verdicts))
    sizes = table(("topic", "records", "MiB"), _sizes(samples[-1]))
    plots = "\n".join(f"![{title}]({name}.svg)" for name, title, _ in _plots(samples))
    failed = [one for one in verdicts if one.passed is False]
    verdict = f"**{len(failed)} verdicts failed.**" if failed else "Every verdict passed."
    return (
        f"# Soak\n\n{verdict}\n\n{facts}\n## Verdicts\n\n{rows}\n## Topics at the end\n\n{sizes}\n## Plots\n\n{plots}\n"
    )


def _load(soak: Soak) -> str:
    of = (
        ""
        if soak.capacity is None
        else f", {soak.rate / soak.capacity:.0%} of the {soak.capacity:,.0f} that were measured before"
    )
    return f"{soak.rate:,.1f} posts/s{of}"


def _row(one: Verdict) -> tuple[str, ...]:
    word = {True: "passed", False: "FAILED", None: "not judged"}[one.passed]
    interval = "–" if math.isinf(one.slope.low) else f"{number(one.slope.low)} to {number(one.slope.high)}"
    limit = "–" if one.limit is None else f"{one.limit:g}"
    return (
        one.subject, one.what, number(one.first), number(one.last), f"{number(one.slope.hour)} {one.unit}", interval,
        limit, word,
    )  # fmt: skip


def _sizes(last: Sample) -> list[tuple[str, ...]]:
    return [
        (name, f"{records:,}", f"{last.topic_bytes.get(name, 0) / MIB:,.1f}")
        for name, records in last.topics.items()
        if records
    ]


Lines = dict[str, list[float]]


def _plots(samples: Sequence[Sample]) -> list[tuple[str, str, Lines]]:
    names = sorted({name for one in samples for name in one.processes})

    def of(value: Callable[[Sample, str], float]) -> Lines:
        return {name: [value(one, name) if name in one.processes else math.nan for one in samples] for name in names}

    return [
        ("memory", "Resident memory, MiB", of(lambda one, name: one.processes[name].memory / MIB)),
        ("files", "Open files", of(lambda one, name: one.processes[name].files)),
        ("threads", "Threads", of(lambda one, name: one.processes[name].threads)),
        ("redis", "Keys in Redis, thousands", {"keys": [one.keys / 1000 for one in samples]}),
        ("lag", "Unread records", {name: [float(one.lag[name]) for one in samples] for name in samples[0].lag}),
    ]


def _draw(path: Path, title: str, minutes: Sequence[float], lines: Lines, warm_up: float) -> None:
    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.add_subplot()
    for name, values in lines.items():
        axes.plot(minutes, values, label=name, linewidth=1)
    axes.axvspan(0, warm_up, color="grey", alpha=0.15)
    axes.set(title=title, xlabel="minutes")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    figure.savefig(path, format="svg", metadata={"Date": None})
