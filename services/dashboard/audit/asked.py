"""Which rows an address asks for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from services.cases.audit import HIGHEST
from services.cases.audit_rows import Wanted
from services.dashboard.spans import day
from shared.errors import AdrwatchError
from shared.text.plain import plain

_LONGEST = 200
_WORDS = ("actor", "action", "subject")


@dataclass(frozen=True)
class Asked:
    """The filters, and the number of the row before or after which a page lies. Days are those of UTC; `last` is within."""

    actor: str = ""
    action: str = ""
    subject: str = ""
    first: date | None = None
    last: date | None = None
    before: int | None = None
    after: int | None = None

    @classmethod
    def of(cls, given: Mapping[str, str]) -> Asked:
        """From the parameters of an address. Raises AdrwatchError for what cannot be asked for."""
        words = {name: _word(given, name) for name in _WORDS}
        return cls(
            **words, first=day(given, "from"), last=day(given, "to"), before=_number(given, "before"),
            after=_number(given, "after"),
        )  # fmt: skip

    @property
    def wanted(self) -> Wanted:
        """For the database."""
        until = None if self.last is None else _begin(self.last) + timedelta(days=1)
        return Wanted(self.actor, self.action, self.subject, None if self.first is None else _begin(self.first), until)

    @property
    def narrows(self) -> bool:
        """Whether any row is left out."""
        return self.wanted != Wanted()

    @property
    def words(self) -> str:
        """The filters as an address has them."""
        return self.but()

    def but(self, **changes: int | str) -> str:
        """The filters as an address has them, with some others instead; an empty one is left away."""
        found = {
            "actor": self.actor, "action": self.action, "subject": self.subject, "from": self.first or "",
            "to": self.last or "",
        }  # fmt: skip
        return urlencode({name: value for name, value in (found | changes).items() if value != ""})


def _word(given: Mapping[str, str], name: str) -> str:
    word = plain(given.get(name, "").strip(), name)
    if len(word) > _LONGEST:
        raise AdrwatchError(f"{name} is longer than {_LONGEST} characters", fix="look for a shorter one")
    return word


def _number(given: Mapping[str, str], name: str) -> int | None:
    word = given.get(name, "").strip()
    if not word:
        return None
    if not (word.isascii() and word.isdigit() and len(word) < 20 and int(word) <= HIGHEST):
        raise AdrwatchError(f"{name} is no number of a row", fix="go to the newest rows, and on from there")
    return int(word)


def _begin(one: date) -> datetime:
    return datetime.combine(one, time(), UTC)
