"""What `make bench-scale` measured, and the page that shows it. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from datetime import datetime

import msgspec

from shared.settings import PACKAGE_ROOT
from tests.benchmarks.page import number, ranged, table
from tests.benchmarks.results import Machine

PAGE = PACKAGE_ROOT / "docs" / "benchmarks" / "scaling.md"
# Load for each core before the run above which other work takes part in the figures.
_BUSY = 0.5
# Of the machine's cores so many busy: nothing is left for a further worker.
_FULL = 0.9
# So many cores busy with other work make a drain no measure of ours; what looks on takes a tenth of one.
DISTURBED = 0.3
_HEAD = """\
# Several workers beside one

Made by `make bench-scale`; do not edit. How many records a second one worker handles, and how many times as many several do, on one
machine. Kafka and Redis are real. Models are not: a server answers each request after a fixed time and costs hardly any processor
time, so this is how everything but the models scales. Where it answers soon, each worker needs a core; where it answers late, a
part of one. What is read lies in its topic before the workers start; a rate is taken between a tenth and 85 % of the records, while
every worker has its partitions. Alerting reads outcomes as those of [windows](windows.md) and counts them; rules, which have an
hour for each hour of event time, are left out. A drain beside which other work took more than 0.3 of a core is repeated, three
times at most; the least disturbed counts.
"""


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """One drain: records a second, and how many cores each process was busy with meanwhile, and `others` that are not ours."""

    service: str
    workers: int
    rate: float
    cores: dict[str, float]
    others: float = 0.0
    answer: float | None = None

    @property
    def name(self) -> str:
        """The service, and after how many milliseconds its models answered."""
        return self.service if self.answer is None else f"{self.service}, models answer after {self.answer:g} ms"

    @property
    def milliseconds(self) -> float:
        """Processor time of the workers for each record."""
        return 1000 * sum(busy for name, busy in self.cores.items() if name.startswith(self.service)) / self.rate


class Scaling(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run: `posts` in each drain."""

    command: str
    at: datetime
    revision: str
    machine: Machine
    versions: dict[str, str]
    posts: int
    series: tuple[Series, ...]

    def rates(self, name: str, workers: int) -> list[float]:
        """Of one number of workers, in the order in which they were measured."""
        return [one.rate for one in self.series if (one.name, one.workers) == (name, workers)]

    def rate(self, name: str, workers: int) -> float:
        """The median of them."""
        return statistics.median(self.rates(name, workers))

    def times(self, name: str, workers: int) -> float | None:
        """How many times as fast as one; None where one of the two was not measured."""
        many, one = self.rates(name, workers), self.rates(name, 1)
        return statistics.median(many) / statistics.median(one) if many and one else None

    def median(self, name: str, workers: int, what: str) -> float:
        """Of a number of the drains."""
        return statistics.median(
            getattr(one, what) for one in self.series if (one.name, one.workers) == (name, workers)
        )

    def busy(self, name: str, workers: int) -> dict[str, float]:
        """Cores that were busy, by kind of process, the median."""
        found: dict[str, list[float]] = {}
        for one in self.series:
            if (one.name, one.workers) == (name, workers):
                sums: dict[str, float] = {}
                for part, cores in one.cores.items():
                    kind = part.rstrip("0123456789").rstrip("-")
                    sums[kind] = sums.get(kind, 0.0) + cores
                for kind, cores in sums.items():
                    found.setdefault(kind, []).append(cores)
        return {kind: statistics.median(cores) for kind, cores in found.items()}


def render(found: Scaling) -> str:
    """The page as Markdown."""
    machine = found.machine
    facts = table(
        ("", "this run"),
        (
            ("command", f"`{found.command}`"),
            ("date", f"{found.at:%Y-%m-%d %H:%M} UTC"),
            ("revision", found.revision),
            ("processor", f"{machine.processor}, {machine.cores} cores"),
            ("memory", f"{machine.memory / (1 << 30):.1f} GiB"),
            ("system", f"{machine.system}, {machine.kernel}"),
            ("load before the run", f"{machine.load:.2f}"),
            ("versions", ", ".join(f"{name} {value}" for name, value in found.versions.items())),
            ("posts a drain of the pipeline", f"{found.posts:,}, made from the sample of the demo"),
        ),
    ).replace("---:", "---")
    warning = ""
    if machine.load > _BUSY * machine.cores:
        warning = (
            f"**The machine was busy** when the run began (load {machine.load:.2f}): do not trust these figures.\n\n"
        )
    header = (
        "", "workers", "records/s", "times one", "processor ms a record", "cores busy: workers", "Kafka", "Redis", "all of them",
        "others",
    )  # fmt: skip
    rows = table(header, _rows(found))
    return f"{_HEAD}\n{facts}\n{warning}{rows}\n{_verdict(found)}\n"


def _rows(found: Scaling) -> Iterator[tuple[str, ...]]:
    for name, workers in sorted({(one.name, one.workers) for one in found.series}):
        times, busy = found.times(name, workers), found.busy(name, workers)
        yield (
            name, str(workers), ranged(found.rates(name, workers)), "–" if times is None else number(times),
            f"{found.median(name, workers, 'milliseconds'):.2f}",
            f"{busy.get(name.partition(',')[0], 0.0):.2f}", f"{busy.get('kafka', 0.0):.2f}", f"{busy.get('redis', 0.0):.2f}",
            f"{sum(busy.values()):.2f}", f"{found.median(name, workers, 'others'):.2f}",
        )  # fmt: skip


def _verdict(found: Scaling) -> str:
    """What was in the way, in a sentence for each service."""
    lines = []
    for name in dict.fromkeys(one.name for one in found.series):
        most = max(one.workers for one in found.series if one.name == name)
        all_busy = sum(found.busy(name, most).values())
        cores, others = found.machine.cores, found.median(name, most, "others")
        if others > DISTURBED:
            lines.append(
                f"**Other work took {others:.2f} cores** beside {most} workers of {name}: that is no measure of them."
            )
        elif all_busy >= _FULL * cores:
            lines.append(
                f"With {most} workers of {name} all {cores} cores were busy ({all_busy:.2f}): the processor is in the way, and "
                "a further worker needs further cores."
            )
        else:
            lines.append(
                f"With {most} workers of {name} {all_busy:.2f} of {cores} cores were busy: the processor is not in the way."
            )
    return "\n".join(lines)
