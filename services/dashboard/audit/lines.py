"""Rows of the trail as people read them: what was done in plain words, to what, and what changed by it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec

from services.cases.audit import Entry
from services.cases.casebook import Casebook
from services.cases.reviews import Reviews
from services.dashboard.access.rights import Person, Right
from services.dashboard.desk import Desk
from shared.cases.model import Case
from shared.cases.review import Review

# What an action is in plain words; one that is not here is said as it stands in the trail.
WORDS = {
    "open": "opened", "read": "looked at", "assign": "assigned", "state": "moved to another state", "assess": "assessed",
    "comment": "commented", "undo": "undid a change", "evidence": "took in new evidence", "link": "linked as one patient",
    "unlink": "unlinked", "flag": "flagged as a possible duplicate", "unflag": "flag taken off",
    "forget": "deleted post taken out", "forgotten": "post forgotten by a store",
    "label": "labelled", "unlabel": "label taken back", "export": "exported", "look": "looked into",
    "replay": "began to send back", "replayed": "sent back", "replay failed": "could not send back",
    "sign-in": "signed in", "sign-out": "signed out", "sign-in refused": "sign-in refused",
    "add person": "person added", "set roles": "roles set", "set password": "password set", "deactivate": "person let go",
    "reactivate": "person let back in", "end sessions": "sessions ended", "make token": "token made",
    "revoke token": "token revoked",
}  # fmt: skip
_OF_ROLES = ("add person", "set roles")
_ROLES = re.compile(r"roles: (?P<after>[^,]*)(?:, before: (?P<before>[^,]*))?")


@dataclass(frozen=True)
class Item:
    """What a row is about. `label` is empty where there is no more to say than `subject` does, `page` where it has none."""

    subject: str
    label: str = ""
    page: str = ""

    @property
    def noun(self) -> str:
        """What it is."""
        return self.subject.partition(":")[0].replace("-", " ")

    @property
    def name(self) -> str:
        """Which one."""
        return self.subject.partition(":")[2]


@dataclass(frozen=True)
class Line:
    """A row. `facts` is what its reason says where that is no sentence, `before` and `after` what was changed, if that is known.

    `doubted`: its code does not fit what it says and the row before it.
    """

    row: Entry
    did: str
    item: Item
    facts: Mapping[str, str]
    before: str
    after: str
    doubted: bool

    @property
    def changed(self) -> bool:
        """Whether something is another after it than before."""
        return self.before != self.after


def lines(desk: Desk, who: Person, rows: Iterable[Entry], doubted: set[int]) -> list[Line]:
    """Rows as a person may see them: of what a case is about and where its page is, those learn who may see it."""
    found = list(rows)
    items = _items(desk, who, {row.subject for row in found})
    return [_line(row, items[row.subject], row.seq in doubted) for row in found]


def _line(row: Entry, item: Item, doubted: bool) -> Line:
    before, after = row.before, row.after
    if row.action in _OF_ROLES and (roles := _ROLES.fullmatch(row.reason)):
        before, after = roles["before"] or "", roles["after"]
    return Line(row, WORDS.get(row.action, row.action), item, _facts(row.reason), before, after, doubted)


def _facts(reason: str) -> dict[str, str]:
    """What a reason says that is a JSON object."""
    try:
        found = msgspec.json.decode(reason, type=dict[str, Any]) if reason.startswith("{") else {}
    except msgspec.DecodeError:
        return {}
    return {name.replace("_", " "): str(value) for name, value in found.items() if value is not None}


def _items(desk: Desk, who: Person, subjects: Iterable[str]) -> dict[str, Item]:
    found = {subject: _item(desk, who, subject) for subject in subjects}
    dossiers: list[Case | Review] = []
    if who.may(Right.SEE_CASES):
        dossiers += desk.book(Casebook, who).some(_named(subjects, Case.noun))
    if who.may(Right.SEE_ALERTS):
        dossiers += desk.book(Reviews, who).some(_named(subjects, Review.noun))
    for one in dossiers:
        alert = one.alert if isinstance(one, Case) else one.id
        subject = f"{one.noun}:{one.id}"
        found[subject] = Item(
            subject, f"{one.drug.label} – {one.reaction.label}", "" if alert is None else f"/alerts/{alert}"
        )
    return found


def _named(subjects: Iterable[str], noun: str) -> list[str]:
    return [one.removeprefix(f"{noun}:") for one in subjects if one.startswith(f"{noun}:")]


def _item(desk: Desk, who: Person, subject: str) -> Item:
    noun, _, name = subject.partition(":")
    if noun == "alert" and who.may(Right.SEE_ALERTS) and (alert := desk.view.alerts.get(name)) is not None:
        return Item(subject, f"{alert.drug.label} – {alert.reaction.label}", f"/alerts/{name}")
    if noun == "person" and who.may(Right.MANAGE_PEOPLE):
        return Item(subject, page="/people")
    if noun == "dead-letter" and who.may(Right.SEE_OPERATIONS) and _waits(desk, name):
        return Item(subject, page=f"/operations/dead-letters/one?{urlencode({'id': name})}")
    return Item(subject)


def _waits(desk: Desk, letter: str) -> bool:
    return any(line.id == letter for line in desk.operations.lines or ())
