"""`adrwatch sources list|check|run` and `adrwatch worker sources`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from services.ingest.networks.keys import SourceKeys
    from shared.settings import Settings

group = typer.Typer(
    help="Networks that are read as they are written: look, check, run (docs/sources.md).", no_args_is_help=True
)
_LONGEST_POSITION = 40
# A moment longer than a connection is tried for, whose error says more.
_PATIENCE_SECONDS = 11.0
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


@group.command("list")
def show(as_json: AsJson = False) -> None:
    """Show every source of ADRWATCH_SOURCES_FILE: how far it has come, how fast, how late, and why it waits.

    `spooled` are posts that wait on this machine's disk for Kafka; while it is away nothing else is known, and the exit code is 2.

    Example: adrwatch sources list --json
    """
    from services.ingest.networks import positions, segments
    from services.ingest.networks.spool import folder_of
    from shared.broker import within
    from shared.console import tables
    from shared.errors import DependencyAway
    from shared.events import Position

    settings, sources = _configured()
    last: dict[str, Position] = {}
    away: DependencyAway | None = None
    try:
        last = within(_PATIENCE_SECONDS, lambda: positions.read(settings))
    except DependencyAway as trouble:
        away = trouble
    found = []
    for name, one in sources.items():
        spool = segments.contents(folder_of(settings, name))
        report = positions.report(name, _type(one), one.address, last.get(name), spool)
        found.append(report if away is None else report | {"state": "broker away"})
    if as_json:
        print(json.dumps(found))
    else:
        tables().print(_table(found))
    if away is not None:
        raise away


@group.command()
def policies(as_json: AsJson = False) -> None:
    """Show what is kept of each source of ADRWATCH_SOURCES_FILE, for how long, and what was last forgotten.

    The last is asked of the broker; without it the rest is shown.

    Example: adrwatch sources policies --json
    """
    from services.ingest.networks import positions
    from services.ingest.networks.retention import policies_table, policy_of
    from shared.console import tables
    from shared.errors import AdrwatchError
    from shared.events import Position

    settings, sources = _configured()
    last: dict[str, Position] = {}
    try:
        last = positions.read(settings)
    except AdrwatchError as trouble:
        print(f"adrwatch: what was last forgotten is not known: {trouble.message}", file=sys.stderr)
    found = [policy_of(name, source, last.get(name)) for name, source in sources.items()]
    if as_json:
        print(json.dumps(found))
    else:
        tables().print(policies_table(found))


@group.command()
def check(
    name: Annotated[str | None, typer.Argument(help="Only this source.")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Only the file: connect to nothing.")] = False,
) -> None:
    """Check the sources file, the topics, and that each network answers; says all that is wrong, and exits with 2.

    Nothing is published, and no position moves.

    Example: ADRWATCH_SOURCES_FILE=sources.toml adrwatch sources check bluesky
    """
    from services.ingest.networks.configuration import chosen, examine
    from services.ingest.networks.worker import TOPICS
    from shared.broker import require_topics
    from shared.errors import AdrwatchError
    from shared.settings import current

    settings = current()
    sources, wrong = examine(settings)
    # One that is wrong in the file is named by that, not as missing.
    asked = {} if wrong and name is not None and name not in sources else chosen(sources, name)
    for one, source in asked.items():
        try:
            print(f"{one} is right: {_found(one, source, settings, offline)}")
        except AdrwatchError as trouble:
            wrong.append(AdrwatchError(f"source {one}: {trouble.message}", fix=trouble.fix))
    if not offline:
        try:
            require_topics(settings, TOPICS)
        except AdrwatchError as trouble:
            wrong.append(trouble)
    for each in wrong:
        print(f"adrwatch: {each.message}\n  fix: {each.fix}", file=sys.stderr)
    if wrong:
        raise typer.Exit(2)


@group.command()
def run(name: Annotated[str, typer.Argument(metavar="NAME", help="A source of the file.")]) -> None:
    """Follow one source in the foreground until Ctrl-C or SIGTERM; goes on where it stopped. One that is pushed is none to follow.

    Example: ADRWATCH_SOURCES_FILE=sources.toml adrwatch sources run bluesky
    """
    from services.ingest.networks.configuration import chosen, read_here
    from services.ingest.networks.worker import run as follow

    settings, sources = _configured()
    follow(settings, read_here(chosen(sources, name)))


def run_worker() -> None:
    """Follow every source of ADRWATCH_SOURCES_FILE, but for those that are pushed.

    Example: ADRWATCH_SOURCES_FILE=sources.toml adrwatch worker sources
    """
    from services.ingest.networks.configuration import read_here
    from services.ingest.networks.worker import run as follow

    settings, sources = _configured()
    follow(settings, read_here(sources))


def run_push() -> None:
    """Take in what senders push to the sources of the type push in ADRWATCH_SOURCES_FILE (docs/sources/push.md).

    Example: ADRWATCH_SOURCES_FILE=sources.toml adrwatch worker push
    """
    from services.ingest.networks.configuration import pushed_here
    from services.ingest.push.worker import run as take_in

    settings, sources = _configured()
    take_in(settings, pushed_here(sources))


def _found(name: str, source: SourceKeys, settings: Settings, offline: bool) -> str:
    """What a source was found to be, in a few words. Raises AdrwatchError."""
    from services.ingest.networks.worker import network
    from services.ingest.push import check
    from services.ingest.push.configuration import Push

    if isinstance(source, Push):
        return check.secrets(name, source) if offline else check.endpoint(name, source, settings)
    return source.address if offline else network(name, source, settings).check()


def _table(found: list[dict[str, Any]]) -> Table:
    from rich import box
    from rich.table import Column, Table

    table = Table(
        Column("name", no_wrap=True), "type", "state", "events/s", "lag", "posts", "spooled", "reconnects", "position",
        "error", box=box.SIMPLE_HEAD, show_edge=False,
    )  # fmt: skip
    for one in found:
        lag = one.get("lag_seconds")
        error = f"{one['error']} since {one['since'][:16]}" if one.get("error") else ""
        table.add_row(
            one["name"], one["type"], one["state"], _shown(one, "per_second"), "" if lag is None else f"{lag:g} s",
            _shown(one, "posts"), str(one["spooled"] or ""), _shown(one, "reconnects"), _short(one["position"] or ""), error,
        )  # fmt: skip
    return table


def _configured() -> tuple[Settings, dict[str, SourceKeys]]:
    from services.ingest.networks.configuration import load
    from shared.settings import current

    settings = current()
    return settings, load(settings)


def _type(source: SourceKeys) -> str:
    return str(type(source).__struct_config__.tag)


def _shown(report: dict[str, Any], key: str) -> str:
    return str(report[key]) if key in report else ""


def _short(position: str) -> str:
    """Some positions are long: what every feed has."""
    return position if len(position) <= _LONGEST_POSITION else f"{position[:_LONGEST_POSITION]}…"
