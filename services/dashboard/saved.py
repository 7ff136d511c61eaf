"""Views of the list of alerts that people have named, each person's own: what is filtered, and in which order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import sqlalchemy as sa

from services.cases.database import Database
from services.cases.tables import SAVED_VIEWS
from services.dashboard.triage import Query
from shared.errors import AdrwatchError
from shared.text.plain import plain

_LONGEST_NAME, _LONGEST_WORDS, _MOST = 60, 1000, 30


@dataclass(frozen=True)
class SavedView:
    """`words`: the part of the list's address behind the question mark."""

    name: str
    words: str


class SavedViews:
    """Those of one person."""

    def __init__(self, database: Database, person: str) -> None:
        self._database = database
        self._person = person

    def all(self) -> list[SavedView]:
        """By name."""
        query = sa.select(SAVED_VIEWS.c.name, SAVED_VIEWS.c.words).where(SAVED_VIEWS.c.person == self._person)
        with self._database.reading() as connection:
            found = [SavedView(row.name, row.words) for row in connection.execute(query)]
        return sorted(found, key=lambda one: (one.name.casefold(), one.name))

    def keep(self, name: str, words: str) -> SavedView:
        """Give a list, by its address, a name, in the place of what had it. Raises AdrwatchError for what cannot be kept."""
        name = plain(name.strip(), "the name of the view")
        if not 1 <= len(name) <= _LONGEST_NAME:
            raise AdrwatchError("a view needs a name", fix=f"say what it shows, in {_LONGEST_NAME} characters at most")
        view = SavedView(name, Query.of(dict(parse_qsl(words))).but())
        if len(view.words) > _LONGEST_WORDS:
            raise AdrwatchError("the words of the view are too long", fix="search for something shorter")
        own = SAVED_VIEWS.c.person == self._person
        with self._database.writing() as connection:
            connection.execute(SAVED_VIEWS.delete().where(own, SAVED_VIEWS.c.name == name))
            if int(connection.scalar(sa.select(sa.func.count()).select_from(SAVED_VIEWS).where(own)) or 0) >= _MOST:
                raise AdrwatchError(f"you have {_MOST} views already", fix="remove one that you do not need")
            at = datetime.now(UTC).isoformat(timespec="seconds")
            row = {"person": self._person, "name": name, "words": view.words, "at": at}
            connection.execute(SAVED_VIEWS.insert().values(**row))
        return view

    def remove(self, name: str) -> None:
        """Forget one; nothing where there is none."""
        with self._database.writing() as connection:
            connection.execute(
                SAVED_VIEWS.delete().where(SAVED_VIEWS.c.person == self._person, SAVED_VIEWS.c.name == name)
            )
