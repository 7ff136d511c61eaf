"""A result of the benchmark that nobody measured."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.benchmarks.results import Latency, Machine, Part, Quantiles, Result, Run, Stream

OUTCOMES = {"screened": 60, "negative": 30, "mentions": 10}
MIB = 1 << 20


def run(part: Part, gated: bool, number: int, seconds: float, **changes: Any) -> Run:
    values: dict[str, Any] = {"posts": 100, "outcomes": {} if part == "a" else OUTCOMES}
    return Run(part=part, gated=gated, round=number, seconds=seconds, **{**values, **changes})


RUNS = (
    run("a", False, 1, 2.0, memory={"plain pipeline": (900 * MIB,)}),
    run("b", False, 1, 0.5),
    run("b", True, 1, 0.25, passed=12, memory={"steps in process": (500 * MIB,)}),
    run("c", False, 1, 0.625),
    run("c", True, 1, 0.4, memory={"kafka": (300 * MIB,), "pipeline": (380 * MIB, 390 * MIB)}),
    run("a", False, 2, 4.0, memory={"plain pipeline": (950 * MIB,)}),
    run("b", False, 2, 0.8),
    run("b", True, 2, 0.4, passed=8),
    run("c", False, 2, 1.0),
    run("c", True, 2, 0.5, memory={"kafka": (310 * MIB,), "pipeline": (370 * MIB, 410 * MIB)}),
)
LATENCY = Latency(sent=901, seconds=9.0, mention=Quantiles(120, 0.0421, 0.25), outcome=Quantiles(901, 0.04, 0.2))


def result(**changes: Any) -> Result:
    values: dict[str, Any] = {
        "command": "python -m tests.benchmarks.run posts.jsonl",
        "at": datetime(2026, 6, 1, 12, 30, tzinfo=UTC),
        "revision": "0123456789ab with changes",
        "machine": Machine(
            processor="Abacus 9",
            cores=2,
            memory=16 << 30,
            system="Some Linux 1",
            kernel="Linux 6.1",
            features=("avx2", "amx_int8"),
            load=0.25,
        ),
        "versions": {"Python": "3.11.7", "Kafka": "4.1.1, Java 17"},
        "stream": Stream(name="posts.jsonl", posts=200, distinct=198, pieces=21.5),
        "workers": 2,
        "batch": 64,
        "runs": RUNS,
        "latency": LATENCY,
    }
    return Result(**{**values, **changes})
