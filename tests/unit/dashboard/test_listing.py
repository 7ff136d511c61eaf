"""The list that is kept between requests: only lines that have changed are made, and nothing else is left as it was."""

from __future__ import annotations

from typing import Any

import msgspec

from services.dashboard.access.rights import Person, Role, rights_of
from services.dashboard.listing import Listing
from services.dashboard.triage import Line
from services.dashboard.view.serious import NONE, Tally
from tests.unit.dashboard.test_triage import line, review_with

WHO = Person("p", frozenset({Role.assessor}), rights_of([Role.assessor]), "session")


class Serious:
    """Stands for the counts of the file of mentions."""

    def __init__(self) -> None:
        self.version = 0
        self.tallies: dict[str, Tally] = {}
        self.asked: list[str] = []

    def of(self, alerts: Any) -> dict[str, Tally]:
        self.asked = [one.id for one in alerts]
        return {name: self.tallies.get(name, NONE) for name in self.asked}


def test_only_what_changed_is_made_and_asked_for() -> None:
    made: list[str] = []

    def make(alert: Any, dossier: Any, posts: Tally) -> Line:
        made.append(alert.id)
        return Line(alert, None, dossier, None, posts)

    def shown() -> dict[str, Line]:
        made.clear()
        serious.asked = []
        return {one.alert.id: one for one in listing.seen_by(WHO, alerts, dossiers).by("drug", "asc")}

    serious = Serious()
    listing = Listing(make, serious)  # type: ignore[arg-type]
    alerts, dossiers = [line(name).alert for name in "abc"], dict[str, Any]()
    assert list(shown()) == sorted(made) == ["a", "b", "c"]
    assert list(shown()) == ["a", "b", "c"]
    assert made == []

    alerts = [alerts[0], msgspec.structs.replace(alerts[1], authors=9), line("d").alert]
    found = shown()
    assert list(found) == ["a", "b", "d"]
    assert found["b"].alert.authors == 9
    assert sorted(made) == sorted(serious.asked) == ["b", "d"]

    dossiers = {"a": review_with("a", "me")}
    assert shown()["a"].assignee == "me"
    assert made == ["a"]

    serious.version, serious.tallies = 1, {"d": Tally(3)}
    assert shown()["d"].posts == Tally(3)
    assert made == ["d"]
