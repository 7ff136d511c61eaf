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

# Where more has changed, orders are made anew.
_MANY = 100


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
                self._take_in(alerts, dossiers, everywhere=self._made_of[2] != serious)
                self._made_of = (alerts, dossiers, serious)
            if sees_cases not in self._seen:
                self._seen[sees_cases] = Ordered(seen_by(self._lines.values(), sees_cases=sees_cases))
            return self._seen[sees_cases]

    def _take_in(self, alerts: Sequence[Alert], dossiers: Mapping[str, Dossier], *, everywhere: bool) -> None:
        """Make the lines that are new or others than before. `everywhere`: any signal may have got other posts."""
        lines = self._lines
        changed = [
            one
            for one in alerts
            if (known := lines.get(one.id)) is None
            or known.alert is not one
            or known.dossier is not dossiers.get(one.id)
        ]
        posts = self._serious.of(alerts if everywhere else changed)
        if everywhere:
            there = {one.id for one in changed}
            changed += [one for one in alerts if one.id not in there and lines[one.id].posts != posts.get(one.id, NONE)]
        made = {one.id: self._make(one, dossiers.get(one.id), posts.get(one.id, NONE)) for one in changed}
        gone = lines.keys() - {one.id for one in alerts}
        self._lines = {name: line for name, line in (lines | made).items() if name not in gone}
        self._seen = (
            {
                sees_cases: ordered.but(gone, seen_by(made.values(), sees_cases=sees_cases))
                for sees_cases, ordered in self._seen.items()
            }
            if len(made) + len(gone) <= _MANY
            else {}
        )


def seen_by(lines: Iterable[Line], *, sees_cases: bool) -> list[Line]:
    """Lines as people may see them: whoever may see no case gets those of single reports as if there were none."""
    if sees_cases:
        return list(lines)
    return [replace(line, dossier=None) if isinstance(line.dossier, Case) else line for line in lines]
