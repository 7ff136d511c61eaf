"""`adrwatch capacity`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from services.capacity.measured import Measured
    from services.capacity.plan import Part, Plan

_SHARE = "share of the posts"


def register(app: typer.Typer) -> None:
    """Mount the command."""
    app.command()(capacity)


def capacity(
    posts_per_second: Annotated[float, typer.Option(min=0.01, max=1e6, help="posts to be carried, at a peak")],
    share_screened: Annotated[float, typer.Option(min=0, max=1, help=f"{_SHARE} that the screen stops")] = 0.0,
    share_reported: Annotated[
        float, typer.Option(min=0, max=1, help=f"{_SHARE} that the classifier passes on to the extractor")
    ] = 0.1,
    head_room: Annotated[float, typer.Option(min=0, max=0.9, help="share of every rate that stays free")] = 0.3,
    gpu_posts_per_second: Annotated[
        float | None, typer.Option(min=0.01, help="what you measured of one GPU for both models; none is shipped")
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST:PORT", help="where a worker of yours tells its metrics: its rate, several times"),
    ] = None,
    of_running: Annotated[
        bool, typer.Option("--live", help="rates of the workers that `adrwatch up` started on this machine")
    ] = False,
    measured: Annotated[
        Path | None, typer.Option(help="rates that `make bench-scale` wrote on your machine [default: the shipped]")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
) -> None:
    """How many workers, partitions and model instances a load needs, by rates that were measured.

    Says of each rate where it was measured, and what was not measured at all. Needs no server, but for --live and --metrics.

    Example: adrwatch capacity --posts-per-second 2000 --share-screened 0.5
    """
    import msgspec

    from services.capacity.measured import SHIPPED, live, running, shipped
    from services.capacity.plan import Load, plan
    from shared.settings import current

    found = shipped(measured or SHIPPED)
    places = [*(metrics or ()), *(running(current()) if of_running else ())]
    rates = found.rates | live(places)
    load = Load(
        posts_per_second=posts_per_second, share_screened=share_screened, share_reported=share_reported,
        head_room=head_room,
    )  # fmt: skip
    made = plan(load, rates, gpu_posts_per_second)
    if as_json:
        about = {name: getattr(found, name) for name in ("at", "command", "revision", "processor", "cores")}
        print(msgspec.json.encode({**msgspec.to_builtins(made), "measured": about}).decode())
    else:
        _print(made, found)


def _print(made: Plan, found: Measured) -> None:
    from rich.table import Column, Table

    from shared.console import tables

    numbers = ("how many", "records/s each", "records/s in all", "busiest", "cores")
    table = Table("what", *(Column(name, justify="right") for name in numbers), "measured")
    table.add_row("partitions (ADRWATCH_PARTITIONS)", str(made.partitions), "", "", "", "", "")
    for part in made.parts:
        table.add_row(*_cells(part))
    tables().print(table)
    if made.catch_up is not None:
        print(f"after an hour's stop the pipeline is up to date again in {made.catch_up / 60:,.0f} minutes")
    print(
        f"benchmark: {found.at:%Y-%m-%d}, {found.processor}, {found.cores} cores, revision {found.revision}, `{found.command}`"
    )
    print(f"there two pipeline workers were {found.two_workers:.2f} times as fast as one; more were not measured")
    for what in made.unmeasured:
        print(f"unmeasured: {what}")


def _cells(part: Part) -> tuple[str, ...]:
    return (
        part.name,
        "?" if part.count is None else str(part.count),
        "?" if part.each is None else f"{part.each:,.0f}",
        f"{part.needs:,.0f}",
        "" if part.busy is None else f"{part.busy:.0%}",
        "" if not part.cores else f"{part.cores:.1f}",
        part.source,
    )
