"""What people do with cases and signals alike. Every change and every look is a row of the audit trail, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import ClassVar, Generic, Self, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.cases.audit import Entry, Recording, Trail, digest
from services.cases.database import Database
from services.cases.tables import AUDIT, COMMENTS
from shared.cases.model import Dossier, State, moved
from shared.errors import AdrwatchError
from shared.events import derived_id

# Who acts in the audit trail where no person does.
MACHINE = "adrwatch"


class Comment(msgspec.Struct, frozen=True):
    """What somebody wrote about a case or a signal."""

    at: str
    actor: str
    text: str


D = TypeVar("D", bound=Dossier)
E_ = TypeVar("E_")


class StaleError(AdrwatchError):
    """Somebody has changed the dossier since the one who now acts looked at it. `changes` are the rows of the trail since then."""

    def __init__(self, dossier: Dossier, changes: Sequence[Entry]) -> None:
        told = "; ".join(f"{one.actor}: {one.action} ({one.reason})" for one in changes) or "changed"
        super().__init__(
            f"{dossier.noun} {dossier.id} was changed since you looked at it: {told}", fix="look at it as it is now"
        )
        self.changes = tuple(changes)


def stamp(dossier: Dossier) -> str:
    """By what one tells whether a dossier is still as somebody saw it: the hash that the trail has of it."""
    return digest(msgspec.json.encode(dossier))


class Book(Generic[D]):
    """The dossiers of one kind in one database, for one actor. `table` holds them, as JSON with what is searched by."""

    kind: type[D]
    table: ClassVar[sa.Table]
    command: ClassVar[str]

    def __init__(self, database: Database, trail: Trail, actor: str) -> None:
        self._database = database
        self._trail = trail
        self._actor = actor

    def automatic(self) -> Self:
        """The same, for what adrwatch does by itself."""
        return type(self)(self._database, self._trail, MACHINE)

    def look(self, dossier_id: str, reason: str) -> tuple[D, list[Comment]]:
        """One with its comments; that somebody looked is recorded. Raises AdrwatchError where there is none."""
        with self._trail.recording(self._database) as recording:
            return self._looked(recording, dossier_id, reason)

    def export(self, dossier_id: str, reason: str, how: Callable[[D], E_]) -> E_:
        """What `how` makes of one to leave adrwatch; that it leaves is recorded, and not where `how` raises."""
        with self._trail.recording(self._database) as recording:
            found = self._existing(recording.connection, dossier_id)
            made = how(found)
            self._saw(recording, found, reason, "export")
            return made

    def change(self, dossier_id: str, action: str, reason: str, how: Callable[[D], D], seen: str | None = None) -> D:
        """Change one. Where it stays as it is, that somebody looked is recorded. `seen`: the stamp of what it was made from.

        Raises AdrwatchError where there is none, or it is closed, or `how` does; StaleError where it is not as it was seen.
        """

        def open_one(found: D) -> D:
            if found.state == "closed":
                raise AdrwatchError(
                    f"{found.noun} {found.id} is closed and cannot be changed",
                    fix=f"add a comment: adrwatch {self.command} comment",
                )
            return how(found)

        return self._change(dossier_id, action, reason, open_one, seen)

    def move(self, dossier_id: str, state: State, reason: str, seen: str | None = None) -> D:
        """Bring one to another state; `seen` and errors as for `change`."""
        return self._change(dossier_id, "state", reason, lambda found: moved(found, state), seen)

    def undo(self, before: D, after: D, reason: str) -> D:
        """Bring one back to what it was before a change. Raises AdrwatchError where it has changed since, or was closed by it."""
        with self._trail.recording(self._database) as recording:
            found = self._existing(recording.connection, after.id)
            if found != after:
                raise AdrwatchError(f"{found.noun} {found.id} was changed since", fix="look at it as it is now")
            if found.state == "closed":
                raise AdrwatchError(
                    f"{found.noun} {found.id} is closed, and others may know of it",
                    fix=f"add a comment: adrwatch {self.command} comment",
                )
            self._write(recording, found, before, "undo", reason)
        return before

    def comment(self, dossier_id: str, text: str) -> None:
        """Add a comment. The trail keeps its hash."""
        with self._trail.recording(self._database) as recording:
            found = self._existing(recording.connection, dossier_id)
            row = recording.add(self._actor, "comment", _subject(found), "comment", after=digest(text.encode()))
            recording.connection.execute(
                COMMENTS.insert().values(
                    id=derived_id(dossier_id, str(row.seq)),
                    dossier_id=dossier_id,
                    at=row.at,
                    actor=self._actor,
                    text=text,
                )
            )

    def some(self, ids: Iterable[str]) -> list[D]:
        """Those of some ids that there are, for lists; it is not recorded."""
        query = sa.select(self.table.c.document).where(self.table.c.id.in_(list(ids)))
        with self._database.reading() as connection:
            return [self._decoded(row.document) for row in connection.execute(query)]

    def all(self, state: str | None = None) -> list[D]:
        """All, the newest first; no narrative is shown of a list, so it is not recorded."""
        query = sa.select(self.table.c.document).order_by(self.table.c.opened_at.desc(), self.table.c.id)
        if state is not None:
            query = query.where(self.table.c.state == state)
        with self._database.reading() as connection:
            return [self._decoded(row.document) for row in connection.execute(query)]

    def history(self, dossier_id: str) -> tuple[list[Comment], list[Entry]]:
        """What was said of one, and what was done to it, as the trail has it; the first first. Nothing of the dossier itself.

        That somebody reads what was said is recorded, after the rows that are given. Raises AdrwatchError where there is none.
        """
        subject = f"{self.kind.noun}:{dossier_id}"
        query = sa.select(AUDIT).where(AUDIT.c.subject == subject).order_by(AUDIT.c.seq)
        with self._database.reading() as connection:
            rows = [Entry(**row._mapping) for row in connection.execute(query)]
            comments = list(_comments(connection, dossier_id))
        if comments:
            with self._trail.recording(self._database) as recording:
                self._saw(recording, self._existing(recording.connection, dossier_id), "comments")
        return comments, rows

    def _change(self, dossier_id: str, action: str, reason: str, how: Callable[[D], D], seen: str | None = None) -> D:
        with self._trail.recording(self._database) as recording:
            before = self._existing(recording.connection, dossier_id)
            if seen is not None and seen != stamp(before):
                raise StaleError(before, _since(recording.connection, before, seen))
            after = how(before)
            if after == before:
                self._saw(recording, before, reason)
            else:
                self._write(recording, before, after, action, reason)
            return after

    def _looked(self, recording: Recording, dossier_id: str, reason: str) -> tuple[D, list[Comment]]:
        found = self._existing(recording.connection, dossier_id)
        self._saw(recording, found, reason)
        return found, list(_comments(recording.connection, dossier_id))

    def _saw(self, recording: Recording, found: D, reason: str, action: str = "read") -> None:
        state = digest(msgspec.json.encode(found))
        recording.add(self._actor, action, _subject(found), reason, state, state)

    def _add(self, recording: Recording, new: D, reason: str, **columns: str | int | None) -> None:
        document = msgspec.json.encode(new)
        recording.add(self._actor, "open", _subject(new), reason, after=digest(document))
        values = {"document": document.decode(), "state": new.state, "opened_at": new.opened_at.isoformat()}
        recording.connection.execute(self.table.insert().values(id=new.id, **values, **columns))

    def _write(
        self, recording: Recording, before: D, after: D, action: str, reason: str, **columns: str | int | None
    ) -> None:
        old, new = msgspec.json.encode(before), msgspec.json.encode(after)
        recording.add(self._actor, action, _subject(after), reason, digest(old), digest(new))
        values = {"document": new.decode(), "state": after.state, **columns}
        recording.connection.execute(self.table.update().where(self.table.c.id == after.id).values(**values))

    def _found(self, connection: Connection, dossier_id: str) -> D | None:
        row = connection.execute(sa.select(self.table.c.document).where(self.table.c.id == dossier_id)).first()
        return None if row is None else self._decoded(row.document)

    def _existing(self, connection: Connection, dossier_id: str) -> D:
        found = self._found(connection, dossier_id)
        if found is None:
            raise AdrwatchError(f"there is no {self.kind.noun} {dossier_id}", fix=f"see `adrwatch {self.command} list`")
        return found

    def _decoded(self, document: str) -> D:
        return msgspec.json.decode(document, type=self.kind)


def _subject(dossier: Dossier) -> str:
    return f"{dossier.noun}:{dossier.id}"


def _since(connection: Connection, dossier: Dossier, seen: str) -> list[Entry]:
    """The changes of a dossier after it was as it was seen."""
    query = sa.select(AUDIT).where(AUDIT.c.subject == _subject(dossier)).order_by(AUDIT.c.seq)
    rows = [Entry(**row._mapping) for row in connection.execute(query)]
    last = max((place for place, row in enumerate(rows) if row.after == seen), default=-1)
    return [row for row in rows[last + 1 :] if row.action != "comment" and row.before != row.after]


def _comments(connection: Connection, dossier_id: str) -> Iterator[Comment]:
    query = sa.select(COMMENTS.c.at, COMMENTS.c.actor, COMMENTS.c.text).where(COMMENTS.c.dossier_id == dossier_id)
    for row in connection.execute(query.order_by(COMMENTS.c.at, COMMENTS.c.id)):
        yield Comment(**row._mapping)
