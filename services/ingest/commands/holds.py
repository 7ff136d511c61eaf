"""`adrwatch dead-letters paused|resume`: stages that stand still for their dead letters (shared.stream.gate)."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from services.ingest.commands.dead_letters import AsJson, GiveUp
from shared.errors import AdrwatchError


def paused(as_json: AsJson = False) -> None:
    """List the stages that stand still because too many of their records became dead letters.

    Example: adrwatch dead-letters paused
    """
    from rich.table import Table

    from services.ingest.holds import in_force
    from shared.console import tables
    from shared.events import encode
    from shared.settings import current

    holds = in_force(current())
    if as_json:
        print(json.dumps([json.loads(encode(hold)) for hold in holds]))
        return
    table = Table("stage", "topic", "partition", "since", "dead letters", "reasons")
    for hold in holds:
        reasons = ", ".join(f"{reason} {count}" for reason, count in hold.reasons.items())
        share = f"{hold.dead} of {hold.read}"
        table.add_row(
            hold.stage, hold.topic, str(hold.partition), f"{hold.since:%Y-%m-%d %H:%M:%S}", share, reasons
        )  # fmt: skip
    tables().print(table)


def resume(
    stages: Annotated[list[str] | None, typer.Argument(metavar="[STAGE]...")] = None,
    partition: Annotated[list[int] | None, typer.Option(help="Only at this partition.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every stage that stands still.")] = False,
    why: Annotated[str, typer.Option(help="What was mended; kept with the hold.")] = "",
    give_up: GiveUp = 60.0,
    as_json: AsJson = False,
) -> None:
    """Let stages go on that stand still for their dead letters, in every worker.

    The batch that waits is handled anew, and passes whatever becomes of it. Exit code 1 when something was not acknowledged.

    Example: adrwatch dead-letters resume pipeline --why "the vendor writes our schema again"
    """
    from services.ingest.holds import in_force, release
    from shared.settings import current

    if not (stages or everything):
        raise AdrwatchError(
            "no stage is named", fix="name some, or say --all; `adrwatch dead-letters paused` lists them"
        )
    settings = current()
    holds = in_force(settings)
    if unknown := sorted({*(stages or ())} - {hold.stage for hold in holds}):
        raise AdrwatchError(f"{', '.join(unknown)} does not stand still", fix="see `adrwatch dead-letters paused`")
    chosen = [
        hold
        for hold in holds
        if (not stages or hold.stage in stages) and (not partition or hold.partition in partition)
    ]
    done = release(settings, chosen, why.strip(), give_up) if chosen else 0
    if as_json:
        print(json.dumps({"chosen": len(chosen), "released": done}))
    else:
        print(f"{len(chosen)} chosen: {done} released")
    if done != len(chosen):
        raise typer.Exit(1)
