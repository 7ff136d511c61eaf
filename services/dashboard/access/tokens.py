"""Tokens of the API: secrets of programs that act for somebody, with some of that person's rights, until a day."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from services.cases.audit import Trail
from services.cases.database import Database
from services.cases.tables import PEOPLE, TOKENS
from services.dashboard.access.people import account_roles, now, written
from services.dashboard.access.rights import Person, Right, rights_of
from services.dashboard.access.sessions import hashed
from shared.errors import AdrwatchError
from shared.text.plain import plain

BEGINS = "adrw_"
DAYS, MOST_DAYS = 90, 366
_NOTED = timedelta(minutes=1)
_LONGEST_NAME = 60


@dataclass(frozen=True)
class Token:
    """A token as lists show it, without its secret."""

    id: str
    name: str
    person: str
    scopes: frozenset[Right]
    created: str
    expires: str
    used: str | None
    revoked: bool


def scopes_of(words: Iterable[str]) -> frozenset[Right]:
    """Rights by their names. Raises AdrwatchError for a name of none, or where none is given."""
    try:
        found = frozenset(Right(word.strip()) for word in words)
    except ValueError as error:
        raise AdrwatchError(f"there is no such right: {error}", fix=f"rights are {', '.join(Right)}") from None
    if not found:
        raise AdrwatchError("a token without rights does nothing", fix=f"give some of {', '.join(Right)}")
    return found


class Tokens:
    """All tokens."""

    def __init__(self, database: Database, trail: Trail) -> None:
        self._database = database
        self._trail = trail

    def make(self, actor: str, person: str, name: str, scopes: frozenset[Right], days: int = DAYS) -> tuple[str, Token]:
        """A new token, and its secret, which nobody can look up later. Raises AdrwatchError for what it cannot be."""
        if not 1 <= days <= MOST_DAYS:
            raise AdrwatchError(f"a token cannot be for {days} days", fix=f"choose 1 to {MOST_DAYS}")
        name = plain(name.strip(), "the token's name")
        if not 1 <= len(name) <= _LONGEST_NAME:
            raise AdrwatchError(
                "a token needs a name", fix=f"say what it is for, in {_LONGEST_NAME} characters at most"
            )
        secret, begun = BEGINS + secrets.token_urlsafe(32), datetime.now(UTC)
        token = Token(
            secrets.token_hex(6),
            name,
            person,
            scopes,
            written(begun),
            written(begun + timedelta(days=days)),
            None,
            False,
        )
        with self._trail.recording(self._database) as recording:
            query = sa.select(PEOPLE.c.roles).where(PEOPLE.c.name == person, PEOPLE.c.active == 1)
            owner = recording.connection.execute(query).first()
            if owner is None:
                raise AdrwatchError("there is nobody active of that name", fix="see `adrwatch dashboard people list`")
            if beyond := scopes - rights_of(account_roles(owner.roles)):
                raise AdrwatchError(
                    f"the roles of {person} do not give {', '.join(sorted(beyond))}", fix="leave it out, or give a role"
                )
            recording.connection.execute(
                TOKENS.insert().values(
                    id=token.id, secret=hashed(secret), name=name, person=person, scopes=" ".join(sorted(scopes)),
                    created=token.created, expires=token.expires, revoked=0,
                )
            )  # fmt: skip
            recording.add(actor, "make token", f"token:{token.id}", "")
        return secret, token

    def person(self, secret: str) -> Person | None:
        """Whom a token acts for: with its rights, as far as the person has them now. None for one that is not valid."""
        moment = datetime.now(UTC)
        query = (
            sa.select(PEOPLE.c.name, PEOPLE.c.roles, TOKENS.c.id, TOKENS.c.scopes, TOKENS.c.used)
            .join(TOKENS, TOKENS.c.person == PEOPLE.c.name)
            .where(
                TOKENS.c.secret == hashed(secret),
                TOKENS.c.revoked == 0,
                TOKENS.c.expires > written(moment),
                PEOPLE.c.active == 1,
            )
        )
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        if row.used is None or row.used < written(moment - _NOTED):
            with self._database.writing() as connection:
                connection.execute(TOKENS.update().where(TOKENS.c.id == row.id).values(used=now()))
        roles = account_roles(row.roles)
        return Person(row.name, roles, rights_of(roles) & _known(row.scopes), "token")

    def of(self, person: str | None = None) -> list[Token]:
        """Tokens, of somebody or of all, the latest first."""
        query = sa.select(TOKENS).order_by(TOKENS.c.created.desc())
        if person is not None:
            query = query.where(TOKENS.c.person == person)
        with self._database.reading() as connection:
            return [
                Token(
                    row.id, row.name, row.person, _known(row.scopes), row.created, row.expires, row.used,
                    bool(row.revoked),
                )
                for row in connection.execute(query)
            ]  # fmt: skip

    def revoke(self, actor: str, token: str, person: str | None = None) -> None:
        """End a token (`person`: only if it is theirs), from the next request on. Raises AdrwatchError where there is none."""
        with self._trail.recording(self._database) as recording:
            chosen = TOKENS.c.id == token
            if person is not None:
                chosen &= TOKENS.c.person == person
            if not recording.connection.execute(TOKENS.update().where(chosen).values(revoked=1)).rowcount:
                raise AdrwatchError("there is no such token", fix="see `adrwatch dashboard tokens list`")
            recording.add(actor, "revoke token", f"token:{token}", "")


def _known(words: str) -> frozenset[Right]:
    known = set(Right)
    return frozenset(Right(word) for word in words.split() if word in known)
