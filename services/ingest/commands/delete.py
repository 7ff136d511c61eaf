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
    from services.ingest.dead_letters import open_inbox
    from services.ingest.delete import check_ids
    from services.ingest.delete import delete as take_back
    from services.ingest.producer import delivery
    from shared.broker import TopicReader, require_topics
    from shared.settings import current
    from shared.topics import DEAD_LETTERS, DELETIONS, POSTS

    settings = current()
    wanted = check_ids(ids)
    require_topics(settings, [POSTS, DELETIONS])
    with TopicReader(settings, DEAD_LETTERS) as reader:
        dead = open_inbox(reader.to_end()).letters.values()
    with delivery(settings, give_up) as outgoing:
        account = take_back(wanted, dead, outgoing, settings.topic_prefix)
    if as_json:
        print(json.dumps(account.as_dict()))
    else:
        print(
            f"{account.deletions} of {account.asked} deletions and {account.post_tombstones} tombstones written; "
            f"{account.dead_letter_tombstones} dead letters forgotten"
        )
    if not account.complete:
        raise typer.Exit(1)
