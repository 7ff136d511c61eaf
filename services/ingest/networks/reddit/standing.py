"""Asks Reddit which of the published posts still stand, and as what: `/api/info`, a hundred at a time, among the readings.

What is deleted, removed, or in a subreddit that nobody may read any more, does not come or says so. Ids are kept for it encrypted,
and only for some days (decision 5). A question that fails holds up no reading: it is asked again later, and left to the next round
where it fails again and again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator

from services.ingest.networks.reddit.api import Api, Limited, Session
from services.ingest.networks.reddit.things import Thing, Unreadable, read_page
from services.ingest.networks.seal import Seal
from services.ingest.source import SourceBroken
from shared.events import Published
from shared.logs import logger

log = logger("sources")

_AT_ONCE = 100
_TROUBLE_SECONDS = 60.0
_MOST_FAILURES = 5


class Standing:
    """One source's questions, a round every `hours` (0: none). `published` gives what is to be asked for."""

    def __init__(
        self, api: Api, hours: float, published: Callable[[], list[Published]], seal: Seal, source: str
    ) -> None:
        self._api = api
        self._seconds = hours * 3600.0
        self._published = published
        self._seal = seal
        self._source = source
        self._left: list[list[str]] = []
        self._again = 0.0
        self._failures = 0
        self.began = 0.0

    def due(self, asked: float) -> bool:
        """Whether there is something to ask, where the last round began at `asked`, by Reddit's clock."""
        if not self._left and self._seconds and self._api.now() - asked >= self._seconds:
            self.began = self._api.now()
            names = self._open(self._published())
            self._left = [names[at : at + _AT_ONCE] for at in range(0, len(names), _AT_ONCE)] or [[]]
        return bool(self._left) and time.monotonic() >= self._again

    def ask(self, session: Session) -> Generator[None, None, tuple[dict[str, Thing | None], bool]]:
        """The next things by their names, None for one that Reddit does not have; and whether the round is over.

        What stands and cannot be read is left out. Raises SourceBroken where Reddit wants to be left alone; they are asked for
        again then.
        """
        try:
            found = yield from self._answers(session, self._left[0])
        except Limited:
            raise
        except SourceBroken as trouble:
            self._note(trouble)
            return {}, not self._left
        del self._left[0]
        self._failures = 0
        return found, not self._left

    def _answers(self, session: Session, names: list[str]) -> Generator[None, None, dict[str, Thing | None]]:
        found = yield from self._info(session, names)
        # A post is taken back for good: what is missing once may be a slip of one of Reddit's servers.
        found |= yield from self._info(session, [one for one in names if one not in found])
        unreadable = [key for key, one in found.items() if isinstance(one, Unreadable)]
        if unreadable:
            log.warning("posts that stand cannot be read", source=self._source, count=len(unreadable))
        # One without a name may be any of those that are missing.
        nameless = any(key not in names for key in unreadable)
        answers: dict[str, Thing | None] = {}
        for name in names:
            one = found.get(name)
            if isinstance(one, Thing) or (one is None and not nameless):
                answers[name] = one
        return answers

    def _info(self, session: Session, names: list[str]) -> Generator[None, None, dict[str, Thing | Unreadable]]:
        if not names:
            return {}
        answer = yield from session.get("/api/info", "posts by their ids", {"id": ",".join(names)})
        try:
            children = read_page(answer).children
        except ValueError as error:
            raise self._api.broken(f"sends something else than posts by their ids: {error}") from None
        return {one.name if isinstance(one, Thing) else one.key: one for one in children}

    def _note(self, trouble: SourceBroken) -> None:
        """Leave the question for a while, or to the next round where it fails again and again."""
        log.warning(
            "it could not be asked which posts still stand, trying again",
            source=self._source,
            host=self._api.host,
            error=trouble.message,
        )
        wait = trouble.wait_seconds
        self._again = time.monotonic() + (_TROUBLE_SECONDS if wait is None else wait)
        self._failures += wait is None
        if self._failures == _MOST_FAILURES:
            self._failures = 0
            del self._left[0]

    def _open(self, notes: list[Published]) -> list[str]:
        opened = [self._seal.open(one.sealed or "") for one in notes]
        names = [one for one in opened if one is not None]
        if len(names) < len(notes):
            log.warning(
                "ids of an author secret that is not there: Reddit cannot be asked for them",
                source=self._source,
                count=len(notes) - len(names),
            )
        return names
