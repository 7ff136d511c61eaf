"""`adrwatch ingest delete`."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def delete(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Posts' ids, source:id.")],
    give_up: Annotated[float, typer.Option(min=1, help="Seconds until an unanswered delivery has failed.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the account as JSON.")] = False,
) -> None:
    """Take posts back: every store forgets them, and the broker their text.

    Writes a deletion for each, tombstones for the posts, and tombstones for dead letters that hold them.
    Repeating it is harmless. Exit code 1 when the broker did not acknowledge everything.

    Example: adrwatch ingest delete bluesky:3kabcdefg forum:10442
    """
    from services.ingest.delete import check_ids, take_back
    from shared.settings import current

    account = take_back(current(), check_ids(ids), give_up)
    if as_json:
        print(json.dumps(account.as_dict()))
    else:
        print(
            f"{account.deletions} of {account.asked} deletions and {account.post_tombstones} tombstones written; "
            f"{account.dead_letter_tombstones} dead letters forgotten"
        )
    if not account.complete:
        raise typer.Exit(1)
