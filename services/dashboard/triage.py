"""The list of alerts as people sort, filter and page it. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from services.dashboard.view.serious import NONE, Tally
from shared.cases.clocks import deadlines
from shared.cases.model import TRANSITIONS, Case, State, suggested
from shared.cases.review import Review
from shared.errors import AdrwatchError
from shared.events import Alert

PAGE = 50
LANES = ("urgent", "special", "signal")
NOBODY, ME = "nobody", "me"
# What may be wanted of seriousness, and the words of lines that are: what a person confirmed, and what else the posts suggest.
SERIOUS = {"any": ("yes", "suggested"), "confirmed": ("yes",)}
# The larger is the more urgent.
_SERIOUS_RANK = {"yes": 3, "suggested": 2, "not assessed": 1, "no": 0}
_OPEN = "open"


@dataclass(frozen=True)
class Line:
    """One alert with what people have made of it. `since`: when it was first known; `listed`: by the reference safety
    information of the settings; `posts`: those of a signal that are serious."""

    alert: Alert
    since: datetime | None
    dossier: Case | Review | None
    listed: str | None
    posts: Tally = NONE
    _keys: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def key(self, sort: str) -> Any:
        """What it is sorted by, found once: lines stay from one request to the next. None where it has none."""
        if sort not in self._keys:
            found = SORTS[sort](self)
            # NaN is no place in an order.
            self._keys[sort] = found if found == found else None
        return self._keys[sort]

    @property
    def state(self) -> State:
        """The state of its case or review; new while nobody looked."""
        return self.dossier.state if self.dossier else "new"

    @property
    def assignee(self) -> str | None:
        """Who assesses it."""
        return self.dossier.assignee if self.dossier else None

    @property
    def due(self) -> date | None:
        """The first day on which its case is due somewhere; None where no clock runs."""
        found = deadlines(self.dossier) if isinstance(self.dossier, Case) and self.dossier.state != "closed" else []
        return found[0].due if found else None

    @property
    def reports(self) -> int:
        """Reports of the pair; a single report is one."""
        return self.alert.table.a if self.alert.table else 1

    @property
    def serious(self) -> str:
        """What a person said of seriousness (`yes`, `no`, `not assessed`), else `suggested` where posts tell of it; or nothing."""
        if isinstance(self.dossier, Case):
            return self.dossier.serious_word
        return "suggested" if self.alert.lane == "urgent" or self.posts.posts else ""

    @property
    def criteria(self) -> tuple[str, ...]:
        """The criteria of seriousness (ICH E2A) by which it is: those that a person confirmed, else those that posts suggest."""
        if isinstance(self.dossier, Case):
            wanted = "confirmed" if self.dossier.serious else "suggested"
            return tuple(name for name, word in self.dossier.seriousness.items() if word == wanted)
        return tuple(suggested(self.alert.rules) if self.alert.kind == "single_report" else self.posts.criteria)

    def value(self, measure: str) -> float | None:
        """A measure of the alert; None where it has none."""
        return found.value if (found := self.alert.measures.get(measure)) else None

    def lower(self, measure: str) -> float | None:
        """The lower end of a measure's interval."""
        return found.lower if (found := self.alert.measures.get(measure)) else None


@dataclass(frozen=True)
class Query:
    """What is wanted of the list. An empty word wants all."""

    q: str = ""
    lane: str = ""
    state: str = ""
    assignee: str = ""
    serious: str = ""
    reports: int = 0
    sort: str = "since"
    order: str = "desc"
    page: int = 1

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Query:
        """From the parameters of an address; others are let be. Raises AdrwatchError for a word that is none."""
        values: dict[str, Any] = {}
        for one in fields(cls):
            word = given.get(one.name, "").strip()
            if not word:
                continue
            if one.type == "int":
                if not word.isascii() or not word.isdigit() or len(word) > 9:
                    raise AdrwatchError(f"{one.name} cannot be {word!r}", fix="give a whole number")
                values[one.name] = int(word)
            else:
                values[one.name] = word
        found = cls(**values)
        for name, words in (
            ("lane", LANES), ("serious", tuple(SERIOUS)), ("state", (_OPEN, *TRANSITIONS)),
            ("sort", tuple(SORTS)), ("order", ("asc", "desc")),
        ):  # fmt: skip
            word = getattr(found, name)
            if word and word not in words:
                raise AdrwatchError(f"{name} cannot be {word!r}", fix=f"give one of {', '.join(words)}")
        return found

    def but(self, **changed: Any) -> str:
        """The same with some other values, as the part of an address behind the question mark. Another order begins at page 1."""
        new = replace(self, **({"page": 1} | changed))
        standing = Query()
        return urlencode(
            {
                one.name: value
                for one in fields(self)
                if (value := getattr(new, one.name)) != getattr(standing, one.name)
            }
        )

    def sorted_by(self, name: str) -> str:
        """The address of the list sorted by a column: the other way round where it is sorted by it already."""
        return self.but(sort=name, order="asc" if self.sort == name and self.order == "desc" else "desc")

    @property
    def narrows(self) -> bool:
        """Whether it wants some only."""
        return replace(self, sort=Query.sort, order=Query.order, page=Query.page) != Query()

    def wants(self, line: Line, me: str) -> bool:
        """Whether a line is among those that are wanted."""
        alert, said = line.alert, self.q.casefold()
        return (
            (
                not said
                or said in alert.drug.label.casefold()
                or said in alert.reaction.label.casefold()
                or said == alert.id
            )
            and self.lane in ("", alert.lane)
            and (self.state in ("", line.state) or (self.state == _OPEN and line.state != "closed"))
            and (not self.assignee or line.assignee == {ME: me, NOBODY: None}.get(self.assignee, self.assignee))
            and (not self.serious or line.serious in SERIOUS[self.serious])
            and line.reports >= self.reports
        )


