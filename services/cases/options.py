"""What the commands of cases, of the review of signals and of the audit trail share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from shared.errors import AdrwatchError

if TYPE_CHECKING:
    from services.cases.book import Book
    from shared.cases.model import State
    from shared.settings import Settings


def plain_text(parameter: typer.CallbackParam, value: str | None) -> str | None:
    """A text that people typed in. Raises AdrwatchError for characters that are none of a text."""
    from shared.text.plain import plain

    return None if value is None else plain(value, f"{parameter.name}")


def _comment(value: str | None) -> str | None:
    from services.cases import said

    return None if value is None else said.comment(value)


def _reason(value: str | None) -> str | None:
    from services.cases import said

    return None if value is None else said.reason(value)


Json = Annotated[bool, typer.Option("--json", help="JSON, for machines")]
_WHY = typer.Option("--reason", help="why; it stands in the audit trail, so name no person in it", callback=_reason)
Reason = Annotated[str, _WHY]
Comment = Annotated[str, typer.Argument(help="what is to be noted", callback=_comment)]
Assignee = Annotated[str | None, typer.Option(help="who assesses it", callback=plain_text)]


B = TypeVar("B", bound="Book[Any]")


@contextmanager
def using(kind: type[B]) -> Iterator[B]:
    """The cases, or the signals under review, of the settings, for who acts."""
    from services.cases.audit import Trail
    from services.cases.database import Database
    from shared import settings

    current = settings.current()
    with Database.used(current) as database:
        yield kind(database, Trail.of(current), actor(current))


def actor(settings: Settings) -> str:
    """Who acts: as the settings say, else the system's user. Raises AdrwatchError where the system knows none."""
    import getpass

    try:
        return settings.actor or getpass.getuser()
    except (KeyError, OSError):
        raise AdrwatchError("the system has no name for its user", fix="set ADRWATCH_ACTOR to who acts") from None


def state_of(word: str) -> State:
    """A state by its name. Raises AdrwatchError where there is none."""
    from shared.cases.model import TRANSITIONS

    for state in TRANSITIONS:
        if state == word:
            return state
    raise AdrwatchError(f"there is no state {word}", fix=f"states are {', '.join(TRANSITIONS)}")
