"""Asks Reddit which of the published posts still stand, and as what: `/api/info`, a hundred at a time, among the readings.

What is deleted, removed, or in a subreddit that nobody may read any more, does not come or says so. Ids are kept for it encrypted,
and only for some days (decision 5).
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from services.ingest.networks.reddit.api import Api, Session
from services.ingest.networks.reddit.things import Thing, read_page
from services.ingest.networks.seal import Seal
from shared.events import Published
from shared.logs import logger

log = logger("sources")

_AT_ONCE = 100


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
        self.began = 0.0

    def due(self, asked: float) -> bool:
        """Whether there is something to ask, where the last round began at `asked`, by Reddit's clock."""
        if not self._left and self._seconds and self._api.now() - asked >= self._seconds:
            self.began = self._api.now()
            names = self._open(self._published())
            self._left = [names[at : at + _AT_ONCE] for at in range(0, len(names), _AT_ONCE)] or [[]]
        return bool(self._left)

    def ask(self, session: Session) -> Generator[None, None, tuple[dict[str, Thing | None], bool]]:
        """The next things by their names, None for one that Reddit does not have; and whether the round is over.

        Raises SourceBroken; they are asked for again then.
        """
        names = self._left[0]
        found = yield from self._info(session, names)
        # A post is taken back for good: what is missing once may be a slip of one of Reddit's servers.
        found |= yield from self._info(session, [one for one in names if one not in found])
        del self._left[0]
        return {one: found.get(one) for one in names}, not self._left

    def _info(self, session: Session, names: list[str]) -> Generator[None, None, dict[str, Thing]]:
        if not names:
            return {}
        answer = yield from session.get("/api/info", "posts by their ids", {"id": ",".join(names)})
        try:
            return {one.name: one for one in read_page(answer).children if isinstance(one, Thing)}
        except ValueError as error:
            raise self._api.broken(f"sends something else than posts by their ids: {error}") from None

    def _open(self, notes: list[Published]) -> list[str]:
        opened = [self._seal.open(one.sealed or "") for one in notes]
        names = [one for one in opened if one is not None]
        if len(names) < len(notes):
            log.warning(
                "ids of another author secret: Reddit cannot be asked for them",
                source=self._source,
                count=len(notes) - len(names),
            )
        return names
