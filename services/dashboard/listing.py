"""The lines of the list of alerts, kept between requests: only what has changed is made and sorted anew."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from services.dashboard.access.rights import Person, Right
from services.dashboard.dossiers import Dossier
from services.dashboard.triage import Line, Ordered
from services.dashboard.view.serious import NONE, SeriousPosts, Tally
from shared.cases.model import Case
from shared.events import Alert


class Listing:
    """Lines of all alerts, with cases and without. Any thread may ask."""

    def __init__(self, make: Callable[[Alert, Dossier | None, Tally], Line], serious: SeriousPosts) -> None:
        self._make = make
        self._serious = serious
        self._lock = threading.Lock()
        self._made_of: tuple[object, object, int] = (None, None, -1)
        self._lines: dict[str, Line] = {}
        self._seen: dict[bool, Ordered] = {}

    def seen_by(self, who: Person, alerts: Sequence[Alert], dossiers: Mapping[str, Dossier]) -> Ordered:
        """The lines as a person may see them. Both are shared objects that never change: what is new comes in new ones."""
        sees_cases = who.may(Right.SEE_CASES)
        with self._lock:
            # Before it is asked: what it learns meanwhile comes at the next time.
            serious = self._serious.version
            if self._made_of[0] is not alerts or self._made_of[1] is not dossiers or self._made_of[2] != serious:
                posts = self._serious.of(alerts)
                self._lines = {one.id: self._line(one, dossiers.get(one.id), posts.get(one.id, NONE)) for one in alerts}
                self._made_of, self._seen = (alerts, dossiers, serious), {}
            if sees_cases not in self._seen:
                self._seen[sees_cases] = Ordered(seen_by(who, self._lines.values()))
            return self._seen[sees_cases]

    def _line(self, alert: Alert, dossier: Dossier | None, posts: Tally) -> Line:
        known = self._lines.get(alert.id)
        if known is not None and known.alert is alert and known.dossier is dossier and known.posts == posts:
            return known
        return self._make(alert, dossier, posts)


def seen_by(who: Person, lines: Iterable[Line]) -> list[Line]:
    """Lines as a person may see them: whoever may see no case gets those of single reports as if there were none."""
    if who.may(Right.SEE_CASES):
        return list(lines)
    return [replace(line, dossier=None) if isinstance(line.dossier, Case) else line for line in lines]
