"""People as the database knows them: made, changed and let go, each with a row of the audit trail."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from services.cases.audit import Recording, Trail
from services.cases.book import MACHINE
from services.cases.database import Database
from services.cases.tables import PEOPLE, SESSIONS, TOKENS
from services.dashboard.access import passwords
from services.dashboard.access.oidc import Identity
from services.dashboard.access.rights import Role
from shared.errors import AdrwatchError
from shared.metrics import SIGN_INS
from shared.text.plain import plain

_NAME = re.compile(r"[\w][\w.@+-]{0,59}", re.ASCII)
_LONGEST_NAME, _LONGEST_DISPLAY = 60, 100
# What the audit trail and lists call those who are no person: somebody of such a name would act as them.
_RESERVED = frozenset({MACHINE, "somebody", "provider", "development", "me", "nobody", "unknown"})


@dataclass(frozen=True)
class Account:
    """One of the people, without what is secret. Times are UTC, as ISO 8601 writes them."""

    name: str
    display: str
    roles: frozenset[Role]
    active: bool
    local: bool
    created: str
    signed_in: str | None


def now() -> str:
    """The time as the tables have it."""
    return written(datetime.now(UTC))


def written(moment: datetime) -> str:
    """A time, in UTC, such that later ones sort after earlier ones."""
    return moment.isoformat(timespec="milliseconds")


def roles_of(words: Iterable[str]) -> frozenset[Role]:
    """Roles by their names. Raises AdrwatchError for a name of none, or where none is given."""
    try:
        found = frozenset(Role(word.strip()) for word in words)
    except ValueError as error:
        raise AdrwatchError(f"there is no such role: {error}", fix=f"roles are {', '.join(Role)}") from None
    if not found:
        raise AdrwatchError("nobody is without a role", fix=f"give one of {', '.join(Role)}, or deactivate the person")
    return found


class People:
    """All people, as `actor` changes them."""

    def __init__(self, database: Database, trail: Trail, actor: str) -> None:
        self._database = database
        self._trail = trail
        self._actor = actor

    def all(self) -> list[Account]:
        """Everybody, by name."""
        with self._database.reading() as connection:
            return [_account(row) for row in connection.execute(sa.select(PEOPLE).order_by(PEOPLE.c.name))]

    def one(self, name: str) -> Account:
        """One by the name. Raises AdrwatchError where there is none."""
        with self._database.reading() as connection:
            return _account(_row(connection, name))

    def add(self, name: str, roles: frozenset[Role], password: str, display: str = "") -> Account:
        """Somebody who signs in with a password. Raises AdrwatchError for a name that nobody may have now, or a bad password."""
        if not _NAME.fullmatch(name):
            raise AdrwatchError("this is no name", fix="letters without accents, digits and . _ - @ +, 60 at most")
        if name.lower() in _RESERVED:
            raise AdrwatchError(f"the name {name} stands for what is no person", fix="choose another")
        hashed = passwords.kept(passwords.checked(name, password))
        display = _shown(display) or name
        with self._trail.recording(self._database) as recording:
            if recording.connection.execute(sa.select(PEOPLE.c.name).where(PEOPLE.c.name == name)).first():
                raise AdrwatchError(f"there is somebody of the name {name}", fix="choose another")
            recording.connection.execute(
                PEOPLE.insert().values(
                    name=name, display=display, roles=_words(roles), password=hashed, active=1, created=now()
                )
            )
            recording.add(self._actor, "add person", f"person:{name}", f"roles: {_words(roles)}")
        return self.one(name)

    def set_roles(self, name: str, roles: frozenset[Role]) -> Account:
        """Other roles, from the next request on. Raises AdrwatchError where there is nobody of the name."""
        with self._trail.recording(self._database) as recording:
            before = _row(recording.connection, name).roles
            _change(recording.connection, name, roles=_words(roles))
            recording.add(
                self._actor, "set roles", f"person:{name}", f"roles: {_words(roles)}, before: {before or 'none'}"
            )
        return self.one(name)

    def set_password(self, name: str, password: str) -> None:
        """Another password; sessions end. Raises AdrwatchError for a bad one, or for somebody whom a provider signs in."""
        hashed = passwords.kept(passwords.checked(name, password))
        with self._trail.recording(self._database) as recording:
            if _row(recording.connection, name).password is None:
                raise AdrwatchError(f"{name} has no password here", fix="change it at the provider that signs them in")
            _change(recording.connection, name, password=hashed)
            recording.connection.execute(SESSIONS.delete().where(SESSIONS.c.person == name))
            recording.add(self._actor, "set password", f"person:{name}", "")

    def set_active(self, name: str, active: bool) -> Account:
        """Let somebody go, or back in. Who is let go has no session and no token any more."""
        with self._trail.recording(self._database) as recording:
            _row(recording.connection, name)
            _change(recording.connection, name, active=int(active))
            if not active:
                recording.connection.execute(SESSIONS.delete().where(SESSIONS.c.person == name))
                recording.connection.execute(TOKENS.update().where(TOKENS.c.person == name).values(revoked=1))
            recording.add(self._actor, "reactivate" if active else "deactivate", f"person:{name}", "")
        return self.one(name)

    def check(self, name: str, password: str) -> Account | None:
        """Who that is, by the password; None where it is wrong or the person is not active. Recorded by who begins a session."""
        with self._database.reading() as connection:
            row = connection.execute(sa.select(PEOPLE).where(PEOPLE.c.name == name)).first()
        if passwords.fits(row.password if row else None, password) and row is not None and row.active:
            if passwords.outdated(row.password):
                anew = passwords.kept(password)
                with self._database.writing() as connection:
                    _change(connection, name, password=anew)
            return _account(row)
        with self._trail.recording(self._database) as recording:
            recording.add("somebody", "sign-in refused", f"person:{name}" if row else "person:unknown", "")
        SIGN_INS.labels("refused").inc()
        return None

    def known_by(self, identity: Identity) -> Account:
        """Somebody whom the provider signed in, with the roles that their groups have now; made at the first time.

        A name that somebody else has here, or that is reserved, gets an ending of its own: nobody becomes another, or adrwatch
        itself, by a name at the provider.
        Raises AdrwatchError for somebody who was let go.
        """
        mine = (PEOPLE.c.issuer == identity.issuer) & (PEOPLE.c.identity == identity.subject)
        roles = _words(identity.roles)
        with self._trail.recording(self._database) as recording:
            connection = recording.connection
            row = connection.execute(sa.select(PEOPLE).where(mine)).first()
            if row is not None and not row.active:
                raise AdrwatchError("you may not use the dashboard any more", fix="ask an admin of it")
            name = row.name if row else _free_name(connection, identity)
            if row is None:
                display = _shown(identity.display) or name
                connection.execute(
                    PEOPLE.insert().values(
                        name=name, display=display, roles=roles, issuer=identity.issuer, identity=identity.subject,
                        active=1, created=now(),
                    )
                )  # fmt: skip
                recording.add("provider", "add person", f"person:{name}", f"roles: {roles}")
            elif row.roles != roles:
                _change(connection, name, roles=roles)
                recording.add("provider", "set roles", f"person:{name}", f"roles: {roles}, before: {row.roles}")
        return self.one(name)

    def note_sign_in(self, recording: Recording, name: str) -> None:
        """Add the row of a sign-in to the transaction that begins its session."""
        _change(recording.connection, name, signed_in=now())
        recording.add(name, "sign-in", f"person:{name}", "")


def account_roles(words: str) -> frozenset[Role]:
    """Roles as the table has them; those that this version does not know give nothing."""
    known = set(Role)
    return frozenset(Role(word) for word in words.split() if word in known)


def _account(row: Any) -> Account:
    roles = account_roles(row.roles)
    return Account(row.name, row.display, roles, bool(row.active), row.password is not None, row.created, row.signed_in)


def _shown(display: str) -> str:
    return plain(display.strip(), "the display name")[:_LONGEST_DISPLAY]


def _free_name(connection: Connection, identity: Identity) -> str:
    wished = re.sub(r"[^\w.@+-]", "", identity.name, flags=re.ASCII).lstrip(".@+-")[:_LONGEST_NAME]
    free = wished and wished.lower() not in _RESERVED
    if free and not connection.execute(sa.select(PEOPLE.c.name).where(PEOPLE.c.name == wished)).first():
        return wished
    ending = sha256(f"{identity.issuer} {identity.subject}".encode()).hexdigest()[:12]
    return f"{wished[: _LONGEST_NAME - 13] or 'person'}-{ending}"


def _row(connection: Connection, name: str) -> Any:
    found = connection.execute(sa.select(PEOPLE).where(PEOPLE.c.name == name)).first()
    if found is None:
        raise AdrwatchError("there is nobody of that name", fix="see `adrwatch dashboard people list`")
    return found


def _change(connection: Connection, name: str, **values: Any) -> None:
    connection.execute(PEOPLE.update().where(PEOPLE.c.name == name).values(**values))


def _words(roles: frozenset[Role]) -> str:
    return " ".join(sorted(roles))
