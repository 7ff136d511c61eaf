"""The benchmark: `make bench`, or `python -m tests.benchmarks.run FILE`. Writes docs/benchmarks/throughput.md and its figures."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from services.ingest.commands import reading
from shared.errors import AdrwatchError
from shared.settings import PACKAGE_ROOT

SAMPLE = PACKAGE_ROOT / "deploy" / "demo" / "posts.jsonl"
PAGE = PACKAGE_ROOT / "docs" / "benchmarks" / "throughput.md"


def bench(
    stream: Annotated[Path, typer.Argument(help="JSONL, CSV or TSV, plain or .gz, .xz, .zst.")] = SAMPLE,
    id_column: reading.IdColumn = None,
    text_column: reading.TextColumn = None,
    time_column: reading.TimeColumn = None,
    limit: reading.Limit = None,
    rounds: Annotated[int, typer.Option(min=1, help="Parts of the stream; each is measured in every way.")] = 3,
    parts: Annotated[
        str,
        typer.Option(
            help="Which of a (plain pipeline), b (our steps), c (full path), features (made ready on one core), "
            "loop (Faust beside aiokafka), fixed (all but the models), languages (models beside the English ones)."
        ),
    ] = "a,b,c,features,loop,fixed,languages",
    workers: Annotated[int | None, typer.Option(min=1, help="Pipeline workers of (c); else one a core.")] = None,
    latency: Annotated[float, typer.Option(min=0, help="Seconds of half load to measure latency; 0 for none.")] = 90.0,
    baseline_python: Annotated[Path, typer.Option(help="Python with PyTorch for (a).")] = Path(sys.executable),
    folder: Annotated[
        Path | None, typer.Option(help="Work in this folder and leave it, logs and posts included, as it is.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The page to write.")] = PAGE,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file as well.")] = None,
) -> None:
    """Measure posts a second, latency and memory: a plain PyTorch pipeline, our steps, the full path, and parts of it.

    Start it on a machine that does nothing else. Progress goes to standard error. Servers that have an address
    (ADRWATCH_KAFKA_BOOTSTRAP and so on) are used, the others are started here.
    Exit code 2: something cannot run, or a post was lost.

    Example: python -m tests.benchmarks.run posts.jsonl --rounds 3 --json figures.json
    """
    import msgspec

    from services.ingest.columns import Columns
    from tests.benchmarks.harness import Plan, measure
    from tests.benchmarks.machine import command
    from tests.benchmarks.page import pictures, render
    from tests.benchmarks.parts import PARTS
    from tests.benchmarks.results import SERIES

    wanted = parts.split(",")
    known = ("a", "b", "c", *PARTS)
    if not set(wanted) <= set(known):
        raise AdrwatchError(
            f"--parts {parts} names no parts",
            fix=f"give some of {', '.join(known)} with commas between, such as b,c",
        )
    with _folder(folder) as place:
        plan = Plan(
            stream=str(stream),
            columns=Columns(id=id_column, text=text_column, time=time_column),
            limit=limit,
            rounds=rounds,
            series=[one for one in SERIES if one[0] in wanted],
            parts=[one for one in PARTS if one in wanted],
            workers=workers or len(os.sched_getaffinity(0)),
            latency=latency,
            baseline_python=baseline_python,
            folder=place,
        )
        result = measure(plan, command(sys.argv[1:]), lambda text: typer.echo(text, err=True))
    _write(out, render(result).encode())
    for name, picture in pictures(result).items():
        _write(out.with_name(name), picture.encode())
    if json_file is not None:
        _write(json_file, msgspec.json.format(msgspec.json.encode(result)))


@contextmanager
def _folder(wanted: Path | None) -> Iterator[Path]:
    """The folder that was asked for, else one for this run alone: it holds posts, so only its owner may look inside."""
    if wanted is None:
        with tempfile.TemporaryDirectory(prefix="adrwatch-bench-", ignore_cleanup_errors=True) as name:
            try:
                yield Path(name)
            except AdrwatchError as error:
                gone = f"{error.fix}, which is gone by now: --folder keeps it" if name in error.fix else error.fix
                raise AdrwatchError(error.message, fix=gone) from error
        return
    try:
        wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise AdrwatchError(
            f"the folder {wanted} cannot be made: {error.strerror}", fix="give another --folder"
        ) from None
    yield wanted.resolve()


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise AdrwatchError(f"{path} cannot be written: {error.strerror}", fix="give another path") from None
    typer.echo(f"written: {path}", err=True)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Entry point: errors in one line, and everything stopped and removed whatever ends it."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(bench)
    try:
        app(prog_name="python -m tests.benchmarks.run")
    except AdrwatchError as error:
        typer.echo(f"adrwatch: {error.message}\n  fix: {error.fix}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
