"""`adrwatch up`: everything on this machine, until Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.local.kafka_jars import MAVEN_CENTRAL

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from deploy.local.processes import Context
    from deploy.local.stack import Row, Stack
    from shared.settings import Settings


class Networks(StrEnum):
    """What `--networks` takes."""

    FAKE = "fake"


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command()(up)


def up(
    pipeline: Annotated[int, typer.Option(min=0, help="number of pipeline workers")] = 1,
    alerting: Annotated[int, typer.Option(min=0, help="number of alerting workers")] = 1,
    cases: Annotated[int, typer.Option(min=0, max=1, help="worker that takes deleted posts out of cases")] = 1,
    dashboard: Annotated[int, typer.Option(min=0, max=1, help="pages and API for people")] = 1,
    networks: Annotated[
        Networks | None,
        typer.Option(help="fake: servers on this machine that play posts at every network of the sources"),
    ] = None,
    rate: Annotated[float, typer.Option(min=0.01, help="posts a second at each fake network")] = 2.0,
    servers_only: Annotated[bool, typer.Option(help="only Kafka, Redis and Triton: no topics, no workers")] = False,
    data_dir: Annotated[Path | None, typer.Option(help="server data and logs [default: ADRWATCH_DATA_DIR]")] = None,
    maven_url: Annotated[str, typer.Option(envvar="ADRWATCH_MAVEN_URL", help="where Kafka's jars are")] = MAVEN_CENTRAL,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON line when ready")] = False,
) -> None:
    """Start Kafka, Redis, Triton and the workers on this machine, without Docker; Ctrl-C stops everything.

    A server that has an address (ADRWATCH_KAFKA_BOOTSTRAP, ADRWATCH_REDIS_URL, ADRWATCH_TRITON_URL) is only checked. Where
    ADRWATCH_NOTIFIERS_FILE is set, a worker tells its channels of alerts; where ADRWATCH_SOURCES_FILE is set, one follows
    its sources, and one takes in what is pushed to them. With `--networks fake` it follows networks of this machine instead,
    which need no account: look at `adrwatch sources list` meanwhile.

    Example: adrwatch up --networks fake --rate 5
    """
    # Whatever the servers' clients need to be imported, the other commands of the tree do without.
    from rich.console import Console

    from deploy.local.networks import fake_networks
    from deploy.local.processes import StartCancelledError
    from deploy.local.stack import Stack
    from deploy.local.workers import service_workers
    from shared.settings import load

    overrides: dict[str, Path] = {"data_dir": data_dir} if data_dir else {}
    forget_dead_instance(load(**overrides).data_dir)
    progress = Console(stderr=as_json)
    with ExitStack() as around:
        if networks is not None:
            before = load(**overrides)
            overrides["sources_file"] = around.enter_context(
                fake_networks(before.data_dir.resolve(), rate, before.push_url, lambda text: say(progress, text))
            )
        settings = load(**overrides)
        stack = Stack(
            settings,
            workers=()
            if servers_only
            else service_workers(
                pipeline=pipeline,
                alerting=alerting,
                cases=cases,
                dashboard=dashboard,
                notify=notify(settings),
                sources=sources(settings),
                push=push(settings),
            ),
            topics=not servers_only,
            usual_ports=True,
            maven_url=maven_url,
            say=lambda text: say(progress, text),
        )
        stop_on_signals(stack.context)
        try:
            with stack:
                show(stack, progress, as_json=as_json)
                stack.wait()
                say(progress, "stopping")
        except StartCancelledError:
            say(progress, "stopped")


def show(stack: Stack, progress: Console, *, as_json: bool) -> None:
    """Say that it is ready, and where its parts are."""
    if as_json:
        parts = [asdict(row) for row in stack.rows()]
        told = {"pid": os.getpid(), **stack.addresses, "parts": parts, "metrics": stack.metrics()}
        print(json.dumps(told), flush=True)
    else:
        progress.print(status_table(stack.rows()))
        for name, address in stack.metrics().items():
            say(progress, f"metrics of {name}: {address}")
        if (pages := stack.pages()) is not None:
            say(progress, f"the dashboard is at {pages}{sign_in(stack.settings)}")
        say(progress, f"ready; logs in {stack.context.data_dir / 'logs'}; Ctrl-C stops everything")


def sign_in(settings: Settings) -> str:
    """How people get in, where they do not yet know."""
    if settings.dashboard_access == "development":
        return ": everybody on this machine may do everything there"
    return "; `adrwatch dashboard people add NAME --role admin` lets the first person in"


def notify(settings: Settings) -> int:
    """How many workers tell of alerts: one where channels are configured."""
    return 0 if settings.notifiers_file is None else 1


def sources(settings: Settings) -> int:
    """How many workers follow live sources: one where any are configured that adrwatch reads itself."""
    types = source_types(settings)
    # Where there is none at all, the worker says what is wrong with the file.
    return int(settings.sources_file is not None and (not types or types != {"push"}))


def push(settings: Settings) -> int:
    """How many workers take in what is pushed: one where any such source is configured."""
    return int("push" in source_types(settings))


def source_types(settings: Settings) -> set[str]:
    """The types in the sources file. Raises AdrwatchError where it cannot be read."""
    from shared import named_tables

    if settings.sources_file is None:
        return set()
    tables = named_tables.read(settings.sources_file, "ADRWATCH_SOURCES_FILE").get("sources")
    found = tables.values() if isinstance(tables, dict) else ()
    return {str(table.get("type")) for table in found if isinstance(table, dict)}


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


def stop_on_signals(context: Context) -> None:
    """The first Ctrl-C, SIGTERM or SIGHUP stops in order; another one leaves at once, and the guard kills the rest."""
    from shared.settings import UP_FILE

    def handle(_number: int, _frame: FrameType | None) -> None:
        if context.cancelled.is_set():
            (context.data_dir / UP_FILE).unlink(missing_ok=True)
            os._exit(130)
        context.cancelled.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handle)
