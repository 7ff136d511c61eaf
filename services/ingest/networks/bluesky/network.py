"""Bluesky, read through Jetstream over a websocket.

The place is the time at which Jetstream saw an event, which every endpoint understands in both protocols, if by its own clock: on
connecting it is taken back by some seconds. Jetstream delivers at least once, and the events of one account in their order. What
was deleted is remembered, so that a post that comes again, or late, does not come back to life.

It is read no faster than it is taken: websockets holds a few frames, and then stops reading from the network.
"""

from __future__ import annotations

import functools
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime

from websockets.sync.connection import Connection

from services.ingest.columns import Columns
from services.ingest.networks.bluesky import jetstream
from services.ingest.networks.bluesky.block import Row
from services.ingest.networks.bluesky.configuration import Bluesky
from services.ingest.networks.bluesky.endpoint import OPEN_SECONDS, Endpoint, outline
from services.ingest.networks.bluesky.jetstream import Frame
from services.ingest.networks.bluesky.questions import questions
from services.ingest.networks.bluesky.subscribe_events import Notice
from services.ingest.networks.keys import Names
from services.ingest.networks.network import AuthorGone, Item, Network, Passed, PostGone
from services.ingest.networks.seal import Seal
from services.ingest.networks.standing import Standing
from services.ingest.recipe import Recipe
from services.ingest.source import Origin, RawPost, Reject, SourceBroken
from services.ingest.veil import veil_object

_MOMENT = 0.5
# An endpoint that sends nothing else is none of Jetstream; single frames go to the dead letters.
_MOST_GARBAGE = 50
_MOST_GONE = 100_000
# An endpoint that begins so long after the place has not kept what lies between.
_GAP_US = 300_000_000
# A connection gives what is 36 hours old at most (`--cursor-lookback` of a server). An hour is to spare.
_KEPT_SECONDS = 35 * 3600.0
_SECOND_US = 1_000_000
_COLUMNS = Columns("id", "text", "time", "author", None, "language")


