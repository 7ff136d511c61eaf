"""The lines of the list of alerts, kept between requests: only what has changed is made and sorted anew."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from services.dashboard.access.rights import Person, Right
from services.dashboard.dossiers import Dossier
from services.dashboard.triage import Line, Ordered
from shared.cases.model import Case
from shared.events import Alert


class Listing:
    """Lines of all alerts, with cases and without. Any thread may ask."""

    def __init__(self, make: Callable[[Alert, Dossier | None], Line]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made_of: tuple[object, object] = (None, None)
        self._lines: dict[str, Line] = {}
        self._seen: dict[bool, Ordered] = {}

    def seen_by(self, who: Person, alerts: Sequence[Alert], dossiers: Mapping[str, Dossier]) -> Ordered:
        """The lines as a person may see them. Both are shared objects that never change: what is new comes in new ones."""
        sees_cases = who.may(Right.SEE_CASES)
        with self._lock:
            if self._made_of[0] is not alerts or self._made_of[1] is not dossiers:
                self._lines = {one.id: self._line(one, dossiers.get(one.id)) for one in alerts}
                self._made_of, self._seen = (alerts, dossiers), {}
            if sees_cases not in self._seen:
                self._seen[sees_cases] = Ordered(seen_by(who, self._lines.values()))
            return self._seen[sees_cases]

    def _line(self, alert: Alert, dossier: Dossier | None) -> Line:
        known = self._lines.get(alert.id)
        if known is not None and known.alert is alert and known.dossier is dossier:
            return known
        return self._make(alert, dossier)


def seen_by(who: Person, lines: Iterable[Line]) -> list[Line]:
    """Lines as a person may see them: whoever may see no case gets those of single reports as if there were none."""
    if who.may(Right.SEE_CASES):
        return list(lines)
    return [replace(line, dossier=None) if isinstance(line.dossier, Case) else line for line in lines]
