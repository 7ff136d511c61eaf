"""`adrwatch forget`, which is `adrwatch ingest delete` as well."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer


def delete(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Posts' ids, source:id.")] = None,
    author: Annotated[
        list[str] | None,
        typer.Option(metavar="HASH", help="All posts of an author, by the keyed hash. May be repeated."),
    ] = None,
    native: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SOURCE:ADDRESS",
            help="A post by its address at its network, where ids here are hashes of it with any author secret. May be repeated.",
        ),
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(
            min=1,
            metavar="SECONDS",
            help="Wait until counts, single reports and cases are without them, and give a receipt.",
        ),
    ] = None,
    give_up: Annotated[float, typer.Option(min=1, help="Seconds until an unanswered delivery has failed.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the account as JSON.")] = False,
) -> None:
    """Take posts back: every store forgets them, and the broker their text.

    Writes a deletion for each, tombstones for the posts, and tombstones for dead letters that hold them. Repeating it is harmless,
    and is what to do when the broker did not acknowledge everything. Exit code 1, with --wait: a store had not forgotten in time.
    When the pipeline and published signals have is told by `adrwatch audit receipts`.

    Example: adrwatch forget bluesky:3kabcdefg forum:10442 --wait 60
    """
    from services.ingest.delete import by_hand, check_ids
    from services.ingest.honour import STORES, wait_for_stores
    from services.ingest.owned import hashed_ids, posts_of
    from shared.errors import AdrwatchError
    from shared.settings import current

    settings = current()
    posts = check_ids([*(ids or ()), *hashed_ids(settings, native or []), *posts_of(settings, author or [])])
    if not posts:
        raise AdrwatchError("nothing to forget is named", fix="give a post's id, --native or --author")
    account = by_hand(settings, posts, give_up)
    answer: dict[str, Any] = {"asked": len(posts), **account.as_dict()}
    if author or native:
        answer["posts"] = posts
    if not as_json:
        print(
            f"{account.deletions} deletions and {account.post_tombstones} tombstones written; "
            f"{account.dead_letter_tombstones} dead letters forgotten"
        )
    complete = True
    if wait is not None:
        receipt = wait_for_stores(settings, wait, lambda line: print(line, file=sys.stderr if as_json else sys.stdout))
        answer["receipt"] = receipt.as_dict()
        complete = receipt.complete
        if not as_json:
            for store in receipt.waiting:
                print(f"{STORES[store]}: not yet after {wait:g} s; see that the worker {store} runs")
            for store in receipt.absent:
                print(f"{STORES[store]}: its worker {store} has never read a deletion")
            print("published signals and the pipeline follow: see `adrwatch audit receipts`")
    if as_json:
        print(json.dumps(answer))
    if not complete:
        raise typer.Exit(1)
