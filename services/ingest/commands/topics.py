"""`adrwatch topics apply|list`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from shared.errors import AdrwatchError

if TYPE_CHECKING:
    from services.ingest.topics import TopicState

group = typer.Typer(help="Kafka topics: what is declared, what the broker has.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


@group.command("list")
def show(as_json: AsJson = False) -> None:
    """Show every declared topic beside the broker's.

    Example: adrwatch topics list --json
    """
    from services.ingest.topics import states
    from shared.broker import admin
    from shared.settings import current

    settings = current()
    with admin(settings) as client:
        _print(states(client, settings.topic_prefix), as_json)


@group.command()
def apply(as_json: AsJson = False) -> None:
    """Create missing topics and set their settings as declared; repeating it changes nothing.

    A topic with another number of partitions is reported and left alone (exit code 2): keys would move.

    Example: ADRWATCH_TOPIC_PREFIX=staging adrwatch topics apply
    """
    from services.ingest import topics as declared
    from shared.broker import admin
    from shared.settings import current

    settings = current()
    with admin(settings) as client:
        before, after = declared.apply(client, settings.topic_prefix)
    _print(after, as_json)
    if not as_json:
        created = sum(state.missing for state in before)
        print(f"{created} created, {sum(bool(state.drift) for state in before)} mended")
    if wrong := [state for state in after if state.repartitioned]:
        listed = ", ".join(f"{state.name} has {state.partitions}, not {state.topic.partitions}" for state in wrong)
        raise AdrwatchError(
            f"the number of partitions differs: {listed}",
            fix="see docs/runbooks/partitions.md for posts, outcomes and mentions; drain any other, delete it and apply again",
        )


@group.command("raise")
def raise_partitions(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="how many each of the three shall have")],
) -> None:
    """Give the topics of posts, outcomes and mentions more partitions, so that more workers can share them.

    The workers of pipeline and alerting must have read everything and be stopped; the number must be a multiple of the present one.
    Afterwards every process needs ADRWATCH_PARTITIONS=NUMBER: docs/runbooks/partitions.md.

    Example: adrwatch topics raise 8
    """
    import sys

    from services.ingest import raising
    from shared.settings import current

    if raising.raise_partitions(current(), number, lambda text: print(text, file=sys.stderr)):
        print(f"set ADRWATCH_PARTITIONS={number} for every process, then start them again")
    else:
        print(f"all three have {number} partitions")


def _print(states: list[TopicState], as_json: bool) -> None:
    from rich.table import Column, Table

    from shared.console import tables

    if as_json:
        print(json.dumps([state.as_dict() for state in states]))
        return
    table = Table(Column("topic", no_wrap=True), "status", "partitions", "replicas", "settings that differ", "what")
    for state in states:
        differing = ", ".join(f"{key}={have} (declared {want})" for key, (have, want) in state.drift.items())
        count = "" if state.partitions is None else str(state.partitions)
        replicas = "" if state.replicas is None else str(state.replicas)
        table.add_row(state.name, state.status, count, replicas, differing, state.topic.summary)
    tables().print(table)
