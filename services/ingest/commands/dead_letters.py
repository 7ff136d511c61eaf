"""`adrwatch dead-letters list|show|replay|export`."""

from __future__ import annotations

import base64
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shared.errors import AdrwatchError

if TYPE_CHECKING:
    from services.ingest.dead_letters import Held, Inbox
    from shared.settings import Settings

group = typer.Typer(help="Messages that could not be processed: list, look, replay, mend.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
Stage = Annotated[str | None, typer.Option(help="Only those of this stage.")]
Reason = Annotated[str | None, typer.Option(help="Only those of this reason.")]
GiveUp = Annotated[float, typer.Option(min=1, help="Seconds until an unanswered delivery has failed.")]


@group.command("list")
def show_all(as_json: AsJson = False, stage: Stage = None, reason: Reason = None) -> None:
    """List dead letters that are not done, without what people wrote.

    Example: adrwatch dead-letters list --stage screen
    """
    from rich.table import Column, Table

    from shared.console import tables

    inbox, _ = _inbox()
    chosen, _ = inbox.chosen(stage=stage, reason=reason)
    if as_json:
        print(json.dumps([_about(held) for held in chosen]))
    else:
        table = Table(Column("id", no_wrap=True), "when", "stage", "reason", "from", "bytes", "tries")
        for held in chosen:
            letter = held.letter
            place = f"{letter.topic} line {letter.offset}"
            if letter.partition >= 0:
                place = f"{letter.topic} partition {letter.partition} offset {letter.offset}"
            when = f"{letter.occurred_at:%Y-%m-%d %H:%M:%S}"
            size = str(len(letter.payload))
            table.add_row(letter.id, when, letter.stage, letter.reason, place, size, str(held.attempts))
        tables().print(table)
    if inbox.unreadable:
        typer.echo(f"{inbox.unreadable} records of the topic are no dead letters and were left out", err=True)


@group.command()
def show(letter_id: Annotated[str, typer.Argument(metavar="ID")], as_json: AsJson = False) -> None:
    """Show one dead letter with its payload, as it was masked at ingest. Only here is text shown.

    Example: adrwatch dead-letters show adr.posts:2:1204:screen
    """
    from shared.console import printable

    inbox, _ = _inbox()
    held = _found(inbox, [letter_id])[0]
    payload = held.letter.payload
    if as_json:
        print(json.dumps({**_about(held), "payload": base64.b64encode(payload).decode()}))
        return
    for name, value in _about(held).items():
        print(f"{name}: {value}")
    typer.echo("payload (written by a person: do not copy it into tickets or chats):", err=True)
    print(printable(payload.decode(errors="backslashreplace")))


@group.command()
def replay(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every dead letter.")] = False,
    stage: Stage = None,
    reason: Reason = None,
    give_up: GiveUp = 60.0,
    as_json: AsJson = False,
) -> None:
    """Send messages back to the topics they came from and mark their dead letters done.

    Key, bytes and partition are the original ones. Lines that ingest refused came from no topic: export them.
    Repeating it is harmless. Exit code 1 when something was not acknowledged.

    Example: adrwatch dead-letters replay --reason schema
    """
    from services.ingest.dead_letters import replay as send_back
    from services.ingest.producer import delivery
    from shared.broker import require_topics
    from shared.topics import DEAD_LETTERS, TOPICS

    inbox, settings = _inbox()
    chosen = _choose(inbox, ids or [], everything, stage, reason)
    require_topics(settings, TOPICS)
    with delivery(settings, give_up) as outgoing:
        account = send_back(chosen, outgoing, settings.topic_prefix, DEAD_LETTERS.name(settings.topic_prefix))
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
    from services.ingest.producer import delivery
    from services.ingest.publish import STAGE
    from shared.topics import DEAD_LETTERS

    inbox, settings = _inbox()
    chosen = _choose(inbox, ids or [], everything=not ids, stage=STAGE, reason=reason)
    files, left_out = write(chosen, folder)
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


def _inbox() -> tuple[Inbox, Settings]:
    from services.ingest.dead_letters import open_inbox
    from shared.broker import TopicReader
    from shared.settings import current
    from shared.topics import DEAD_LETTERS

    settings = current()
    with TopicReader(settings, DEAD_LETTERS) as reader:
        return open_inbox(reader.to_end()), settings


def _choose(inbox: Inbox, ids: list[str], everything: bool, stage: str | None, reason: str | None) -> list[Held]:
    if not (ids or everything or stage or reason):
        raise AdrwatchError("nothing is chosen", fix="name ids, or say --all, --stage or --reason")
    if ids:
        _found(inbox, ids)
    return inbox.chosen(ids, stage=stage, reason=reason)[0]


def _found(inbox: Inbox, ids: list[str]) -> list[Held]:
    found, unknown = inbox.chosen(ids)
    if unknown:
        raise AdrwatchError(
            f"no dead letter {', '.join(unknown)}: done already, or never there", fix="see `adrwatch dead-letters list`"
        )
    return found


def _about(held: Held) -> dict[str, Any]:
    letter = held.letter
    return {
        "id": letter.id,
        "occurred_at": letter.occurred_at.isoformat(),
        "stage": letter.stage,
        "reason": letter.reason,
        "detail": letter.detail,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "key": letter.key.decode(errors="replace") if letter.key is not None else None,
        "bytes": len(letter.payload),
        "tries": held.attempts,
    }
