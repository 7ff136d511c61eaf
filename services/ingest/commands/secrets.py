"""`adrwatch secrets list|rotate|retire`: the secrets by which authors and posts are named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from shared.keyring import Keyring

group = typer.Typer(
    help="The author secret, by which people and posts are named: look, rotate (docs/sources.md).", no_args_is_help=True
)
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


@group.command("list")
def show(as_json: AsJson = False) -> None:
    """Show the author secrets by their fingerprints: the current one, and those of before with how long each is needed.

    Example: adrwatch secrets list --json
    """
    from shared.keyring import keyring
    from shared.settings import current

    _print(keyring(current()), as_json=as_json)


@group.command()
def rotate(as_json: AsJson = False) -> None:
    """Make a new author secret. The one of before is kept: what it has named is still found, and taken back.

    Running workers of sources take it up within seconds. An author of before and after is two authors in the counts.

    Example: adrwatch secrets rotate
    """
    from services.ingest import rotation
    from shared.keyring import path
    from shared.settings import current

    settings = current()
    made = rotation.rotate(settings)
    _print(made, as_json=as_json)
    if not as_json:
        print(f"\nWorkers with this data folder take it up by themselves. Elsewhere: copy {path(settings)}, mode 600.")


@group.command()
def retire(
    fingerprint: Annotated[str, typer.Argument(help="Which one, as `adrwatch secrets list` shows it.")],
    early: Annotated[
        bool, typer.Option("--early", help="Although posts that it named may still be deleted at their networks.")
    ] = False,
) -> None:
    """Drop an author secret of before. Nothing that it has named is found by its address at the network from then on.

    Example: adrwatch secrets retire 3f0c9a12
    """
    from services.ingest import rotation
    from shared.settings import current

    gone = rotation.retire(current(), fingerprint, early=early)
    print(f"the author secret {gone.fingerprint} is dropped")


def _print(keys: Keyring, *, as_json: bool) -> None:
    found: list[dict[str, Any]] = [{"fingerprint": keys.current.fingerprint, "state": "current"}]
    found += [
        {
            "fingerprint": one.fingerprint,
            "state": "previous",
            "replaced": one.replaced.isoformat() if one.replaced else None,
            "needed_until": one.needed_until.isoformat() if one.needed_until else None,
        }
        for one in keys.previous
    ]
    if as_json:
        print(json.dumps(found))
        return
    from rich import box
    from rich.table import Table

    from shared.console import tables

    table = Table("secret", "state", "replaced", "needed until", box=box.SIMPLE_HEAD, show_edge=False)
    for one in found:
        table.add_row(one["fingerprint"], one["state"], one.get("replaced") or "", one.get("needed_until") or "")
    tables().print(table)
