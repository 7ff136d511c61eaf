"""What routes work with: what is read, and the books of cases and signals as the person who asks keeps them."""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass, field
from typing import Annotated, TypeVar

from fastapi import Depends, Request

from services.cases.audit import Trail
from services.cases.book import Book
from services.cases.database import Database
from services.cases.reference_safety import ReferenceSafety
from services.dashboard.access.rights import Person
from services.dashboard.audit.proof import Verifier
from services.dashboard.beside import Background
from services.dashboard.dossiers import Dossier, Dossiers
from services.dashboard.labels.queue import Queue
from services.dashboard.listing import Listing
from services.dashboard.operations.operations import Operations
from services.dashboard.triage import Line
from services.dashboard.undo import Deeds
from services.dashboard.view.serious import Tally
from services.dashboard.view.view import View
from shared.cases.model import Dossier as AnyDossier
from shared.errors import DependencyAway
from shared.events import Alert
from shared.settings import Settings
from shared.signals.rules import Rules

D = TypeVar("D", bound=AnyDossier)
B = TypeVar("B", bound="Book")  # type: ignore[type-arg]


@dataclass
class Desk:
    """One for the application. The database is opened when it is first needed: it may be away when the dashboard starts."""

    settings: Settings
    rules: Rules
    view: View
    trail: Trail
    safety: ReferenceSafety | None
    dossiers: Dossiers = field(default_factory=Dossiers)
    deeds: Deeds = field(default_factory=Deeds)
    _database: Database | None = None
    _opening: threading.Lock = field(default_factory=threading.Lock)
    operations: Operations = field(init=False)
    listing: Listing = field(init=False)
    proof: Verifier = field(init=False)
    review: Queue = field(init=False)

    def __post_init__(self) -> None:
        self.review = Queue(self.settings)
        self.listing = Listing(self.line, self.view.serious)
        self.proof = Verifier(lambda: self.trail.verify(self.database))
        self.operations = Operations(
            self.settings, self.rules, self.trail, lambda: self.database, lambda: self.view.health()
        )

    @property
    def database(self) -> Database:
        """The database of cases. Raises DependencyAway, or AdrwatchError for one of another version."""
        with self._opening:
            if self._database is None:
                self._database = Database.opened(self.settings)
            return self._database

    @functools.cached_property
    def background(self) -> Background:
        """The reports of reporting systems, to show beside the posts."""
        return Background(self.settings, self.rules)

    def book(self, kind: type[B], who: Person) -> B:
        """The cases, or the signals under review, for who acts."""
        return kind(self.database, self.trail, who.name)

    def listed(self, alert: Alert) -> str | None:
        """Whether the reference safety information lists the reaction of an alert; None where there is none to ask."""
        return None if self.safety is None else self.safety.suggest(alert.drug, alert.reaction).word

    def line(self, alert: Alert, dossier: Dossier | None, posts: Tally) -> Line:
        """An alert with what people and posts say of it."""
        return Line(alert, self.view.alerts.since(alert.id), dossier, self.listed(alert), posts)

    def needs_kafka(self) -> None:
        """Raise DependencyAway where Kafka is known to be away: a page that asked it would wait many seconds for the same."""
        trouble = self.view.alerts.trouble
        if isinstance(trouble, DependencyAway):
            raise DependencyAway(trouble.message, fix=trouble.fix)

    def close(self) -> None:
        """End what was begun."""
        self.operations.close()
        self.review.close()
        self.view.close()
        if self._database is not None:
            self._database.close()


def desk_of(request: Request) -> Desk:
    """The application's desk."""
    found: Desk = request.app.state.desk
    return found


TheDesk = Annotated[Desk, Depends(desk_of)]
