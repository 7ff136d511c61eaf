"""One alert with what people have made of it, as the page of it and what is done there need both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import HTTPException

from services.cases.book import Book, Comment, stamp
from services.cases.casebook import Casebook
from services.cases.reviews import Reviews
from services.dashboard.access.guard import ForbiddenError
from services.dashboard.access.rights import Person, Right
from services.dashboard.desk import Desk
from services.dashboard.taking_up import Hand
from shared.cases.clocks import Deadline, deadlines
from shared.cases.model import TRANSITIONS, Case, State
from shared.cases.review import Review
from shared.errors import AdrwatchError
from shared.events import Alert, Concept


@dataclass(frozen=True)
class Opened:
    """`alert` is None where it was taken back, `dossier` where nobody did anything with it. `away`: why cases cannot be read."""

    id: str
    alert: Alert | None
    dossier: Case | Review | None
    away: AdrwatchError | None = None

    @property
    def single(self) -> bool:
        """Whether it is a report of one patient, and no signal."""
        return self.alert.kind == "single_report" if self.alert else isinstance(self.dossier, Case)

    @property
    def case(self) -> Case | None:
        """Its case."""
        return self.dossier if isinstance(self.dossier, Case) else None

    @property
    def drug(self) -> Concept:
        """The drug."""
        return self._known.drug

    @property
    def reaction(self) -> Concept:
        """The reaction."""
        return self._known.reaction

    @property
    def state(self) -> State:
        """Where its review stands; new while nobody looked."""
        return self.dossier.state if self.dossier else "new"

    @property
    def steps(self) -> tuple[State, ...]:
        """The states that may follow."""
        return TRANSITIONS[self.state]

    @property
    def stamp(self) -> str:
        """By what a form tells whether the dossier is still what it was made from; empty where there is none."""
        return stamp(self.dossier) if self.dossier else ""

    @property
    def deadlines(self) -> list[Deadline]:
        """When its case is due, by region."""
        return deadlines(self.case) if self.case and self.case.state != "closed" else []

    @property
    def _known(self) -> Alert | Case | Review:
        known = self.alert or self.dossier
        assert known is not None  # noqa: S101 - `found` gives no other
        return known


def found(desk: Desk, alert_id: str, who: Person) -> Opened:
    """The alert as a person may see it now: for whoever may see no case there is none.

    Raises HTTPException 404 where there is no alert and nobody has worked on one of this id.
    """
    alert, dossier, away = desk.view.alerts.get(alert_id), None, None
    try:
        dossier = desk.dossiers.by_alert(desk.database, desk.trail).get(alert_id)
    except AdrwatchError as error:
        away = error
    if isinstance(dossier, Case) and not who.may(Right.SEE_CASES):
        dossier = None
    if alert is None and dossier is None:
        if not desk.view.alerts.caught_up.is_set():
            raise HTTPException(503, "Alerts are still being read", {"Retry-After": "5"})
        if away is not None:
            raise away
        raise HTTPException(404)
    return Opened(alert_id, alert, dossier, away)


def may_work(opened: Opened, who: Person) -> bool:
    """Whether a person may change its dossier."""
    return who.may(Right.WORK_ON_CASES if opened.single else Right.REVIEW_SIGNALS)


def looked_at(desk: Desk, who: Person, opened: Opened, reason: str = "assessment") -> tuple[Opened, list[Comment]]:
    """The same once it stands in the trail that a person looked, as the command line does it; with what others said of it.

    A signal is taken up by that; a case is opened only when somebody wants it.
    """
    if opened.away is not None:
        return opened, []
    if opened.single:
        if opened.case is None or not who.may(Right.SEE_CASES):
            return opened, []
        case, comments = desk.book(Casebook, who).look(opened.case.id, reason)
        return Opened(opened.id, opened.alert, case), comments
    if not who.may(Right.REVIEW_SIGNALS):
        return opened, []
    reviews = desk.book(Reviews, who)
    review, comments = (
        reviews.look(opened.id, reason) if opened.alert is None else reviews.look_at(opened.alert, reason)
    )
    return Opened(opened.id, opened.alert, review), comments


def reads_evidence(desk: Desk, who: Person, opened: Opened) -> None:
    """Note in the trail that somebody reads the posts of an alert, under its signal or case, or itself where a report has no case.

    Raises AdrwatchError and DependencyAway: then no post is to be shown.
    """
    if opened.away is not None:
        # Whether there is a case is not known, so neither is what to note it under.
        raise opened.away
    of_report = f"case:{opened.case.id}" if opened.case else f"alert:{opened.id}"
    subject = of_report if opened.single else f"signal:{opened.id}"
    with desk.trail.recording(desk.database) as recording:
        recording.add(who.name, "read", subject, "evidence")


def at_work(desk: Desk, who: Person, alert_id: str, reason: str) -> tuple[Book[Any], str]:
    """The book of its dossier, and the dossier's id there; begun where there is none, kept where the alert was taken back.

    Raises ForbiddenError, AdrwatchError, DependencyAway; HTTPException 404.
    """
    opened = found(desk, alert_id, who)
    if not may_work(opened, who):
        raise ForbiddenError(Right.WORK_ON_CASES if opened.single else Right.REVIEW_SIGNALS)
    if opened.away is not None:
        raise opened.away
    if opened.alert is not None:
        return Hand(desk, who).take_up(opened.alert, reason)
    assert opened.dossier is not None  # noqa: S101 - `found` gives no other
    return desk.book(Casebook if opened.single else Reviews, who), opened.dossier.id
