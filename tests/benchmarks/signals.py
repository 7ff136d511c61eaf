"""`make bench-signals`: a million pairs on one core, beside the package vigipy. Writes docs/benchmarks/signals.md."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from shared.settings import PACKAGE_ROOT
from shared.signals import ebgm
from shared.signals import measures as m
from tests.benchmarks.machine import machine, revision

PAGE = PACKAGE_ROOT / "docs" / "benchmarks" / "signals.md"
_SEED = 13
# What the other package computes of the same: its decision steps cannot be left out, ours have none.
_OTHER = """
import json, os, sys, time
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
import numpy as np, pandas as pd, vigipy
from vigipy.utils.Container import DataContainer
table = np.load(sys.argv[1])
data = pd.DataFrame({
    "product_name": table["drug"].astype(str), "ae_name": table["reaction"].astype(str), "events": table["a"],
    "product_aes": table["of_drug"], "count_across_brands": table["of_reaction"],
})
container = DataContainer(data=data, N=int(table["total"]))
found = {}
for name, run in (("prr", vigipy.prr), ("ror", vigipy.ror), ("ic", vigipy.bcpnn), ("ebgm", vigipy.gps)):
    began = time.perf_counter()
    run(container, min_events=1)
    found[name] = time.perf_counter() - began
    print(name, found[name], file=sys.stderr, flush=True)
import importlib.metadata
print(json.dumps({"seconds": found, "version": importlib.metadata.version("vigipy")}))
"""


def table(pairs: int) -> dict[str, Any]:
    """Pairs with at least one report, ratios drawn from a mixture of two gamma distributions, from 50 to 5,000 reports a drug."""
    generator = np.random.default_rng(_SEED)
    total = 2_000_000
    of_drug, of_reaction = (generator.integers(50, 5_000, 4 * pairs) for _ in range(2))
    first = generator.random(4 * pairs) < 0.1
    ratio = np.where(first, generator.gamma(2.0, 2.0, 4 * pairs), generator.gamma(3.0, 1 / 3, 4 * pairs))
    a = np.minimum(generator.poisson(ratio * of_drug * of_reaction / total), np.minimum(of_drug, of_reaction))
    kept = np.flatnonzero(a > 0)[:pairs]
    a, of_drug, of_reaction = a[kept], of_drug[kept], of_reaction[kept]
    side = int(np.sqrt(len(kept))) + 1
    drug, reaction = np.divmod(np.arange(len(kept)), side)
    return {"a": a, "of_drug": of_drug, "of_reaction": of_reaction, "total": total, "drug": drug, "reaction": reaction}


def bench(
    vigipy_python: Annotated[Path, typer.Option(help="Python with vigipy.")] = Path(sys.executable),
    pairs: Annotated[int, typer.Option(min=1_000, help="Pairs of the table.")] = 1_000_000,
    out: Annotated[Path, typer.Option(help="The page to write.")] = PAGE,
) -> None:
    """Measure both packages one after the other, each on one core, in this run.

    Example: python -m tests.benchmarks.signals --vigipy-python .venv-vigipy/bin/python
    """
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    counts = table(pairs)
    a, b, c = counts["a"], counts["of_drug"] - counts["a"], counts["of_reaction"] - counts["a"]
    cells = (a, b, c, counts["total"] - a - b - c)
    ours = {
        "prr": _timed(lambda: m.prr(*cells)), "ror": _timed(lambda: m.ror(*cells)), "rrr": _timed(lambda: m.rrr(*cells)),
        "q": _timed(lambda: m.yule_q(*cells)), "chi2": _timed(lambda: (m.chi2(*cells), m.chi2_yates(*cells))),
        "ic": _timed(lambda: m.ic(*cells)),
    }  # fmt: skip
    expected = m.expected(*cells)

    def shrink() -> None:
        fit = ebgm.fit(a, expected)
        assert fit is not None
        ebgm.posterior(fit.prior, a, expected)

    ours["ebgm"] = _timed(shrink)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with tempfile.NamedTemporaryFile(suffix=".npz") as file:
        np.savez(file, **counts)
        file.flush()
        command = [str(vigipy_python), "-c", _OTHER, file.name]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    other = json.loads(done.stdout)
    out.write_text(_page(len(a), ours, other, peak), encoding="utf-8")
    typer.echo(out.read_text(encoding="utf-8"))


def _timed(run: Callable[[], Any]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _page(pairs: int, ours: dict[str, float], other: dict[str, Any], peak: float) -> str:
    here = machine()
    titles = {
        "prr": "PRR and interval", "ror": "ROR and interval", "rrr": "RRR", "q": "Q and interval", "chi2": "chi-squared, both",
        "ic": "IC, IC025, IC975", "ebgm": "EBGM, EB05, EB95 with the fit of the prior",
    }  # fmt: skip
    seconds = other["seconds"]
    common = [name for name in ("prr", "ror", "ic") if name in seconds]
    ratio = sum(seconds[name] for name in common) / sum(ours[name] for name in common)
    lines = [
        "# Measures of a million pairs",
        "",
        "Made by `make bench-signals`; do not edit. One core, one run; vigipy also computes a false discovery rate and",
        "a ranked table with each measure.",
        "",
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, revision {revision()}, {here.processor}, NumPy {np.__version__}, "
        f"vigipy {other['version']}; {pairs:,} pairs (seed {_SEED}).",
        "",
        "| measure | adrwatch, s | vigipy, s | ratio |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, title in titles.items():
        theirs = seconds.get(name)
        rest = f"{theirs:.2f} | {theirs / ours[name]:.1f}" if theirs is not None else " | "
        lines.append(f"| {title} | {ours[name]:.2f} | {rest} |")
    but_ebgm = sum(value for name, value in ours.items() if name != "ebgm")
    lines += [
        "",
        f"All measures but EBGM: {but_ebgm:.2f} s. On those that both have (PRR, ROR, IC) the ratio is {ratio:.1f}. "
        f"Peak memory of the process: {peak:,.0f} MiB.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    typer.run(bench)
