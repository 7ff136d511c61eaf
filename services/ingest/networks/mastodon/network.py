"""Mastodon: several instances as one source, in which a post is one however many of them show it.

The place is JSON: how far every stream of every instance was read, by ids of the instance, and when. A post's name is its
ActivityPub id. Deletions come with the instance's own id only; that is noted with the post as a keyed hash (see network.Alias).
Streams do not repeat them, so for some days the instance's id is kept sealed as well, to ask whether a post still stands.
"""

from __future__ import annotations

import functools
import random
import time
from collections import OrderedDict
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from typing import Any

import msgspec
from websockets.exceptions import ConnectionClosed

from services.ingest.columns import Columns
from services.ingest.networks.keys import Names
from services.ingest.networks.mastodon import statuses
from services.ingest.networks.mastodon.configuration import Mastodon
from services.ingest.networks.mastodon.reader import Reader
from services.ingest.networks.mastodon.server import MOST_IDS, Server
from services.ingest.networks.mastodon.statuses import Status
from services.ingest.networks.network import Alias, Item, Network, Passed, PostGone
from services.ingest.networks.seal import Seal
from services.ingest.networks.standing import Standing
from services.ingest.recipe import Recipe
from services.ingest.source import Origin, RawPost, Reject, SourceBroken
from services.ingest.veil import veil_object
from shared.errors import AdrwatchError
from shared.logs import logger

log = logger("sources")

_MOMENT = 0.2
_MOST_SEEN = 200_000
_LONGEST_PAUSE = 60.0
_COLUMNS = Columns("id", "text", "time", "author", None, "language")


class _Place(msgspec.Struct, frozen=True):
    """`reached` in seconds since 1970; `instances`: host to stream to id."""

    reached: float
    instances: dict[str, dict[str, str]]


