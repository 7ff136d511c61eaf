"""What a source of Reddit reads, and when: the listings of its subreddits, and the searches that its medicines come to."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from typing import Any, TypeVar

from services.ingest.networks import queries
from services.ingest.networks.keys import Drugs
from services.ingest.networks.queries import Watched
from services.ingest.networks.reddit.api import Api, Closed, Session
from services.ingest.networks.reddit.configuration import Reddit
from services.ingest.networks.reddit.watch import Listing, Watch
from services.ingest.source import SourceBroken
from shared.logs import logger
from shared.vocabulary.drugs import DrugLexicon

log = logger("sources")

_SEARCH = "search"
_LONGEST_PAUSE = 3600.0
# Pages that a listing and a search have at most, less one, for some things of them may be left out: 1,000 things, and some 250.
_FULL, _FULL_SEARCH = 9, 2
# What apps of the free tier may ask in a minute: support.reddithelp.com, "Reddit Data API Wiki".
_MOST_A_MINUTE = 100
_SUBREDDIT = "t5"
Answer = TypeVar("Answer")


class Watches:
    """The watches of one source. One that is closed is asked again later and later, while the others are read.

    A pass begins behind the watch that was the last to be read: where one fails every time, the others have their turn before it.
    """

    def __init__(self, api: Api, configuration: Reddit, drugs: Drugs, source: str) -> None:
        self._api = api
        self._configuration = configuration
        self._drugs = drugs
        self._source = source
        self._lexicon: DrugLexicon | None = None
        self._pauses: dict[str, float] = {}
        self._first = 0
        kinds = ("new", "comments") if configuration.comments else ("new",)
        self._all = [
            Watch(
                f"r/{name}/{kind}", configuration.interval_seconds, [Listing(f"/r/{name}/{kind}", f"r/{name}", _FULL)]
            )
            for name in configuration.followed
            for kind in kinds
        ]
        if configuration.search:
            self._all.append(Watch(_SEARCH, configuration.search_minutes * 60))

    def due(self) -> Iterator[Watch]:
        """Those whose time has come; each is to be read, or left. Raises SourceBroken where nothing is left to be read."""
        first = self._first
        for number in range(first, first + len(self._all)):
            watch = self._all[number % len(self._all)]
            if time.monotonic() < watch.due:
                continue
            self._first = (number + 1) % len(self._all)
            if watch.key == _SEARCH and watch.between_rounds and not self._renewed(watch):
                continue
            began = time.monotonic()
            yield watch
            # Of one that broke off nobody comes back here: it is still due, as one is in the middle of its round.
            if watch.between_rounds and watch.due <= began:
                watch.due = began + watch.every
                self._pauses.pop(watch.key, None)

    @property
    def up_to_date(self) -> bool:
        """Whether nothing is in the middle of its round."""
        return all(one.between_rounds for one in self._all)

    @property
    def seconds_left(self) -> float:
        """How long nothing is to be read."""
        return max(0.0, min(one.due for one in self._all) - time.monotonic())

    def leave(self, watch: Watch, trouble: Closed) -> None:
        """Leave one that is closed for a while. Raises SourceBroken where no other is open."""
        watch.give_up()
        pause = self._pauses[watch.key] = min(_LONGEST_PAUSE, 2 * self._pauses.get(watch.key, watch.every / 2))
        watch.due = time.monotonic() + pause
        log.warning("a listing is left for a while", source=self._source, listing=watch.key, error=trouble.message)
        if len(self._pauses) == len(self._all):
            first = min(one.due for one in self._all)
            raise SourceBroken(trouble.message, fix=trouble.fix, wait_seconds=max(0.0, first - time.monotonic()))

    def check(self, session: Session) -> str:
        """Ask for each subreddit, and for one search. Raises SourceBroken with all that is wrong."""
        wrong: list[SourceBroken] = []
        followed = self._configuration.followed
        for name in followed:
            try:
                about = answer_of(session.get(f"/r/{name}/about", f"r/{name}", {}))
                if not isinstance(about, dict) or about.get("kind") != _SUBREDDIT:
                    raise Closed(f"there is no r/{name}", fix="mend its name in subreddits, or take it out")
            except Closed as trouble:
                wrong.append(trouble)
        said = [f"{', '.join(f'r/{one}' for one in followed)} can be read"] if followed else []
        searches = 0
        if self._configuration.search:
            watched = self._watched()
            if watched.unknown:
                raise self._api.broken(
                    f"is asked for medicines that the lexicon does not have: {', '.join(watched.unknown)}",
                    "give ids or ingredients of the lexicon in drugs",
                )
            listings = self._searches()
            searches = len(listings)
            try:
                longest = max(listings, key=lambda one: len(one.params["q"]))
                answer_of(longest.read(self._api, session, None))
            except Closed as trouble:
                wrong.append(trouble)
            said.append(f"{searches} searches for {watched.names} names of {watched.medicines} medicines")
        if wrong:
            raise SourceBroken("; ".join(one.message for one in wrong), fix=wrong[0].fix)
        listings_read = sum(one.key != _SEARCH for one in self._all)
        a_minute = (
            listings_read * 60 / self._configuration.interval_seconds + searches / self._configuration.search_minutes
        )
        if a_minute > _MOST_A_MINUTE:
            said.append(
                f"that is {a_minute:.0f} questions a minute, and most apps have {_MOST_A_MINUTE}: it will take longer"
            )
        return "; ".join(said)

    def _renewed(self, search: Watch) -> bool:
        """Whether the searches are those of the lexicon as it is. Where it has nothing to search for, they are left for a while."""
        drugs = self._drugs()
        if drugs is self._lexicon:
            return True
        try:
            search.listings = self._searches()
        except Closed as trouble:
            self.leave(search, trouble)
            return False
        self._lexicon = drugs
        return True

    def _searches(self) -> list[Listing]:
        watched = self._watched()
        host = self._api.host
        if not watched.terms:
            raise Closed(f"{host} has nothing to search for: no medicine of drugs is in the lexicon", fix="mend drugs")
        made, too_long = queries.pack(watched.terms, "", self._configuration.query_length)
        if not made:
            raise Closed(f"{host} has nothing to search for: no name fits into a search", fix="raise query_length")
        for what, names in (
            ("medicines are not in the lexicon", watched.unknown),
            ("no search can find some names", watched.hopeless),
            ("some names do not fit into a search: raise query_length", too_long),
        ):
            if names:
                log.warning(what, source=self._source, count=len(names), first=names[:5])
        usual = {"sort": "new", "type": "link", "t": "all"}
        return [
            Listing("/search", f"search {number} of {len(made)}", _FULL_SEARCH, {"q": query, **usual})
            for number, query in enumerate(made, 1)
        ]

    def _watched(self) -> Watched:
        return queries.watched(self._drugs(), self._configuration.drugs)


def answer_of(waiting: Generator[Any, None, Answer]) -> Answer:
    """What comes in the end, for who has nothing else to do."""
    while True:
        try:
            next(waiting)
        except StopIteration as done:
            answer: Answer = done.value
            return answer