def began(alert: Alert, *, exact: bool) -> datetime:
    """When its episode began; of a single report, whose episode is its post's time, only the hour where that may not be exact."""
    if exact or alert.kind != "single_report":
        return alert.episode
    return alert.episode.replace(minute=0, second=0, microsecond=0)


# By what the list is sorted; the larger is the more urgent.
SORTS: dict[str, Callable[[Line], Any]] = {
    "drug": lambda line: (line.alert.drug.label.casefold(), line.alert.reaction.label.casefold()),
    "reaction": lambda line: (line.alert.reaction.label.casefold(), line.alert.drug.label.casefold()),
    "reports": lambda line: line.reports,
    "expected": lambda line: line.value("expected"),
    "ebgm": lambda line: line.lower("ebgm"),
    "ic": lambda line: line.lower("ic"),
    "prr": lambda line: line.value("prr"),
    "lane": lambda line: -LANES.index(line.alert.lane),
    "serious": lambda line: (_SERIOUS_RANK[line.serious], line.posts.posts) if line.serious else None,
    "listed": lambda line: line.listed or "",
    "state": lambda line: -list(TRANSITIONS).index(line.state),
    "due": lambda line: -line.due.toordinal() if line.due else None,
    "since": lambda line: line.since.timestamp() if line.since else None,
}


class Ordered:
    """Lines in each order that was asked for so far; those that are alike in it by the ids of their alerts. Any thread may ask."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = sorted(lines, key=_id)
        self._orders: dict[tuple[str, str], list[Line]] = {}

    def __len__(self) -> int:
        return len(self._lines)

    def by(self, sort: str, order: str) -> list[Line]:
        """All of them; those without the value stand last in both orders. The list is shared: leave it as it is."""
        found = self._orders.get((sort, order))
        if found is None:
            known = [line for line in self._lines if line.key(sort) is not None]
            known.sort(key=lambda line: line.key(sort), reverse=order == "desc")
            found = known + [line for line in self._lines if line.key(sort) is None]
            self._orders[sort, order] = found
        return found

    def but(self, gone: Collection[str], lines: Collection[Line]) -> Ordered:
        """The same without the alerts `gone`, and with other lines: each takes the place of its alert's, or is new."""
        away = {*gone, *(line.alert.id for line in lines)}
        old = {id(line) for line in self._lines if line.alert.id in away}
        new = Ordered(())
        new._lines = sorted([*(line for line in self._lines if id(line) not in old), *lines], key=_id)
        for (sort, order), found in tuple(self._orders.items()):
            kept = [line for line in found if id(line) not in old]
            for line in lines:
                _put(line, kept, sort, order)
            new._orders[sort, order] = kept
        return new


def _put(line: Line, lines: list[Line], sort: str, order: str) -> None:
    """Put a line where it belongs in an order."""
    key, low, high = line.key(sort), 0, len(lines)
    while low < high:
        middle = (low + high) // 2
        other = lines[middle].key(sort)
        if key == other:
            first = line.alert.id < lines[middle].alert.id
        elif key is None or other is None:
            first = other is None
        else:
            first = key > other if order == "desc" else key < other
        low, high = (low, middle) if first else (middle + 1, high)
    lines.insert(low, line)


def _id(line: Line) -> str:
    return line.alert.id


def chosen(lines: Ordered, query: Query, me: str) -> list[Line]:
    """The lines that are wanted, in the order that is wanted."""
    ordered = lines.by(query.sort, query.order)
    return [line for line in ordered if query.wants(line, me)] if query.narrows else ordered


def paged(lines: Sequence[Line], query: Query) -> tuple[Sequence[Line], int]:
    """The lines of the page that is wanted, and how many pages there are, one at the least."""
    pages = max(1, math.ceil(len(lines) / PAGE))
    at = min(max(1, query.page), pages)
    return lines[(at - 1) * PAGE : at * PAGE], pages
