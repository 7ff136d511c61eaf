"""An alert becomes a signal under review, or a case, when somebody does something with it. What is done goes through the books."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from services.cases.announce import announce
from services.cases.book import Book
from services.cases.casebook import Casebook
from services.cases.lookup import hold_new_against_others
from services.cases.reviews import Reviews
from services.dashboard.access.rights import Person
from services.dashboard.desk import Desk
from services.dashboard.undo import Changed
from shared.cases.model import Dossier, State, moved
from shared.errors import DependencyAway
from shared.events import Alert
from shared.logs import logger

log = logger("dashboard")


class Hand:
    """One person at work on alerts. Its methods raise DependencyAway, and AdrwatchError for what may not be."""

    def __init__(self, desk: Desk, who: Person) -> None:
        self._desk = desk
        self._reviews = desk.book(Reviews, who)
        self._cases = desk.book(Casebook, who)

    def take_up(self, alert: Alert, reason: str) -> tuple[Book[Any], str]:
        """Begin a review of a signal, or open a case from a single report, where there is none; its book and its id there."""
        if alert.kind == "disproportionality":
            self._reviews.take_up(alert)
            return self._reviews, alert.id
        known = self._desk.dossiers.by_alert(self._desk.database, self._desk.trail).get(alert.id)
        if known is not None:
            return self._cases, known.id
        single = self._desk.rules.single_report
        serious, situations = (
            tuple(name for name in alert.rules if name in part.criteria) for part in (single.serious, single.situations)
        )
        return self._cases, self._cases.open(alert, serious, situations, reason).id

    def assign(self, alert: Alert, assignee: str | None, reason: str, then: State | None = None) -> Changed:
        """Say who assesses it; None for nobody. `then`: the state to follow; where that may not be, nobody is assigned."""

        def assigned(found: Any) -> Any:
            if then is not None:
                moved(found, then)
            return msgspec.structs.replace(found, assignee=assignee)

        return self._change(alert, "assign", reason, assigned)

    def move(self, alert: Alert, state: State, reason: str) -> Changed:
        """Bring it to another state."""
        return self._change(alert, "state", reason, lambda found: moved(found, state))

    def comment(self, alert: Alert, text: str) -> None:
        """Add a comment."""
        book, dossier = self.take_up(alert, "comment")
        book.comment(dossier, text)

    def undo(self, changed: Changed, reason: str) -> None:
        """Take back a change."""
        books: dict[str, Book[Any]] = {Reviews.kind.noun: self._reviews, Casebook.kind.noun: self._cases}
        books[changed[0].noun].undo(*changed, reason)

    def tell(self) -> None:
        """After signals were closed or cases opened: alerting hears of it, and cases are held against others.

        Where Kafka is away the worker of cases does both later.
        """
        try:
            announce(self._desk.settings, self._reviews.automatic())
            hold_new_against_others(self._desk.settings, self._cases.automatic())
        except DependencyAway as error:
            log.warning("the worker of cases will tell of it", error=error.message)

    def _change(self, alert: Alert, action: str, reason: str, how: Callable[[Any], Any]) -> Changed:
        book, dossier = self.take_up(alert, reason)
        seen: list[Dossier] = []

        def changed(found: Dossier) -> Any:
            seen.append(found)
            return how(found)

        after: Dossier = book.change(dossier, action, reason, changed)
        return seen[-1], after
