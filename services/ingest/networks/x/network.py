"""X, read through its filtered stream, with recent search for what lies before a connection.

A post's id tells when it was written, so the place is an id: everything before it is read. Keep-alives move it as posts do. A break
is filled by search (or by the stream's own back-fill, where the plan has it and it reaches) while the stream is already read, and
only then the place goes on. What comes twice is passed over by its id.
"""

from __future__ import annotations

import functools
import math
import time
from collections import OrderedDict
from collections.abc import Generator, Iterator
from dataclasses import replace
from datetime import datetime

from services.ingest.columns import Columns
from services.ingest.networks.keys import Drugs, Names
from services.ingest.networks.network import Item, Network, Passed, PostGone
from services.ingest.networks.seal import Seal
from services.ingest.networks.x import posts
from services.ingest.networks.x.api import Api, RateLimited
from services.ingest.networks.x.compliance import Compliance
from services.ingest.networks.x.configuration import X
from services.ingest.networks.x.place import Place, next_month
from services.ingest.networks.x.posts import Line, Tweet
from services.ingest.networks.x.rulebook import Rulebook
from services.ingest.networks.x.stream import Heard, Stream
from services.ingest.recipe import Recipe
from services.ingest.source import Origin, RawPost, Reject, SourceBroken
from services.ingest.veil import veil_object
from shared.errors import AdrwatchError

_MOMENT = 0.5
# Recent search reaches seven days back; an id of just then would be refused.
_SEARCH_SECONDS = 7 * 86_400.0 - 600.0
_MOST_SEEN = 200_000
_CAP_SECONDS = 3600.0
# An address that sends nothing else is none of X; single lines go to the dead letters.
_MOST_GARBAGE = 50
_COLUMNS = Columns("id", "text", "time", "author", None, "language")


