"""Reddit: new posts and comments of subreddits, and what is found by searches for medicines.

The place holds, for each listing, up to when it was read, by Reddit's clock; it moves when all of it is read. After a start some
time before it is read again, for things show up late. Deletions and edits are found by asking again.
"""

from __future__ import annotations

import functools
import time
from collections import OrderedDict
from collections.abc import Generator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from services.ingest.columns import Columns
from services.ingest.networks.keys import Drugs, Names
from services.ingest.networks.network import Item, Network, Passed, PostGone
from services.ingest.networks.reddit.api import Api, Closed, Session
from services.ingest.networks.reddit.configuration import Reddit
from services.ingest.networks.reddit.place import Place
from services.ingest.networks.reddit.standing import Standing
from services.ingest.networks.reddit.things import Thing, Unreadable
from services.ingest.networks.reddit.watch import Watch
from services.ingest.networks.reddit.watches import Watches
from services.ingest.networks.seal import Seal
from services.ingest.recipe import Recipe
from services.ingest.source import Origin, RawPost, Reject
from services.ingest.veil import veil_object
from shared import metrics
from shared.errors import AdrwatchError
from shared.events import now
from shared.logs import logger

log = logger("sources")

_MOMENT = 0.2
_MOST_SEEN = 200_000
_GONE = -1.0
# Edits are looked for from so long before the last question: a round takes its time.
_OVERLAP_SECONDS = 600.0
# Reddit's own account, which says the same under every post of a subreddit.
_AUTOMATIC = "AutoModerator"
_COLUMNS = Columns("id", "text", "time", "author", None, None)


