"""Reads listings, each from its newest post down to what was read before.

Reddit's listings have a thousand things at most, the newest first, a hundred on a page. Reading from an anchor upwards (`before`)
finds nothing once the anchor is deleted, so they are read downwards, until a page holds only what the last reading had, or until
what is older than the place. A reading that breaks off goes on with the page that was missing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

from services.ingest.networks.reddit.api import Api, Session
from services.ingest.networks.reddit.things import Page, Thing, Unreadable, read_page

_PAGE = 100
# A listing that goes on for longer is none of Reddit's, and may go on for ever.
_MOST_PAGES = 20
# So many of a listing's newest things are remembered: a page of them ends a reading.
_MOST_REMEMBERED = 3 * _PAGE


@dataclass
class Listing:
    """A listing: its path and parameters, and what errors call it (`r/…` for one of a subreddit).

    `full`: one that ends after so many pages has more than Reddit shows. `began`: when its first page was there, by Reddit's clock.
    """

    path: str
    name: str
    full: int
    params: dict[str, str] = field(default_factory=dict)
    began: float = 0.0
    _had: OrderedDict[str, None] = field(default_factory=OrderedDict)
    _found: list[Thing | Unreadable] = field(default_factory=list)
    _after: str | None = None
    _above: list[str] = field(default_factory=list)
    _pages: int = 0

    def read(self, api: Api, session: Session, since: float | None) -> Generator[None, None, Reading]:
        """What it has of after a time, oldest first; None: what its first page has. Raises SourceBroken."""
        while True:
            page = yield from self._page(api, session)
            if not page.children and self._above:
                # Below a thing that was taken away meanwhile Reddit shows nothing: on from the one above it.
                self._after = self._above.pop()
                continue
            if self._pages == 0:
                self.began = api.now()
            found = {_key(one) for one in self._found}
            self._found += [one for one in page.children if _key(one) not in found]
            self._above = [one.name for one in page.children if isinstance(one, Thing) and one.name != page.after]
            self._after, self._pages = page.after, self._pages + 1
            oldest = min((one.created_utc for one in self._found if isinstance(one, Thing)), default=self.began)
            reached = since is None or oldest < since or self._knows(page)
            if reached or page.after is None or self._pages == _MOST_PAGES:
                break
        reading = Reading(self._found[::-1], None if reached or self._pages < self.full else oldest)
        for one in reading.things:
            self._had[_key(one)] = None
            self._had.move_to_end(_key(one))
        while len(self._had) > _MOST_REMEMBERED:
            self._had.popitem(last=False)
        self.forget()
        return reading

    def forget(self) -> None:
        """The next reading begins at the top."""
        self._found, self._above, self._after, self._pages = [], [], None, 0

    def _knows(self, page: Page) -> bool:
        return bool(page.children) and all(_key(one) in self._had for one in page.children)

    def _page(self, api: Api, session: Session) -> Generator[None, None, Page]:
        at: dict[str, str | int] = {} if self._after is None else {"after": self._after, "count": len(self._found)}
        answer = yield from session.get(self.path, self.name, {"limit": _PAGE, **self.params, **at})
        try:
            return read_page(answer)
        except ValueError as error:
            raise api.broken(f"sends something else than a listing for {self.name}: {error}") from None


@dataclass(frozen=True)
class Reading:
    """What a listing had, oldest first. `ends`: the time of its oldest thing, where it had no more although there was more."""

    things: list[Thing | Unreadable]
    ends: float | None


class Watch:
    """Listings that are read in turn, and have one place: up to when all of them were read.

    `every`: seconds from one round to the next; `due`: when the next one is, by the monotonic clock.
    """

    def __init__(self, key: str, every: float, listings: Sequence[Listing] = ()) -> None:
        self.key = key
        self.every = every
        self.due = 0.0
        self.listings = list(listings)
        self._next = 0

    @property
    def between_rounds(self) -> bool:
        """Whether a round is over, and nothing of the next is read."""
        return self._next == 0

    @property
    def began(self) -> float:
        """When the last round began, by Reddit's clock: what was written before is read."""
        return self.listings[0].began

    def read(self, api: Api, session: Session, since: float | None) -> Generator[None, None, Reading]:
        """What the next listing of the round has of after a time. Raises SourceBroken, and goes on there the next time."""
        reading = yield from self.listings[self._next].read(api, session, since)
        self._next = (self._next + 1) % len(self.listings)
        return reading

    def give_up(self) -> None:
        """Leave the rest of the round."""
        for listing in self.listings[self._next : self._next + 1]:
            listing.forget()
        self._next = 0


def _key(one: Thing | Unreadable) -> str:
    return one.name if isinstance(one, Thing) else one.key
