"""What every route is asked for before it answers: who is there, and may they?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import Depends, Request

from services.dashboard.access.rights import Person, Right


class NotSignedInError(Exception):
    """Nobody is signed in, and the route is not for everybody."""


class ForbiddenError(Exception):
    """Somebody is signed in who lacks a right."""

    def __init__(self, right: Right) -> None:
        super().__init__(right.value)
        self.right = right


def person(request: Request) -> Person:
    """Who asks. Raises NotSignedInError."""
    found: Person | None = getattr(request.state, "person", None)
    if found is None:
        raise NotSignedInError
    return found


def needs(right: Right) -> Any:
    """For a route's dependencies, or for a parameter that is the Person: `who: Annotated[Person, needs(Right.SEE_ALERTS)]`.

    Raises NotSignedInError, ForbiddenError. A route without this, `signed_in` or `open_to_all` keeps the
    application from starting.
    """
    return Depends(_requirement(right))


def _requirement(right: Right) -> Callable[[Request], Person]:
    def require(request: Request) -> Person:
        found = person(request)
        if not found.may(right):
            raise ForbiddenError(right)
        return found

    require.right = right  # type: ignore[attr-defined]
    return require


def for_everybody() -> None:
    """For routes that need nobody to be signed in, such as the one to sign in at."""


signed_in = Depends(person)
open_to_all = Depends(for_everybody)
