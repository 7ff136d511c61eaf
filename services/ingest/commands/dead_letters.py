"""`adrwatch dead-letters list|show|replay|export|discard`; `paused|resume` are in holds."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shared.errors import AdrwatchError

if TYPE_CHECKING:
    from services.ingest.dead_letters import Batches
    from services.ingest.inbox import Held, Inbox, Line, Wanted

group = typer.Typer(help="Messages that could not be processed: list, look, replay, mend.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...")]
Everything = Annotated[bool, typer.Option("--all", help="Every dead letter.")]
Stage = Annotated[str | None, typer.Option(help="Only those of this stage.")]
Reason = Annotated[str | None, typer.Option(help="Only those of this reason.")]
OfTopic = Annotated[str | None, typer.Option("--topic", help="Only those that came from this topic.")]
Source = Annotated[str | None, typer.Option(help="Only those of posts of this source.")]
Since = Annotated[str | None, typer.Option(help="Only those that became dead letters from this day or time on.")]
Until = Annotated[str | None, typer.Option(help="Only those until this day or time.")]
GiveUp = Annotated[float, typer.Option(min=1, help="Seconds until an unanswered delivery has failed.")]


@group.command("list")
def show_all(
    as_json: AsJson = False,
    stage: Stage = None,
    reason: Reason = None,
    topic: OfTopic = None,
    source: Source = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """List dead letters that are not done, without what people wrote.

    Example: adrwatch dead-letters list --stage screen
    """
    from rich.table import Column, Table

    from services.ingest.inbox import look
    from shared.console import tables
    from shared.settings import current

    inbox = look(current())
    chosen = _wanted(None, stage, reason, topic, source, since, until).among(inbox.lines.values())
    if as_json:
        print(json.dumps([_about(line) for line in chosen]))
    else:
        table = Table(Column("id", no_wrap=True), "when", "stage", "reason", "from", "bytes", "tries")
        for line in chosen:
            place = f"{line.topic} line {line.offset}"
            if line.partition >= 0:
                place = f"{line.topic} partition {line.partition} offset {line.offset}"
            when = f"{line.occurred_at:%Y-%m-%d %H:%M:%S}"
            table.add_row(line.id, when, line.stage, line.reason, place, str(line.bytes), str(line.attempts))
        tables().print(table)
    if inbox.unreadable:
        typer.echo(f"{inbox.unreadable} records of the topic are no dead letters and were left out", err=True)


@group.command()
def show(letter_id: Annotated[str, typer.Argument(metavar="ID")], as_json: AsJson = False) -> None:
    """Show one dead letter with its payload, as it was masked at ingest. Only here is text shown.

    Example: adrwatch dead-letters show adr.posts:2:1204:screen
    """
    from services.ingest.inbox import line_of, one
    from shared.console import printable
    from shared.settings import current

    held = one(current(), letter_id)
    payload = held.letter.payload
    if as_json:
        print(json.dumps({**_about(line_of(held)), "payload": base64.b64encode(payload).decode()}))
        return
    for name, value in _about(line_of(held)).items():
        print(f"{name}: {value}")
    typer.echo("payload (written by a person: do not copy it into tickets or chats):", err=True)
    print(printable(payload.decode(errors="backslashreplace")))


@group.command()
def replay(
    ids: Ids = None,
    everything: Everything = False,
    stage: Stage = None,
    reason: Reason = None,
    topic: OfTopic = None,
    source: Source = None,
    since: Since = None,
    until: Until = None,
    give_up: GiveUp = 60.0,
    as_json: AsJson = False,
) -> None:
    """Send messages back to the topics they came from and mark their dead letters done.

    Key, bytes and partition are the original ones. Lines that ingest refused came from no topic: export them.
    Repeating it is harmless. Exit code 1 when something was not acknowledged.

    Example: adrwatch dead-letters replay --reason schema --since 2026-03-01
    """
    from services.ingest.dead_letters import ReplayAccount, send_back
    from services.ingest.inbox import look
    from shared.settings import current

    settings = current()
    wanted = _wanted(ids, stage, reason, topic, source, since, until)
    lines = _picked(look(settings), wanted, everything)
    account = ReplayAccount()
    if lines:
        with _progress(len(lines)) as follow:
            account = send_back(settings, lines, give_up, follow=follow)
    if as_json:
        print(json.dumps(account.as_dict()))
    else:
        print("\n".join(account.words))
    if not account.complete:
        raise typer.Exit(1)


@group.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Folder of the new files.")],
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...")] = None,
    reason: Reason = None,
    done: Annotated[bool, typer.Option("--done", help="Mark them done once the files are on disk.")] = False,
    give_up: GiveUp = 60.0,
    as_json: AsJson = False,
) -> None:
    """Write the lines that ingest refused to files, to be mended and replayed.

    One file for each they came from, readable by you alone. Handles and addresses are masked, authors hashed.

    Example: adrwatch dead-letters export rejects/ --reason bad-time
    """
    from services.ingest.dead_letters import mark_done
    from services.ingest.export import export as write
    from services.ingest.inbox import Wanted, batches, look
    from services.ingest.producer import delivery
    from services.ingest.publish import STAGE
    from shared.settings import current
    from shared.topics import DEAD_LETTERS

    settings = current()
    lines = _chosen(look(settings), Wanted(ids or (), stage=STAGE, reason=reason))
    files, left_out = write([held for batch in batches(settings, lines) for held in batch], folder)
    finished = 0
    letters = [held for file in files for held in file.letters]
    if done and letters:
        with delivery(settings, give_up) as outgoing:
            finished = mark_done(letters, outgoing, DEAD_LETTERS.name(settings.topic_prefix))
    commands = [shlex.join(["adrwatch", "ingest", "replay", str(file.path), *file.flags]) for file in files]
    if as_json:
        listed = [{"path": str(file.path), "lines": len(file.letters), "replay": command}
                  for file, command in zip(files, commands, strict=True)]  # fmt: skip
        print(json.dumps({"files": listed, "left_out": left_out, "done": finished}))
    else:
        print(f"{len(letters)} lines written, {left_out} left out, {finished} marked done")
        for command in commands:
            print(f"mend the file, then: {command}")
    if done and finished != len(letters):
        raise typer.Exit(1)


@group.command()
def discard(
    why: Annotated[str, typer.Option(help="Why they are given up; kept with the tombstones.")],
    ids: Ids = None,
    everything: Everything = False,
    stage: Stage = None,
    reason: Reason = None,
    topic: OfTopic = None,
    source: Source = None,
    since: Since = None,
    until: Until = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    give_up: GiveUp = 60.0,
    as_json: AsJson = False,
) -> None:
    """Give dead letters up: what they hold is forgotten by the broker, and nobody can replay it any more.

    Exit code 1 when something was not acknowledged, or when you said no.

    Example: adrwatch dead-letters discard --reason not-json --topic posts --why "a test of the vendor"
    """
    from services.ingest.dead_letters import discard as give_away
    from services.ingest.inbox import look
    from shared.settings import current

    if not why.strip():
        raise AdrwatchError("--why is empty", fix="say in some words why they are given up")
    settings = current()
    lines = _picked(look(settings), _wanted(ids, stage, reason, topic, source, since, until), everything)
    if lines and not yes:
        typer.confirm(f"give up {len(lines)} dead letters for good?", abort=True, err=True)
    done = give_away(settings, lines, why.strip(), give_up) if lines else 0
    if as_json:
        print(json.dumps({"chosen": len(lines), "discarded": done}))
    else:
        print(f"{len(lines)} chosen: {done} discarded")
    if done != len(lines):
        raise typer.Exit(1)


def _wanted(
    ids: list[str] | None, stage: str | None, reason: str | None, topic: str | None, source: str | None,
    since: str | None, until: str | None,
) -> Wanted:  # fmt: skip
    from services.ingest.inbox import Wanted
    from shared import times

    return Wanted(
        tuple(ids or ()), stage, reason, topic, source,
        times.option("--since", since) if since else None,
        times.option("--until", until, times.end) if until else None,
    )  # fmt: skip


def _picked(inbox: Inbox, wanted: Wanted, everything: bool) -> list[Line]:
    """Those that are wanted; nothing given is not everything."""
    if wanted.everything and not everything:
        raise AdrwatchError(
            "nothing is chosen", fix="name ids, or say --all, --stage, --reason, --topic, --source, --since or --until"
        )
    return _chosen(inbox, wanted)


def _chosen(inbox: Inbox, wanted: Wanted) -> list[Line]:
    if unknown := [name for name in wanted.ids if name not in inbox.lines]:
        raise AdrwatchError(
            f"no dead letter {', '.join(unknown)}: done already, or never there", fix="see `adrwatch dead-letters list`"
        )
    return wanted.among(inbox.lines.values())


@contextmanager
def _progress(total: int) -> Iterator[Batches]:
    """Shows how many have gone out, as they pass."""
    from rich.console import Console

    from shared.progress import Progress

    sent = 0

    def follow(batches: Iterable[list[Held]]) -> Iterator[list[Held]]:
        nonlocal sent
        for batch in bar.follow(batches):
            yield batch
            sent += len(batch)

    with Progress(Console(stderr=True), "dead letters", lambda: (sent, total), lambda: f"{sent} of {total}") as bar:
        yield follow


def _about(line: Line) -> dict[str, Any]:
    return {
        "id": line.id,
        "occurred_at": line.occurred_at.isoformat(),
        "stage": line.stage,
        "reason": line.reason,
        "detail": line.detail,
        "topic": line.topic,
        "partition": line.partition,
        "offset": line.offset,
        "key": line.key,
        "bytes": line.bytes,
        "tries": line.attempts,
    }