class RedditNetwork(Network):
    """Follows subreddits and searches. A post's address is its fullname."""

    def __init__(self, configuration: Reddit, names: Names, drugs: Drugs) -> None:
        self.cursor: str | None = None
        self.reached: datetime | None = None
        self._configuration = configuration
        self._names = names
        self._api = Api(configuration, names.source)
        # Said at the start where they are missing.
        self._api.credentials()
        self._watches = Watches(self._api, configuration, drugs, names.source)
        self._seal = Seal(names.keys, names.source)
        self._standing = Standing(self._api, configuration.look_again_hours, names.sealed, self._seal, names.source)
        self._place = Place({}, 0.0, 0.0)
        # From when on things of each watch are taken, by its key: a moderator may let one through long after it was written.
        self._floors: dict[str, float] = {}
        # Things that were had, with the time of their edit.
        self._seen: OrderedDict[str, float] = OrderedDict()
        recipe = Recipe(format="jsonl", source=names.source, columns=_COLUMNS.named())
        self._origin = Origin(names.source, 0, recipe.encode())

    def follow(self, cursor: str | None) -> Generator[Item | None, None, None]:
        """See Network."""
        self._take_up(cursor)
        with self._api.session() as session:
            while True:
                for watch in self._watches.due():
                    try:
                        yield from self._read(session, watch)
                    except Closed as trouble:
                        self._watches.leave(watch, trouble)
                    yield from self._look_again(session)
                if self._watches.up_to_date:
                    self._place.reached = now().timestamp()
                    self._settle()
                yield from self._look_again(session)
                yield None
                time.sleep(min(_MOMENT, self._watches.seconds_left))

    def check(self) -> str:
        """See Network."""
        with self._api.session() as session:
            return f"{self._api.host} takes the app's key; {self._watches.check(session)}"

    def _take_up(self, cursor: str | None) -> None:
        if cursor is None:
            self._place = Place({}, self._api.now(), 0.0)
            return
        try:
            self._place = Place.decode(cursor)
        except msgspec.MsgspecError:
            raise AdrwatchError(
                f"the position of source {self._names.source} is none of Reddit", fix="give the source another name"
            ) from None
        if self._place.reached:
            # Listings are read on without a hole, unless one of them says otherwise: the time in which nobody asked is no gap.
            self.reached = datetime.fromtimestamp(self._place.reached, UTC) + timedelta(microseconds=1)

    def _read(self, session: Session, watch: Watch) -> Iterator[Item | None]:
        at = self._place.read.get(watch.key)
        since = None if at is None else at - self._configuration.rewind_seconds
        if since is not None:
            self._floors.setdefault(watch.key, since)
        reading = yield from watch.read(self._api, session, since)
        if at is not None and reading.ends is not None:
            self._say_hole(watch.key, at, reading.ends)
        for thing in reading.things:
            yield from self._taken(thing, None if at is None else self._floors[watch.key])
        # Where it begins is noted at once: killed in its first round, it would begin later.
        if watch.between_rounds or at is None:
            self._place.read[watch.key] = watch.began
            self._settle()

    def _say_hole(self, listing: str, begin: float, end: float) -> None:
        if end <= begin:
            return
        metrics.SOURCE_GAP.labels(self._names.source).inc(end - begin)
        log.warning(
            "Reddit had nothing left from a time before", source=self._names.source, listing=listing,
            begin=str(datetime.fromtimestamp(begin, UTC)), end=str(datetime.fromtimestamp(end, UTC)),
        )  # fmt: skip

    def _taken(self, thing: Thing | Unreadable, floor: float | None) -> Iterator[Item]:
        """What comes of a thing of a listing; nothing if it was had, or was written before the floor; None: it begins here."""
        if isinstance(thing, Unreadable):
            if self._is_new(thing.key, 0.0):
                # Names stand in too many places of a thing for what cannot be read to be kept.
                yield Reject(
                    "unreadable",
                    thing.detail,
                    Origin(self._names.source, 0),
                    f"left out: {thing.size} characters".encode(),
                )
            return
        had = self._seen.get(thing.name)
        # Listings may still have what was taken back.
        if had == _GONE or (had is None and floor is not None and thing.created_utc < floor):
            return
        if self._is_new(thing.name, _GONE if thing.gone else thing.changed) and floor is not None:
            yield self._item(thing)

    def _look_again(self, session: Session) -> Iterator[Item | None]:
        """Ask for some of what was published, where it is time to."""
        asked = self._place.asked
        if not self._standing.due(asked):
            return
        found, over = yield from self._standing.ask(session)
        for name, thing in found.items():
            if thing is None or self._is_gone(thing):
                self._is_new(name, _GONE)
                yield PostGone(self._post_id(name))
            elif thing.changed > max(0.0, asked - _OVERLAP_SECONDS) and self._is_new(name, thing.changed):
                yield self._item(thing)
        if over:
            self._place.asked = self._standing.began
            self._settle()

    def _is_gone(self, thing: Thing) -> bool:
        # The hash of an author whose account is gone has to go, and a post that stands without it is another one.
        return thing.gone or (thing.nobody_s and self._configuration.policy.keeps_identifiers)

    def _is_new(self, key: str, version: float) -> bool:
        new = self._seen.get(key) != version
        self._seen[key] = version
        self._seen.move_to_end(key)
        if len(self._seen) > _MOST_SEEN:
            self._seen.popitem(last=False)
        return new

    def _item(self, thing: Thing) -> Item:
        if thing.gone:
            return PostGone(self._post_id(thing.name))
        if thing.author == _AUTOMATIC:
            return Passed("automatic")
        text = thing.text
        if not text:
            return PostGone(self._post_id(thing.name), edited=True) if thing.changed else Passed("no_text")
        native, written = self._names.post(thing.name), thing.written(now())
        author = thing.author_fullname if self._configuration.policy.keeps_identifiers else None
        values: dict[str, Any] = {"id": native, "text": text, "time": written.isoformat(), "author": author}
        return RawPost(
            source=self._names.source,
            native_id=native,
            text=text,
            created_at=written,
            origin=self._origin,
            veiled=functools.partial(veil_object, values, _COLUMNS, self._names.person),
            author=author,
            sealed=None if self._configuration.seal_days is None else self._seal.close(thing.name),
        )

    def _post_id(self, name: str) -> str:
        return f"{self._names.source}:{self._names.post(name)}"

    def _settle(self) -> None:
        self.cursor = self._place.encode()
        if self._place.reached:
            self.reached = datetime.fromtimestamp(self._place.reached, UTC)
