"""`adrwatch labels list|export|waiting`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from services.cases.options import Reason

group = typer.Typer(help="What assessors said of posts: look, and write a corpus to train with.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


@group.command("list")
def show(as_json: AsJson = False) -> None:
    """Show how many posts were labelled, by whom, and how far assessors agree.

    Example: adrwatch labels list --json
    """
    from collections import Counter

    import msgspec

    from services.cases.audit import Trail
    from services.cases.database import Database
    from services.cases.labels import Labels, agreement, by_post
    from shared.settings import current

    settings = current()
    with Database.used(settings) as database:
        labels = Labels(database, Trail.of(settings)).all()
    found = agreement(labels)
    by_assessor = Counter(one.assessor for one in labels)
    if as_json:
        about = {"posts": len(by_post(labels)), "by_assessor": by_assessor, "agreement": msgspec.to_builtins(found)}
        print(json.dumps(about))
        return
    print(f"{len(by_post(labels))} posts, {sum(one.label for one in labels)} of {len(labels)} labels say a reaction")
    for name, number in by_assessor.most_common():
        print(f"{name}: {number}")
    kappa = "not known" if found.kappa is None else f"{found.kappa:.2f}"
    print(f"{found.posts} labelled twice, {found.same} alike, kappa {kappa}")


@group.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Folder of the new files.")],
    reason: Reason = "a corpus to train with",
    as_json: AsJson = False,
) -> None:
    """Write labels with the texts that adr.posts still keeps: labels.tsv and spans.jsonl, readable by you alone.

    The files hold what people wrote: delete them when you have trained, and write them anew for the next time. Nothing is written
    of sources that ADRWATCH_NO_CASE_EXPORT names. The audit trail has a row of it: who, how many posts, and why.

    Example: adrwatch labels export corpus/
    """
    import dataclasses

    from services.cases.audit import Trail
    from services.cases.database import Database
    from services.cases.labels import Labels, by_post
    from services.cases.options import actor
    from services.dashboard.labels.corpus import texts, write
    from shared.broker import TopicReader
    from shared.settings import current
    from shared.topics import POSTS

    settings = current()
    who, closed = actor(settings), set(filter(None, settings.no_case_export.split(",")))
    with Database.used(settings) as database:
        kept = Labels(database, Trail.of(settings))
        labels = by_post(kept.all())
        with TopicReader(settings, POSTS) as reader:
            posts = texts(reader.to_end(), labels)
        exported = write(labels, posts, folder, closed, lambda number: kept.exported(who, number, reason))
    if as_json:
        print(json.dumps(dataclasses.asdict(exported)))
    else:
        print(
            f"{exported.written} posts written, {exported.without_text} have no text any more,"
            f" {exported.disputed} are disputed, {exported.not_allowed} may not leave adrwatch"
        )


@group.command()
def waiting(
    path: Annotated[Path, typer.Argument(help="The new file, JSON lines with id and text.")],
    reason: Reason = "posts to label in another tool",
    as_json: AsJson = False,
) -> None:
    """Write the posts of the review queue that nobody has labelled, for `adrwatch annotate export`; readable by you alone.

    The same rules hold as for `labels export`: nothing is written of posts that were taken back, of sources whose terms keep text
    in adrwatch, or that ADRWATCH_NO_CASE_EXPORT names. The audit trail has a row of it: who, how many posts, and why.

    Example: adrwatch labels waiting to-label.jsonl
    """
    from contextlib import closing

    from services.cases.audit import Trail
    from services.cases.database import Database
    from services.cases.labels import Labels
    from services.cases.options import actor
    from services.dashboard.labels.corpus import texts, write_waiting
    from services.dashboard.labels.queue import Queue
    from shared.broker import TopicReader
    from shared.settings import current
    from shared.topics import POSTS

    settings = current()
    who, closed = actor(settings), set(filter(None, settings.no_case_export.split(",")))
    with Database.used(settings) as database:
        kept = Labels(database, Trail.of(settings))
        settled = {one.post for one in kept.all()} | kept.taken_back()
        with closing(Queue(settings)) as queue:
            left = {one.hash: () for one in queue.all(whole=True) if one.hash not in settled}
        with TopicReader(settings, POSTS) as reader:
            posts = texts(reader.to_end(), left)
        exported = write_waiting(left, posts, path, closed, lambda number: kept.exported(who, number, reason))
    about = {name: getattr(exported, name) for name in ("written", "without_text", "not_allowed")}
    if as_json:
        print(json.dumps(about))
    else:
        print(
            "{written} posts written, {without_text} have no text any more, {not_allowed} may not leave adrwatch".format(
                **about
            )
        )