class MastodonNetwork(Network):
    """Follows streams of instances. An instance that fails beside others is tried again while they are read."""

    def __init__(self, configuration: Mastodon, tokens: list[str], names: Names) -> None:
        self.cursor: str | None = None
        self.reached: datetime | None = None
        self._configuration = configuration
        self._names = names
        self._servers = [
            Server(instance, token, configuration.stall_seconds)
            for instance, token in zip(configuration.instances, tokens, strict=True)
        ]
        self._seal = Seal(names.keys, names.source)
        self._standing = {one.host: self._questions(one) for one in self._servers}
        self._since = 0.0
        self._places: dict[str, dict[str, str]] = {}
        # Posts, and what instances call them, with the version that was had; what instances call those that were deleted.
        self._seen: OrderedDict[str, float] = OrderedDict()
        self._gone: OrderedDict[str, float] = OrderedDict()
        recipe = Recipe(format="jsonl", source=names.source, columns=_COLUMNS.named())
        self._origin = Origin(names.source, 0, recipe.encode())

    def follow(self, cursor: str | None) -> Generator[Item | None, None, None]:
        """See Network."""
        place = self._place(cursor) if cursor else _Place(time.time(), {})
        followed = self._configuration.followed
        self._places = {
            one.host: {name: at for name, at in place.instances.get(one.host, {}).items() if name in followed}
            for one in self._servers
        }
        # Timelines are read on without a gap, so a quiet stream is not taken for one.
        self.reached = datetime.fromtimestamp(place.reached + 0.001, UTC)
        self._since = place.reached - self._configuration.rewind_seconds
        readers = [Reader(one, self._configuration, self._places[one.host], place.reached) for one in self._servers]
        failures = dict.fromkeys((one.host for one in self._servers), 0)
        due = dict.fromkeys(failures, 0.0)
        with ExitStack() as stack:
            for reader in readers:
                stack.callback(reader.close)
            while True:
                trouble: SourceBroken | None = None
                for reader in readers:
                    host = reader.server.host
                    try:
                        if not reader.connected and time.monotonic() >= due[host]:
                            reader.connect()
                            self._standing[host].connected()
                            self._note_place()
                            yield Passed("connected")
                        if reader.connected:
                            yield from self._turn(reader, _MOMENT / len(readers))
                            failures[host] = 0 if reader.caught_up else failures[host]
                        if reader.caught_up:
                            yield from self._ask(host)
                    except SourceBroken as error:
                        trouble = error
                        reader.close()
                        failures[host] += 1
                        due[host] = time.monotonic() + _pause(failures[host], error)
                        if len(readers) > 1:
                            log.warning(
                                "an instance is left for a while", source=self._names.source, error=error.message
                            )
                if trouble is not None and not any(one.connected for one in readers):
                    raise trouble
                if all(one.caught_up for one in readers):
                    self._note_reached(datetime.now(UTC))
                yield None

    def check(self) -> str:
        """See Network."""
        for server in self._servers:
            for stream in self._configuration.followed:
                server.newest(stream)
            with closing(server.open(self._configuration.followed)) as socket:
                try:
                    # A stream that is refused says so at once; one that is quiet is right.
                    refused = "error" in msgspec.json.decode(socket.recv(timeout=1.0), type=dict[str, Any])
                except TimeoutError:
                    refused = False
                except ConnectionClosed as error:
                    raise server.closed(error) from error
                except (msgspec.MsgspecError, UnicodeError):
                    raise server.broken("sends something else than Mastodon's events") from None
                if refused:
                    raise server.broken("refuses a stream; is the token allowed to read it?")
        hosts = ", ".join(one.host for one in self._servers)
        return f"{hosts}: timelines and streams of {', '.join(self._configuration.followed)} can be read"

    def _place(self, cursor: str) -> _Place:
        try:
            return msgspec.json.decode(cursor, type=_Place)
        except msgspec.MsgspecError:
            raise AdrwatchError(
                f"the position of source {self._names.source} is none of Mastodon", fix="give the source another name"
            ) from None

    def _questions(self, server: Server) -> Standing[Status]:
        def published() -> list[tuple[str, str]]:
            opened = ((one.id, self._seal.open(one.sealed or "")) for one in self._names.sealed())
            places = ((post_id, place.rpartition("/")) for post_id, place in opened if place is not None)
            ours = ((post_id, status_id) for post_id, (host, _, status_id) in places if host == server.host)
            return sorted(ours, key=lambda ids: statuses.order(ids[1]))

        hours = self._configuration.ask_hours
        return Standing(server.host, hours, MOST_IDS, published, server.standing, server.status, server.wait)

    def _ask(self, host: str) -> Iterator[Item]:
        gone, standing = self._standing[host].look()
        for post_id, status_id in gone:
            self._remember(self._gone, f"{host}/{status_id}", 0.0)
            yield PostGone(post_id)
        for status in standing:
            # An edit while nobody listened; others are what is known.
            if statuses.version_of(status) > self._since:
                yield from self._safely(host, status)

    def _turn(self, reader: Reader, moment: float) -> Iterator[Item]:
        host = reader.server.host
        for event in reader.turn(moment):
            if isinstance(event, bytes):
                yield self._reject("bad-frame", "no event of Mastodon", len(event))
            elif isinstance(event, str):
                self._remember(self._gone, f"{host}/{event}", 0.0)
                yield PostGone(self._alias(host, event))
            else:
                stream, status = event
                items = self._safely(host, status)
                yield from items[:-1]
                # Before the last is taken: a place is written only with all of an event.
                if "id" in status:
                    reader.had(stream, str(status["id"]))
                self._note_reached(statuses.time_of(status, datetime.now(UTC)))
                yield items[-1]

    def _safely(self, host: str, status: Status) -> list[Item]:
        try:
            return self._items(host, status)
        except Exception as error:  # noqa: BLE001 - what nobody can read must hold up nobody
            detail = str(error) if type(error) is ValueError else type(error).__name__
            here = f"{host}/{status.get('id')}"
            if here in self._seen:
                return [Passed("again")]
            self._remember(self._seen, here, 0.0)
            return [self._reject("unreadable", detail, len(str(status)))]

    def _items(self, host: str, status: Status) -> list[Item]:
        uri, here = statuses.uri_of(status), f"{host}/{statuses.id_of(status)}"
        if here in self._gone:
            return [Passed("gone")]
        version = statuses.version_of(status)
        fresh = version > self._seen.get(uri, -1.0)
        if not fresh and here in self._seen:
            return [Passed("again")]
        native = self._names.post(uri)
        post_id, alias = f"{self._names.source}:{native}", self._alias(host, statuses.id_of(status))
        self._remember(self._seen, here, version)
        if not fresh:
            return [Alias(post_id, alias)]
        self._remember(self._seen, uri, version)
        reason = statuses.why_not(status, self._configuration.indexable_only) or self._unread(status)
        if reason is not None:
            # An edit may have made it so: what was published before goes.
            return [PostGone(post_id, edited=True) if version else Passed(reason)]
        return [self._post(native, status, here), Alias(post_id, alias)]

    def _unread(self, status: Status) -> str | None:
        if not statuses.text_of(status).strip():
            return "no_text"
        wanted, language = self._configuration.languages, status.get("language")
        if wanted and isinstance(language, str) and language.lower().split("-")[0] not in wanted:
            return "language"
        return None

    def _post(self, native: str, status: Status, here: str) -> RawPost:
        text, created_at = statuses.text_of(status), statuses.time_of(status, datetime.now(UTC))
        author = statuses.author_of(status) if self._configuration.policy.keeps_identifiers else None
        stated = status.get("language")
        language = stated if isinstance(stated, str) else None
        values = {"id": native, "text": text, "time": created_at.isoformat(), "author": author, "language": language}
        return RawPost(
            source=self._names.source,
            native_id=native,
            text=text,
            created_at=created_at,
            origin=self._origin,
            veiled=functools.partial(veil_object, values, _COLUMNS, self._names.person),
            author=author,
            language=language,
            sealed=None if self._configuration.seal_days is None else self._seal.close(here),
        )

    def _alias(self, host: str, status_id: str) -> str:
        return f"{self._names.source}:{self._names.post(f'{host}/{status_id}')}"

    def _reject(self, reason: str, detail: str, size: int) -> Reject:
        # Names stand in too many places of a status for what cannot be read to be kept; timelines are read again anyway.
        return Reject(reason, detail, Origin(self._names.source, 0), f"left out: {size} characters".encode())

    def _note_reached(self, at: datetime) -> None:
        if self.reached is None or at > self.reached:
            self.reached = at
        self._note_place()

    def _note_place(self) -> None:
        reached = self.reached.timestamp() if self.reached else time.time()
        self.cursor = msgspec.json.encode(_Place(reached, self._places)).decode()

    @staticmethod
    def _remember(what: OrderedDict[str, float], key: str, value: float) -> None:
        what[key] = value
        what.move_to_end(key)
        if len(what) > _MOST_SEEN:
            what.popitem(last=False)


def _pause(failures: int, error: SourceBroken) -> float:
    if error.wait_seconds is not None:
        return error.wait_seconds
    return min(_LONGEST_PAUSE, 0.5 * 2.0 ** min(failures, 16)) * random.uniform(0.5, 1.0)
