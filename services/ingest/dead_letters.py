"""Working off dead letters: what is there, sending it back to its topic, taking refused lines to a file."""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import msgspec

from services.ingest.broker import Stored
from services.ingest.publish import STAGE, Delivery, Message
from services.ingest.recipe import RECIPE_HEADER, Recipe, decode_recipe
from shared.errors import AdrwatchError, BadMessage
from shared.events import DeadLetter, decode
from shared.topics import TOPICS, partition_of

ATTEMPT_HEADER = "adrwatch-attempt"
_AT_ONCE = 1_000


@dataclass(frozen=True)
class Held:
    """A dead letter as it lies in its topic."""

    letter: DeadLetter
    stored: Stored

    @property
    def attempts(self) -> int:
        """How often the message was replayed before it came here again."""
        value = dict(self.stored.headers).get(ATTEMPT_HEADER, b"0")
        return int(value) if value.isdigit() else 0

    @property
    def recipe(self) -> Recipe | None:
        """How the file was read, for a line that ingest refused."""
        try:
            return decode_recipe(dict(self.stored.headers)[RECIPE_HEADER])
        except (KeyError, msgspec.DecodeError):
            return None

    def tombstone(self, topic: str) -> Message:
        """The record that makes the dead letter done: the broker forgets it at its next compaction."""
        return Message(topic, self.stored.key or b"", None, self.stored.partition)


@dataclass(frozen=True)
class Inbox:
    """The dead letters that are not done, by id in the order they came; `unreadable` counts records that are none."""

    letters: dict[str, Held]
    unreadable: int

    def chosen(
        self, ids: Sequence[str] = (), *, stage: str | None = None, reason: str | None = None
    ) -> tuple[list[Held], list[str]]:
        """The letters with these ids (all, if none are named) of this stage and reason, and the ids that are not there."""
        found = [self.letters[name] for name in ids if name in self.letters] if ids else list(self.letters.values())
        kept = [held for held in found if stage in (None, held.letter.stage) and reason in (None, held.letter.reason)]
        return kept, [name for name in ids if name not in self.letters]


def open_inbox(records: Iterable[Stored]) -> Inbox:
    """Read the topic's records: the last of a key counts, a tombstone means done."""
    letters: dict[str, Held] = {}
    unreadable = 0
    for record in records:
        key = (record.key or b"").decode(errors="replace")
        letters.pop(key, None)
        if record.value is None:
            continue
        try:
            letters[key] = Held(decode(record.value, DeadLetter), record)
        except BadMessage:
            unreadable += 1
    return Inbox(letters, unreadable)


@dataclass
class ReplayAccount:
    """chosen = replayed + skipped + failed. `done` counts acknowledged tombstones; one that is missing is replayed twice,
    which consumers bear.
    """

    chosen: int = 0
    replayed: int = 0
    done: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    @property
    def complete(self) -> bool:
        """Whether every chosen letter was replayed and is done, or is of a kind that cannot be replayed."""
        return not self.failed and self.chosen == self.replayed + self.skipped.total() and self.replayed == self.done


def replay(chosen: Sequence[Held], delivery: Delivery, prefix: str, topic: str) -> ReplayAccount:
    """Send the original bytes back to their topics, then mark the dead letters in `topic` done.

    Order, for every thousand: originals are sent and acknowledged, and only for those the tombstone is sent.
    Skipped: `export` (a line of a file has no topic) and `unknown-topic` (not one of this prefix).
    """
    account = ReplayAccount(chosen=len(chosen))
    partitions = {declared.name(prefix): declared.partitions for declared in TOPICS}
    ready: list[tuple[Held, Message]] = []
    for held in chosen:
        letter = held.letter
        if letter.stage == STAGE or letter.partition < 0:
            account.skipped["export"] += 1
        elif letter.topic not in partitions:
            account.skipped["unknown-topic"] += 1
        else:
            ready.append((held, _original(held, partitions[letter.topic])))
    for start in range(0, len(ready), _AT_ONCE):
        acknowledged: list[Held] = []
        for held, message in ready[start : start + _AT_ONCE]:
            delivery.send(message, functools.partial(acknowledged.append, held))
        delivery.finish()
        account.replayed += len(acknowledged)
        account.done += mark_done(acknowledged, delivery, topic)
        if delivery.hopeless:
            break
    account.failed = delivery.failed
    return account


def mark_done(letters: Iterable[Held], delivery: Delivery, topic: str) -> int:
    """Write tombstones; returns how many were acknowledged."""
    done: list[Held] = []
    for held in letters:
        delivery.send(held.tombstone(topic), functools.partial(done.append, held))
    delivery.finish()
    return len(done)


def _original(held: Held, partitions: int) -> Message:
    letter = held.letter
    headers = [(name, value) for name, value in held.stored.headers if name != ATTEMPT_HEADER]
    headers.append((ATTEMPT_HEADER, str(held.attempts + 1).encode()))
    place = letter.partition
    if place >= partitions:
        place = partition_of((letter.key or b"").decode(errors="replace"), partitions)
    return Message(
        letter.topic, letter.key if letter.key is not None else letter.id.encode(), letter.payload, place, headers
    )


@dataclass(frozen=True)
class Exported:
    """A file of refused lines, and the flags with which `adrwatch ingest replay` reads it."""

    path: Path
    letters: list[Held]
    flags: list[str]


def export(chosen: Sequence[Held], folder: Path) -> tuple[list[Exported], int]:
    """Write the lines that ingest refused, one file for each file they come from. Returns the files, and how many
    letters were left out because they are no lines of a file.

    Only the owner can read the files. Raises AdrwatchError if one exists: it may have been mended already.
    """
    groups: dict[tuple[str, bytes], tuple[Recipe, list[Held]]] = {}
    for held in sorted(chosen, key=lambda held: held.letter.offset):
        if held.letter.stage == STAGE and (recipe := held.recipe) is not None:
            groups.setdefault((held.letter.topic, recipe.encode()), (recipe, []))[1].append(held)
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Exported] = []
    for (name, _), (recipe, letters) in groups.items():
        path = _free_name(folder, name, recipe.format, {exported.path for exported in files})
        head = [recipe.header.encode()] if recipe.header is not None else []
        lines = [*head, *(held.letter.payload for held in letters)]
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise AdrwatchError(
                f"{path} is there already and may have been mended", fix="give another folder or move the file"
            ) from None
        with os.fdopen(handle, "wb") as file:
            file.write(b"\n".join(lines) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        files.append(Exported(path, letters, recipe.flags()))
    return files, len(chosen) - sum(len(exported.letters) for exported in files)


def _free_name(folder: Path, name: str, form: str, taken: set[Path]) -> Path:
    stem = PurePath(name).name.split(".")[0] or "rejects"
    number = 1
    while (path := folder / f"{stem}.rejects{'' if number == 1 else f'-{number}'}.{form}") in taken:
        number += 1
    return path
