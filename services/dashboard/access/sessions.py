"""Sessions: kept in the database, so that they can be ended. The browser holds a random id, the table its hash."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import sqlalchemy as sa

from services.cases.audit import Trail
from services.cases.database import Database
from services.cases.tables import PEOPLE, SESSIONS
from services.dashboard.access.people import People, account_roles, now, written
from services.dashboard.access.rights import Person, rights_of
from shared.metrics import SIGN_INS
from shared.settings import Settings

IDLE, LONGEST = timedelta(hours=8), timedelta(days=7)
# A session's last use is written so often at most.
_NOTED = timedelta(minutes=1)


@dataclass(frozen=True)
class Session:
    """A session as its owner sees it. `id` is a hash: nobody signs in with it."""

    id: str
    created: str
    seen: str
    expires: str


def hashed(secret: str) -> str:
    """What is kept of a random secret. It has 256 bits, so that nothing slower is needed."""
    return sha256(secret.encode()).hexdigest()


def secure(settings: Settings) -> bool:
    """Whether people reach the dashboard by https."""
    return settings.dashboard_address.startswith("https://")


def cookie_name(settings: Settings) -> str:
    """`__Host-`: only this very host, by https, can have set it (RFC 6265bis)."""
    return "__Host-adrwatch" if secure(settings) else "adrwatch"


class Sessions:
    """All sessions."""

    def __init__(self, database: Database, trail: Trail) -> None:
        self._database = database
        self._trail = trail

    def begin(self, name: str, instead_of: str | None = None) -> str:
        """A new session of somebody, the one that the browser had ends; what the browser shall hold."""
        secret, begun = secrets.token_urlsafe(32), datetime.now(UTC)
        with self._trail.recording(self._database) as recording:
            gone = SESSIONS.c.expires < written(begun)
            if instead_of is not None:
                gone |= SESSIONS.c.id == hashed(instead_of)
            recording.connection.execute(SESSIONS.delete().where(gone))
            recording.connection.execute(
                SESSIONS.insert().values(
                    id=hashed(secret), person=name, created=written(begun), seen=written(begun),
                    expires=written(begun + LONGEST),
                )
            )  # fmt: skip
            People(self._database, self._trail, name).note_sign_in(recording, name)
        SIGN_INS.labels("signed in").inc()
        return secret

    def person(self, secret: str) -> Person | None:
        """Whose session it is, with the roles of now; None where it has ended."""
        moment = datetime.now(UTC)
        query = (
            sa.select(PEOPLE.c.name, PEOPLE.c.roles, SESSIONS.c.seen)
            .join(SESSIONS, SESSIONS.c.person == PEOPLE.c.name)
            .where(
                SESSIONS.c.id == hashed(secret),
                SESSIONS.c.expires > written(moment),
                SESSIONS.c.seen > written(moment - IDLE),
                PEOPLE.c.active == 1,
            )
        )
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        if row.seen < written(moment - _NOTED):
            with self._database.writing() as connection:
                connection.execute(SESSIONS.update().where(SESSIONS.c.id == hashed(secret)).values(seen=now()))
        roles = account_roles(row.roles)
        return Person(row.name, roles, rights_of(roles), "session")

    def of(self, name: str) -> list[Session]:
        """Somebody's sessions, the latest first."""
        moment = datetime.now(UTC)
        query = sa.select(SESSIONS).where(
            SESSIONS.c.person == name,
            SESSIONS.c.expires > written(moment),
            SESSIONS.c.seen > written(moment - IDLE),
        )
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(SESSIONS.c.created.desc())).all()
        return [Session(row.id, row.created, row.seen, row.expires) for row in rows]

    def end(self, name: str, secret: str) -> None:
        """Sign out."""
        with self._trail.recording(self._database) as recording:
            recording.connection.execute(SESSIONS.delete().where(SESSIONS.c.id == hashed(secret)))
            recording.add(name, "sign-out", f"person:{name}", "")

    def end_all(self, actor: str, name: str, but: str | None = None) -> int:
        """End somebody's sessions, but for one; how many."""
        with self._trail.recording(self._database) as recording:
            chosen = SESSIONS.c.person == name
            if but is not None:
                chosen &= SESSIONS.c.id != hashed(but)
            ended = recording.connection.execute(SESSIONS.delete().where(chosen)).rowcount
            recording.add(actor, "end sessions", f"person:{name}", "")
        return ended
