"""The page of docs/benchmarks, whole, from a result."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from services.backtest.figures import Line, lengths
from tests.benchmarks.baseline import BATCH, ENCODER
from tests.benchmarks.parts import BARE, FAUST, FEATURES, FIXED, LANGUAGES, LOOP
from tests.benchmarks.results import (
    FEW,
    SERIES,
    Latency,
    Part,
    Quantiles,
    Result,
    discord,
    peaks,
    processor,
    rates,
    ratios,
    shares,
    spread,
)

_WHAT: dict[Part, str] = {
    "a": f"(a) plain pipeline: PyTorch eager, batch {BATCH}",
    "b": "(b) our steps in one process",
    "c": "(c) full path: Kafka, Faust, Triton, Redis",
}
_PARTS = {
    FEATURES: "Features: posts made ready for the models, one core",
    LOOP: "The loop over topics",
    FIXED: "All but the models: one worker, ready features, answers after 5 ms",
    LANGUAGES: "Models of other languages: requests to Triton",
}
_WHOLE, _OF_PARTS = "throughput.svg", "throughput-parts.svg"
_NOTHING = "–"
# Load for each core before the run above which other work takes part in the figures.
_BUSY = 0.5
_HEAD = """\
# Throughput, latency and memory

Made by `make bench`; do not edit. How many posts a second get the same two decisions (does a post report a reaction, which words
name it) from a plain Hugging Face pipeline, from our steps, and from the whole product, on one machine and over the same posts.
"""
_HOW = Path(__file__).with_name("how.md")


def render(result: Result) -> str:
    """The page as Markdown."""
    shown = {name: f"![Posts a second]({name})\n" for name in pictures(result)}
    sections = [_HEAD, _facts(result), _speed(result), shown.get(_WHOLE, ""), _decisions(result), _latency(result)]
    sections += [*map(_part, result.parts.items()), shown.get(_OF_PARTS, ""), _processor(result), _memory(result)]
    how = _HOW.read_text(encoding="utf-8").format(batch=BATCH, encoder=ENCODER)
    return "\n".join(section for section in [*sections, how] if section)


def pictures(result: Result) -> dict[str, str]:
    """The figures of the page as SVG, by the name of the file beside it: the whole, and parts of the pipeline."""
    found = {}
    whole = [
        _line(_WHAT[part].partition(":")[0] + _mode(part, gated), rates(result.runs, part, gated))
        for part, gated in SERIES
        if rates(result.runs, part, gated)
    ]
    if whole:
        found[_WHOLE] = lengths("Posts a second, whole", whole, "posts/s")
    parts = [_line(row, values) for rows in result.parts.values() for row, values in rows.items()]
    if parts:
        found[_OF_PARTS] = lengths("Posts a second, parts", parts, "posts/s")
    return found


def _line(label: str, values: Sequence[float]) -> Line:
    return Line(label, statistics.median(values), number(statistics.median(values)))


def _mode(part: Part, gated: bool) -> str:
    return "" if part == "a" else ", gated" if gated else ", ungated"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table: the first column to the left, the others to the right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (header, rule, *rows))


def number(value: float) -> str:
    """Three digits that count."""
    if math.isnan(value):
        return _NOTHING
    digits = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:,.{min(digits, 3)}f}"


def ranged(values: Sequence[float]) -> str:
    """Median (least to most); one value stands alone."""
    found = spread(values)
    if found is None:
        return _NOTHING
    return number(found.median) + (f" ({number(found.low)}–{number(found.high)})" if len(values) > 1 else "")


def mib(size: int) -> str:
    """Bytes as MiB."""
    return f"{size / (1 << 20):,.0f}"


def _facts(result: Result) -> str:
    machine, stream = result.machine, result.stream
    return table(
        ("", "this run"),
        (
            ("command", f"`{result.command}`"),
            ("date", f"{result.at:%Y-%m-%d %H:%M} UTC"),
            ("revision", result.revision),
            ("processor", f"{machine.processor}, {machine.cores} cores"),
            ("instructions", ", ".join(machine.features) or _NOTHING),
            ("memory", f"{machine.memory / (1 << 30):.1f} GiB"),
            ("system", f"{machine.system}, {machine.kernel}"),
            ("load before the run", f"{machine.load:.2f}"),
            ("versions", ", ".join(f"{name} {value}" for name, value in result.versions.items())),
            ("stream", _stream(result)),
            ("word pieces a post, mean", number(stream.pieces)),
            ("pipeline workers, micro-batch", f"{result.workers}, {result.batch} posts"),
        ),
    ).replace("---:", "---")


def _stream(result: Result) -> str:
    stream = result.stream
    again = stream.posts - stream.distinct
    repeated = f" ({again:,} with an id that came before)" if again else ""
    return f"`{stream.name}`, {stream.posts:,} posts{repeated}, rounds: {result.rounds}"


def _speed(result: Result) -> str:
    rows = []
    for part, gated in SERIES:
        found = rates(result.runs, part, gated)
        if found:
            rows.append((_WHAT[part] + _mode(part, gated), ranged(found), ranged(ratios(result.runs, part, gated))))
    several = result.rounds > 1
    title = "## Posts a second\n" + (
        f"Median of {result.rounds} rounds, in brackets the least and the most.\n" if several else ""
    )
    machine = result.machine
    if machine.load > _BUSY * machine.cores:
        title += f"**The machine was busy** when the run began (load {machine.load:.2f}): do not trust these figures.\n"
    if result.classifier:
        rows.append(("the classifier alone: requests to Triton", ranged(result.classifier), ""))
    return f"{title}\n{table(('', 'posts/s', 'times (a)'), rows)}"


def _decisions(result: Result) -> str:
    found = shares(result.runs)
    if found is None:
        return ""
    posts, screened, passed = found
    lines = [
        "## What the gates held back",
        f"Of {posts:,} distinct posts the screen stopped {screened:,} ({screened / posts:.1%})"
        + (
            f" and the classifier passed {passed:,} ({passed / posts:.1%}) on to the extractor."
            if passed is not None
            else "."
        ),
    ]
    rounds = discord(result.runs)
    if rounds:
        lines.append(
            f"**Runs decided differently about the same posts** in rounds {', '.join(map(str, rounds))}: a fault."
        )
    else:
        lines.append("All runs of (b) and (c), gated or not, counted the same outcomes for the same posts.")
    return "\n".join(lines) + "\n"


def _latency(result: Result) -> str:
    latency = result.latency
    if latency is None:
        return ""
    rows = (
        _quantiles("post → first mention", latency.mention),
        _quantiles("post → outcome", latency.outcome),
    )
    return f"## Latency at half load\n{_sent(latency)}\n\n{table(('', 'samples', 'p50, ms', 'p99, ms'), rows)}"


def _sent(latency: Latency) -> str:
    rate = (latency.sent - 1) / latency.seconds if latency.seconds else float("nan")
    return f"{latency.sent:,} posts in {latency.seconds:.0f} s, {number(rate)} a second, through (c) gated."


def _quantiles(name: str, found: Quantiles) -> tuple[str, ...]:
    few = f" (fewer than {FEW}: p99 says little)" if found.samples < FEW else ""
    return name, f"{found.samples:,}{few}", number(found.p50 * 1000), number(found.p99 * 1000)


def _part(measured: tuple[str, dict[str, tuple[float, ...]]]) -> str:
    """The table of one part of the pipeline."""
    part, rows = measured
    shown = [(row, ranged(values)) for row, values in rows.items()]
    if part == LOOP and {FAUST, BARE} <= rows.keys():
        ratios_of_rounds = [ours / bare for ours, bare in zip(rows[FAUST], rows[BARE], strict=True)]
        shown.append(("the worker's loop beside the bare one", ranged(ratios_of_rounds)))
    return f"## {_PARTS[part]}\n\n{table(('', 'posts/s'), shown)}"


def _processor(result: Result) -> str:
    """What a post costs: all processes of each way together, and of the full path each by itself."""
    rows = []
    for part, gated in SERIES:
        spent = processor(run for run in result.runs if (run.part, run.gated) == (part, gated))
        mode = _mode(part, gated)
        if spent:
            rows.append((_WHAT[part].partition(":")[0] + mode, number(sum(spent.values()))))
        if len(spent) > 1:
            rows += [(f"· {name}{mode}", number(value)) for name, value in spent.items()]
    return f"## Processor time\n\n{table(('', 'ms a post'), rows)}" if rows else ""


def _memory(result: Result) -> str:
    return f"## Peak memory\n\n{table(('process', 'processes', 'largest, MiB', 'sum, MiB'), _processes(result))}"


def _processes(result: Result) -> Iterator[tuple[str, ...]]:
    for part in ("a", "b", "c"):
        for name, sizes in peaks(run for run in result.runs if run.part == part).items():
            yield f"({part}) {name}", str(len(sizes)), mib(max(sizes)), mib(sum(sizes))
