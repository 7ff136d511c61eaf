"""`adrwatch up`: everything on this machine, until Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.local.kafka_jars import MAVEN_CENTRAL

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from deploy.local.stack import Row, Stack
    from shared.settings import Settings


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command()(up)


def up(
    pipeline: Annotated[int, typer.Option(min=0, help="number of pipeline workers")] = 1,
    alerting: Annotated[int, typer.Option(min=0, help="number of alerting workers")] = 1,
    cases: Annotated[int, typer.Option(min=0, max=1, help="worker that takes deleted posts out of cases")] = 1,
    servers_only: Annotated[bool, typer.Option(help="only Kafka, Redis and Triton: no topics, no workers")] = False,
    data_dir: Annotated[Path | None, typer.Option(help="server data and logs [default: ADRWATCH_DATA_DIR]")] = None,
    maven_url: Annotated[str, typer.Option(envvar="ADRWATCH_MAVEN_URL", help="where Kafka's jars are")] = MAVEN_CENTRAL,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON line when ready")] = False,
) -> None:
    """Start Kafka, Redis, Triton and the workers on this machine, without Docker; Ctrl-C stops everything.

    A server that has an address (ADRWATCH_KAFKA_BOOTSTRAP, ADRWATCH_REDIS_URL, ADRWATCH_TRITON_URL) is only checked. Where
    ADRWATCH_NOTIFIERS_FILE is set, a worker tells its channels of alerts; where ADRWATCH_SOURCES_FILE is set, one follows
    its sources.
    """
    # Whatever the servers' clients need to be imported, the other commands of the tree do without.
    from rich.console import Console

    from deploy.local.processes import StartCancelledError
    from deploy.local.stack import Stack
    from deploy.local.workers import service_workers
    from shared.settings import load

    overrides = {"data_dir": data_dir} if data_dir else {}
    forget_dead_instance(load(**overrides).data_dir)
    settings = load(**overrides)
    progress = Console(stderr=as_json)
    stack = Stack(
        settings,
        workers=()
        if servers_only
        else service_workers(
            pipeline=pipeline, alerting=alerting, cases=cases, notify=notify(settings), sources=sources(settings)
        ),
        topics=not servers_only,
        usual_ports=True,
        maven_url=maven_url,
        say=lambda text: say(progress, text),
    )
    stop_on_signals(stack)
    try:
        with stack:
            if as_json:
                parts = [asdict(row) for row in stack.rows()]
                print(json.dumps({"pid": os.getpid(), **stack.addresses, "parts": parts}), flush=True)
            else:
                progress.print(status_table(stack.rows()))
                say(progress, f"ready; logs in {stack.context.data_dir / 'logs'}; Ctrl-C stops everything")
            stack.wait()
            say(progress, "stopping")
    except StartCancelledError:
        say(progress, "stopped")


def notify(settings: Settings) -> int:
    """How many workers tell of alerts: one where channels are configured."""
    return 0 if settings.notifiers_file is None else 1


def sources(settings: Settings) -> int:
    """How many workers follow live sources: one where any are configured."""
    return 0 if settings.sources_file is None else 1


def say(console: Console, text: str) -> None:
    """Print a line as it is; a terminal that has gone away must not keep the launcher from stopping in order."""
    try:
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    except OSError:
        return


def status_table(rows: Sequence[Row]) -> Table:
    """One line per part, narrow enough for a terminal of 80 columns; how each was found goes under its version."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, pad_edge=False)
    for column in ("part", "state", "address", "pid"):
        table.add_column(column, no_wrap=True)
    table.add_column("version, how found")
    for row in rows:
        about = "\n".join(filter(None, (row.version, row.found)))
        table.add_row(row.part, row.state, row.address, str(row.pid or ""), about)
    return table


def forget_dead_instance(data_dir: Path) -> None:
    """Remove the addresses that a killed launcher left. Raises AdrwatchError if its folder is in use."""
    from deploy.local.stack import lock_data_dir
    from shared.settings import UP_FILE

    with lock_data_dir(data_dir):
        (data_dir / UP_FILE).unlink(missing_ok=True)


def stop_on_signals(stack: Stack) -> None:
    """The first Ctrl-C, SIGTERM or SIGHUP stops in order; another one leaves at once, and the guard kills the rest."""
    from shared.settings import UP_FILE

    def handle(_number: int, _frame: FrameType | None) -> None:
        if stack.context.cancelled.is_set():
            (stack.context.data_dir / UP_FILE).unlink(missing_ok=True)
            os._exit(130)
        stack.context.cancelled.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handle)
