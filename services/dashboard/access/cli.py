"""`adrwatch dashboard people` and `adrwatch dashboard tokens`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from services.cases.audit import Trail
    from services.cases.database import Database

people = typer.Typer(help="Who may use the dashboard.", no_args_is_help=True)
tokens = typer.Typer(help="Tokens of programs that use the API.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="the name that the person signs in with")]
Roles = Annotated[list[str], typer.Option("--role", help="viewer, assessor, operator or admin; several times")]
FromInput = Annotated[bool, typer.Option("--password-stdin", help="read the password from standard input")]
Json = Annotated[bool, typer.Option("--json", help="JSON, for machines")]


def register(app: typer.Typer) -> None:
    """Add both groups."""
    app.add_typer(people, name="people")
    app.add_typer(tokens, name="tokens")


@people.command("add")
def add_person(
    name: Name,
    roles: Roles,
    display: Annotated[str, typer.Option(help="the name as pages show it")] = "",
    password_stdin: FromInput = False,
    as_json: Json = False,
) -> None:
    """Add somebody who signs in with a password, which is asked for. The first admin is made this way.

    Example: adrwatch dashboard people add ana --role admin
    """
    from services.dashboard.access.people import People, roles_of

    wanted, password = roles_of(roles), _password(password_stdin)
    with _opened() as (database, trail, actor):
        _show([People(database, trail, actor).add(name, wanted, password, display)], as_json)


@people.command("list")
def list_people(as_json: Json = False) -> None:
    """Show everybody, with roles and the last sign-in.

    Example: adrwatch dashboard people list
    """
    from services.dashboard.access.people import People

    with _opened() as (database, trail, actor):
        _show(People(database, trail, actor).all(), as_json)


@people.command("roles")
def set_roles(name: Name, roles: Roles, as_json: Json = False) -> None:
    """Give somebody these roles, and no others, from the next request on.

    Example: adrwatch dashboard people roles ana --role assessor --role operator
    """
    from services.dashboard.access.people import People, roles_of

    wanted = roles_of(roles)
    with _opened() as (database, trail, actor):
        _show([People(database, trail, actor).set_roles(name, wanted)], as_json)


@people.command("password")
def set_password(name: Name, password_stdin: FromInput = False) -> None:
    """Give somebody another password, which is asked for. All their sessions end.

    Example: adrwatch dashboard people password ana
    """
    from services.dashboard.access.people import People

    with _opened() as (database, trail, actor):
        People(database, trail, actor).one(name)
        People(database, trail, actor).set_password(name, _password(password_stdin))
    print(f"{name} has a new password")


@people.command("deactivate")
def deactivate(
    name: Name,
    undo: Annotated[bool, typer.Option("--undo", help="let the person in again")] = False,
    as_json: Json = False,
) -> None:
    """Let somebody go: sessions end, tokens are revoked, sign-ins are refused. What they did stays in the audit trail.

    Example: adrwatch dashboard people deactivate ana
    """
    from services.dashboard.access.people import People

    with _opened() as (database, trail, actor):
        _show([People(database, trail, actor).set_active(name, undo)], as_json)


@people.command("sessions")
def show_sessions(
    name: Name, end: Annotated[bool, typer.Option("--end", help="end them all")] = False, as_json: Json = False
) -> None:
    """Show somebody's sessions, or end them.

    Example: adrwatch dashboard people sessions ana --end
    """
    from services.dashboard.access.people import People
    from services.dashboard.access.sessions import Sessions

    with _opened() as (database, trail, actor):
        People(database, trail, actor).one(name)
        sessions = Sessions(database, trail)
        if end:
            print(f"{sessions.end_all(actor, name)} sessions ended")
            return
        found = sessions.of(name)
    if as_json:
        for one in found:
            print(json.dumps({"created": one.created, "seen": one.seen, "expires": one.expires}))
        return
    for one in found:
        print(f"since {one.created[:16]}, last used {one.seen[:16]}, until {one.expires[:16]} (UTC)")
    if not found:
        print("no sessions")


@tokens.command("make")
def make_token(
    person: Name,
    name: Annotated[str, typer.Option(help="what the token is for")],
    scopes: Annotated[list[str], typer.Option("--right", help="such as alerts:read; several times")],
    days: Annotated[int, typer.Option(help="how long it is valid")] = 90,
    as_json: Json = False,
) -> None:
    """Make a token for a program that acts for somebody. Its secret is printed this once.

    Example: adrwatch dashboard tokens make ana --name "weekly report" --right alerts:read
    """
    from services.dashboard.access.tokens import Tokens, scopes_of

    wanted = scopes_of(scopes)
    with _opened() as (database, trail, actor):
        secret, token = Tokens(database, trail).make(actor, person, name, wanted, days)
    if as_json:
        print(json.dumps(_plain(token) | {"secret": secret}))
    else:
        print(secret)
        print(f"token {token.id} is valid until {token.expires[:16]} (UTC)", file=sys.stderr)


@tokens.command("list")
def list_tokens(
    person: Annotated[str | None, typer.Option(help="only those of this person")] = None, as_json: Json = False
) -> None:
    """Show all tokens, without their secrets.

    Example: adrwatch dashboard tokens list
    """
    from rich.table import Table

    from services.dashboard.access.tokens import Tokens
    from shared.console import tables

    with _opened() as (database, trail, _):
        found = Tokens(database, trail).of(person)
    if as_json:
        for one in found:
            print(json.dumps(_plain(one)))
        return
    table = Table("id", "name", "person", "rights", "until (UTC)", "last used", "revoked")
    for one in found:
        table.add_row(
            one.id, one.name, one.person, ", ".join(sorted(one.scopes)), one.expires[:16], (one.used or "never")[:16],
            "yes" if one.revoked else "no",
        )  # fmt: skip
    tables().print(table)


@tokens.command("revoke")
def revoke_token(token: Annotated[str, typer.Argument(metavar="ID", help="a token's id, as `list` shows it")]) -> None:
    """End a token, from its next request on.

    Example: adrwatch dashboard tokens revoke 3f9c1a5b7d20
    """
    from services.dashboard.access.tokens import Tokens

    with _opened() as (database, trail, actor):
        Tokens(database, trail).revoke(actor, token)
    print(f"token {token} is revoked")


@contextmanager
def _opened() -> Iterator[tuple[Database, Trail, str]]:
    from services.cases.audit import Trail
    from services.cases.database import Database
    from services.cases.options import actor
    from shared import settings

    current = settings.current()
    with Database.used(current) as database:
        yield database, Trail.of(current), actor(current)


def _password(from_input: bool) -> str:
    """Never an argument: other users of a machine see those."""
    if from_input:
        return sys.stdin.readline().rstrip("\r\n")
    found: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return found


def _show(found: list[Any], as_json: bool) -> None:
    from rich.table import Table

    from shared.console import tables

    if as_json:
        for one in found:
            print(json.dumps(_plain(one)))
        return
    table = Table("name", "shown as", "roles", "active", "signs in by", "last signed in (UTC)")
    for one in found:
        table.add_row(
            one.name, one.display, ", ".join(sorted(one.roles)), "yes" if one.active else "no",
            "password" if one.local else "provider", (one.signed_in or "never")[:16],
        )  # fmt: skip
    tables().print(table)


def _plain(one: Any) -> dict[str, Any]:
    return {key: sorted(value) if isinstance(value, frozenset) else value for key, value in asdict(one).items()}