class XNetwork(Network):
    """Follows the rules that are made of the lexicon. A post's address is its id at X."""

    def __init__(self, configuration: X, names: Names, drugs: Drugs) -> None:
        self.cursor: str | None = None
        self.reached: datetime | None = None
        self._name = names.source
        self._configuration = configuration
        self._names = names
        self._api = Api(configuration, names.source)
        # Said at the start where it is missing.
        self._api.token()
        self._rulebook = Rulebook(self._api, configuration, drugs, names.source)
        self._seal = Seal(names.keys, names.source)
        self._compliance = Compliance(self._api, configuration.compliance_hours, names.sealed, self._seal, names.source)
        self._place = Place(0)
        self._garbage = 0
        self._seen: OrderedDict[str, None] = OrderedDict()
        recipe = Recipe(format="jsonl", source=self._name, columns=_COLUMNS.named())
        self._origin = Origin(self._name, 0, recipe.encode())

    def follow(self, cursor: str | None) -> Generator[Item | None, None, None]:
        """See Network."""
        before = self._take_up(cursor)
        # So that the place of a first start is written before anything is read.
        yield None
        # What is gone is asked for even while nothing may be read: each try starts a question, or brings its answer.
        yield from self._gone()
        self._heed_cap()
        self._rulebook.synchronise()
        away = max(0.0, self._api.now() - before) + self._configuration.rewind_seconds
        minutes = math.ceil(away / 60.0)
        plays_back = cursor is not None and minutes <= self._configuration.backfill_minutes
        missing = cursor is not None
        stream = Stream(self._api, self._token(), self._configuration.stall_seconds, minutes if plays_back else None)
        try:
            due: float | None = None
            while True:
                heard = stream.get()
                at = stream.connected_at
                if due is None and at is not None:
                    due = time.monotonic() + self._configuration.search_delay_seconds
                    missing = missing and self._is_missing(before, at, plays_back=plays_back)
                yield from self._items(heard, moves=not missing)
                if missing and at is not None and due is not None and time.monotonic() >= due:
                    yield from self._search(before - self._configuration.rewind_seconds)
                    missing = False
                    self._move(at)
                self._rulebook.keep_in_step()
                yield from self._gone()
        finally:
            stream.close()

    def check(self) -> str:
        """See Network. X allows one connection to the stream, so none is made."""
        said = f"{self._api.host} takes the credential and {self._rulebook.check()}"
        trouble = self._compliance.check()
        return f"{said}; {trouble}" if trouble else said

    def _take_up(self, cursor: str | None) -> float:
        """Take the place of a cursor; gives its time in seconds since 1970."""
        try:
            self._place = Place(posts.first_id(self._api.now() * 1000)) if cursor is None else Place.decode(cursor)
            self.cursor = self._place.encode()
            return posts.milliseconds(self._place.since) / 1000
        except ValueError:
            raise self._api.broken(
                "was followed to a place that cannot be read", fix="give the source another name, and it begins anew"
            ) from None

    def _token(self) -> str:
        try:
            return self._api.token()
        except AdrwatchError as error:
            raise SourceBroken(error.message, fix=error.fix) from None

    def _heed_cap(self) -> None:
        now, most = self._api.now(), self._configuration.max_posts_per_month
        if self._place.read_in_month_of(now) >= most:
            ends = next_month(now)
            raise SourceBroken(
                f"{most} posts of X were read this month, max_posts_per_month: it goes on {ends:%Y-%m-%d} (UTC)",
                fix="raise max_posts_per_month if the plan pays for more, and restart",
                wait_seconds=min(_CAP_SECONDS, ends.timestamp() - now + 1.0),
            )

    def _is_missing(self, before: float, now: float, *, plays_back: bool) -> bool:
        """Whether search has to fill a break. `reached` becomes the time from which on nothing is missing, for the frame to see."""
        searches = self._configuration.search and not plays_back
        begin = before - self._configuration.rewind_seconds
        if not plays_back:
            begin = max(begin, now - (_SEARCH_SECONDS if searches else 0.0))
        self.reached = posts.moment(posts.first_id(begin * 1000))
        return searches

    def _move(self, at: float) -> None:
        """Everything of before a time is read."""
        since = posts.first_id(at * 1000)
        if since > self._place.since:
            self._place = replace(self._place, since=since)
            self.reached = posts.moment(since)
        self.cursor = self._place.encode()

    def _items(self, heard: Heard | None, *, moves: bool) -> Iterator[Item | None]:
        if heard is None or heard.data is None:
            if heard is not None and moves:
                self._move(heard.at)
            yield None
            return
        try:
            line = posts.read_line(heard.data)
        except ValueError as error:
            self._garbage += 1
            if self._garbage >= _MOST_GARBAGE:
                self._garbage = 0
                raise self._api.broken(f"sends something else than lines of its stream: {error}") from None
            payload = posts.veil(heard.data, self._names.person)
            yield Reject("bad-line", str(error), Origin(self._name, 0), payload)
            return
        self._garbage = 0
        if line.data is None:
            self._complain(line)
            yield Passed("notice")
            return
        yield from self._post(line.data)
        if moves:
            self._move(min(line.data.at.timestamp(), heard.at))
        self._heed_cap()

    def _complain(self, line: Line) -> None:
        """Raises SourceBroken for what ends the stream: X closes it after such a line."""
        for one in line.errors:
            if "disconnect" in one.type or "disconnect" in one.title.lower():
                raise self._api.broken(f"ends the stream ({one.title})", self._api.waits.network())

    def _post(self, tweet: Tweet) -> Iterator[Item]:
        self._place = self._place.counted(self._api.now())
        self.cursor = self._place.encode()
        if tweet.id in self._seen:
            yield Passed("duplicate")
            return
        # An edit is a new post at X; the versions before it are no longer what its author says.
        for earlier in tweet.earlier:
            self._note(earlier)
            yield PostGone(f"{self._name}:{self._names.post(earlier)}")
        yield self._raw(tweet)
        self._note(tweet.id)

    def _raw(self, tweet: Tweet) -> Item:
        text, language = tweet.whole_text, tweet.language
        if not text.strip():
            return Passed("no_text")
        wanted = self._configuration.languages
        if wanted and language and language not in wanted:
            return Passed("language")
        native = self._names.post(tweet.id)
        author = tweet.author_id if self._configuration.policy.keeps_identifiers else None
        values = {"id": native, "text": text, "time": tweet.at.isoformat(), "author": author, "language": language}
        return RawPost(
            source=self._name,
            native_id=native,
            text=text,
            created_at=tweet.at,
            origin=self._origin,
            veiled=functools.partial(veil_object, values, _COLUMNS, self._names.person),
            author=author,
            language=language,
            sealed=None if self._configuration.seal_days is None else self._seal.close(tweet.id),
        )

    def _note(self, post_id: str) -> None:
        self._seen[post_id] = None
        if len(self._seen) > _MOST_SEEN:
            self._seen.popitem(last=False)

    def _search(self, since: float) -> Iterator[Item | None]:
        """What was written after a time, by search. Limits are waited for here: a new connection would begin it all anew."""
        first = posts.first_id(max(since, self._api.now() - _SEARCH_SECONDS) * 1000)
        for query in self._rulebook.queries:
            token: str | None = None
            while True:
                try:
                    answer = self._api.search(query, first, token)
                except RateLimited as limit:
                    until = time.monotonic() + (limit.wait_seconds or 0.0)
                    while time.monotonic() < until:
                        time.sleep(_MOMENT)
                        yield None
                    continue
                try:
                    found = posts.read_page(answer)
                except ValueError as error:
                    raise self._api.broken(str(error)) from None
                for tweet in found:
                    yield from self._post(tweet)
                    self._heed_cap()
                yield None
                token = (answer.get("meta") or {}).get("next_token")
                if token is None:
                    break

    def _gone(self) -> Iterator[Item]:
        findings = self._compliance.look(self._place.asked)
        if findings is None:
            return
        for one in findings:
            if one.gone:
                self._note(one.id)
                yield PostGone(f"{self._name}:{self._names.post(one.id)}", "compliance")
            else:
                yield Passed("compliance")
        self._place = replace(self._place, asked=int(time.time()))
        self.cursor = self._place.encode()