class BlueskyNetwork(Network):
    """Follows the collections of the configuration. A post's address is `did/collection/rkey`."""

    def __init__(self, configuration: Bluesky, names: Names) -> None:
        self.cursor: str | None = None
        self.reached: datetime | None = None
        # The place as a number.
        self._place = 0
        self._name = names.source
        self._configuration = configuration
        self._native = names.post
        self._hashed = names.person
        self._keeps_authors = configuration.policy.keeps_identifiers
        self._future_us = int(names.future * _SECOND_US)
        self._guessed = False
        self._resumed = False
        self._endpoints = [
            Endpoint(one, configuration.collections, configuration.compress) for one in configuration.endpoints
        ]
        self._tried = 0
        self._garbage = 0
        # Posts and accounts that are gone, with the time of that.
        self._gone: OrderedDict[str, int] = OrderedDict()
        self._seal = Seal(names.keys, names.source) if configuration.seal_days is not None else None
        self._standing = questions(configuration, names, self._seal) if self._seal is not None else None
        recipe = Recipe(format="jsonl", source=self._name, columns=_COLUMNS.named())
        self._origin = Origin(self._name, 0, recipe.encode())

    def follow(self, cursor: str | None) -> Generator[Item | None, None, None]:
        """See Network."""
        # Without a place it begins now, and goes on from there should the connection break before the first event; that one
        # tells the time by the clock that counts.
        begin = self._configuration.begin
        if cursor is None and begin is not None:
            cursor = str(int(datetime.combine(begin, datetime.min.time(), UTC).timestamp()) * _SECOND_US)
        self._place, self._guessed = int(cursor or time.time() * _SECOND_US), cursor is None
        self.cursor = str(self._place)
        self._resumed = cursor is not None
        yield None
        try:
            if cursor is not None and time.time() - self._place / _SECOND_US > _KEPT_SECONDS:
                yield from self._archived()
                cursor = self.cursor
                # A connection need not begin where the archive ends.
                self._resumed = True
                if self.reached is not None:
                    yield Passed("archive_end", seam=True)
            with self._connected(cursor) as socket:
                heard = time.monotonic()
                while True:
                    if self._standing is not None:
                        yield from self._ask(self._standing)
                    try:
                        data = socket.recv(timeout=_MOMENT, decode=False)
                    except TimeoutError:
                        if time.monotonic() - heard > self._configuration.stall_seconds:
                            raise self._broken(f"sent nothing for {self._configuration.stall_seconds:g} s") from None
                        yield None
                        continue
                    yield self._safely(outline(data), functools.partial(self._item, data))
                    # By the time it comes back, the one who takes may have waited long for Kafka.
                    heard = time.monotonic()
        except SourceBroken:
            # The next try is with the next endpoint.
            self._tried += 1
            raise

    def _archived(self) -> Iterator[Item | None]:
        """What the server has in its archive from the place on."""
        if (archive := self._endpoint.archive) is None:
            return
        for row in archive.rows(self._place - int(self._configuration.rewind_seconds * _SECOND_US)):
            yield None if row is None else self._safely(row.outline(), functools.partial(self._of_row, row))

    def _of_row(self, row: Row) -> Item:
        return self._taken(jetstream.checked(row.frame(), int(time.time() * _SECOND_US), self._future_us))

    def check(self) -> str:
        """See Network."""
        deadline = time.monotonic() + OPEN_SECONDS
        with self._connected(None) as socket:
            try:
                data = socket.recv(timeout=max(0.1, deadline - time.monotonic()), decode=False)
            except TimeoutError:
                raise self._broken(f"sent nothing for {OPEN_SECONDS:g} s") from None
            try:
                frame = self._frame(data)
            except ValueError as error:
                raise self._broken(f"sends something else: {error}") from None
        if isinstance(frame, Notice):
            return f"{self._endpoint.address} answers: {frame.name}"
        return f"{self._endpoint.address} sends events, {max(0.0, time.time() - frame.time_us / _SECOND_US):.1f} s old"

    def _connected(self, cursor: str | None) -> AbstractContextManager[Connection]:
        back = int(self._configuration.rewind_seconds * _SECOND_US)
        return self._endpoint.connected(None if cursor is None else max(0, int(cursor) - back))

    @property
    def _endpoint(self) -> Endpoint:
        return self._endpoints[self._tried % len(self._endpoints)]

    def _broken(self, what: str) -> SourceBroken:
        return self._endpoint.broken(what)

    def _frame(self, data: bytes) -> Frame | Notice:
        return self._endpoint.read(data, int(time.time() * _SECOND_US), self._future_us)

    def _safely(self, data: bytes, item: Callable[[], Item]) -> Item:
        """The item; if it cannot be made, a reject with the data."""
        try:
            return item()
        except SourceBroken:
            raise
        except Exception as error:  # noqa: BLE001 - what nobody can read must hold up nobody
            return self._reject("unreadable", type(error).__name__, data)

    def _reject(self, reason: str, detail: str, data: bytes) -> Reject:
        return Reject(reason, detail, Origin(self._name, 0), jetstream.veil_frame(data, self._hashed))

    def _item(self, data: bytes) -> Item:
        try:
            frame = self._frame(data)
        except ValueError as error:
            data = outline(data)
            self._garbage += 1
            if self._garbage >= _MOST_GARBAGE:
                self._garbage = 0
                raise self._broken(f"sends something else than Jetstream's events: {error}") from None
            return self._reject("bad-frame", str(error), data)
        self._garbage = 0
        if isinstance(frame, Notice):
            if frame.final:
                raise self._broken(f"ends the stream: {frame.name}")
            return Passed("notice")
        return self._taken(frame)

    def _taken(self, frame: Frame) -> Item:
        if self._resumed and self._standing is not None and frame.time_us - self._place > _GAP_US:
            self._standing.connected()
        self._resumed = False
        if self._guessed or frame.time_us > self._place:
            self._place, self._guessed = frame.time_us, False
            self.cursor, self.reached = str(frame.time_us), frame.at
        return self._event(frame)

    def _event(self, frame: Frame) -> Item:
        if frame.kind == "account" and frame.account is not None:
            if not frame.account.gone:
                return Passed("account")
            self._note_gone(frame.did, frame.time_us)
            return AuthorGone(frame.did)
        if frame.commit is None or frame.kind != "commit":
            return Passed("identity" if frame.kind == "identity" else "other")
        address = f"{frame.did}/{frame.commit.collection}/{frame.commit.rkey}"
        if frame.commit.operation == "delete":
            self._note_gone(address, frame.time_us)
            return PostGone(f"{self._name}:{self._native(address)}")
        if frame.commit.operation not in ("create", "update"):
            return Passed("other")
        if frame.time_us <= max(self._gone.get(address, -1), self._gone.get(frame.did, -1)):
            return Passed("gone")
        return self._post(frame, address, frame.commit.record)

    def _post(self, frame: Frame, address: str, record: object) -> Item:
        text = jetstream.text_of(record)
        if not isinstance(record, dict) or not text.strip():
            # A picture, or an update that took the text away: what was published before goes.
            return self._withdrawn(frame, address) or Passed("no_text")
        languages = jetstream.languages_of(record)
        wanted = self._configuration.languages
        if wanted and languages and not any(one.lower().split("-")[0] in wanted for one in languages):
            return self._withdrawn(frame, address) or Passed("language")
        language = languages[0] if languages else None
        native = self._native(address)
        created_at = jetstream.time_of(record, frame)
        author = frame.did if self._keeps_authors else None

        def veiled() -> bytes:
            values = {
                "id": native,
                "text": text,
                "time": created_at.isoformat(),
                "author": author,
                "language": language,
            }
            return veil_object(values, _COLUMNS, self._hashed)

        return RawPost(
            source=self._name,
            native_id=native,
            text=text,
            created_at=created_at,
            origin=self._origin,
            veiled=veiled,
            author=author,
            language=language,
            sealed=None if self._seal is None else self._seal.close(address),
        )

    def _ask(self, standing: Standing[str]) -> Iterator[PostGone]:
        gone, _ = standing.look()
        for post_id, address in gone:
            self._note_gone(address, int(time.time() * _SECOND_US))
            yield PostGone(post_id)

    def _withdrawn(self, frame: Frame, address: str) -> PostGone | None:
        if frame.commit is None or frame.commit.operation != "update":
            return None
        return PostGone(f"{self._name}:{self._native(address)}", edited=True)

    def _note_gone(self, what: str, time_us: int) -> None:
        self._gone[what] = max(time_us, self._gone.pop(what, 0))
        if len(self._gone) > _MOST_GONE:
            self._gone.popitem(last=False)
