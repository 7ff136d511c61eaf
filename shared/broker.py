"""Kafka outside a worker, by kafka-python: connecting, checking topics, reading one as it stands.

Every failure ends in one clear error: DependencyAway when the broker does not answer, AdrwatchError for what a person must mend.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import tenacity
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import (
    AuthorizationError,
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    NotCoordinatorError,
    RequestTimedOutError,
    SaslAuthenticationFailedError,
    TopicAuthorizationFailedError,
)
from kafka.net.compat import KafkaNetClient
from kafka.net.transport import KafkaSSLTransport, KafkaTCPTransport

from shared.broker_security import OPEN, client_options, refusal
from shared.errors import AdrwatchError, DependencyAway
from shared.settings import Settings
from shared.topics import MOST_PARTITIONS, Topic

# So long the broker holds the place of a worker that is gone.
SESSION_SECONDS = 20.0
# So long a worker waits for an answer of the broker; then it takes the connection for dead, and makes it anew.
ANSWER_SECONDS = 10.0
_CONNECT_MS = 10_000
_POLL_MS = 500
# A consumer waits for ever for a broker that went away.
_SILENCE_SECONDS = 20.0
# A broker that has just made the place for groups, or has just started.
_COORDINATOR_TO_COME = (CoordinatorNotAvailableError, CoordinatorLoadInProgressError, NotCoordinatorError)
# A broker that is stopped or cut off: it does not answer, which is no refusal.
_SILENT = (KafkaTimeoutError, RequestTimedOutError, KafkaConnectionError)
_ALLOW = "whoever runs the broker gives the right: docs/analysts.md, and for workers `adrwatch rights kafka`"
T = TypeVar("T")


def within(seconds: float, ask: Callable[[], T]) -> T:
    """What `ask` gives or raises; DependencyAway where it takes longer.

    Of a broker that is stopped, and keeps its connections, each request is waited for by itself: together a minute and more. What
    is given up goes on in a daemon thread, so this is for commands, which end.
    """
    given: list[T] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            given.append(ask())
        except BaseException as error:  # noqa: BLE001 - raised below, in the thread that asks
            raised.append(error)

    thread = threading.Thread(target=run, name="broker-asked", daemon=True)
    thread.start()
    thread.join(seconds)
    if raised:
        raise raised[0]
    if not given:
        raise DependencyAway(f"Kafka gave no answer for {seconds:g} s", fix="see that it runs and is not stopped")
    return given[0]


def _hear_out(transport: Any) -> None:
    """Let what comes together with the end of a connection be read.

    kafka-python 3.0 drops it, and so does not hear on a busy machine why a broker ends the connection: that it refuses the user.
    """
    receive = transport._sock_recv

    def heard(self: Any) -> tuple[bytes, Any]:
        found, error = receive(self)
        # The next look at the connection finds its end again.
        return found, None if found else error

    transport._sock_recv = heard


_hear_out(KafkaTCPTransport)
_hear_out(KafkaSSLTransport)


def opened(client: Callable[..., T], **options: Any) -> T:
    """A client class of kafka-python, made with these options. Raises what it raises.

    Where no broker answers, the constructor of kafka-python 3.0 leaves a thread behind that looks for one for ever, and nothing
    to close it by. It is ended here.
    """
    networks: list[Any] = []
    told: list[BaseException] = []

    def network(**given: Any) -> Any:
        networks.append(KafkaNetClient(**given))
        _watch(networks[-1]._manager, told)
        return networks[-1]

    try:
        made = client(kafka_client=network, **options)
    except BaseException as error:
        for one in networks:
            one.close()
        refused = [one for one in told if isinstance(one, SaslAuthenticationFailedError)]
        if refused and isinstance(error, KafkaError):
            # It tries on where a broker refuses the user, and then says only that its time was over.
            raise refused[0] from error
        raise
    for one in networks:
        del one._manager.get_connection
    return made


def _watch(manager: Any, told: list[BaseException]) -> None:
    """Note why connections do not come about: kafka-python 3.0 keeps it to itself."""
    get = manager.get_connection

    def watched(*arguments: Any, **options: Any) -> Any:
        connection = get(*arguments, **options)
        connection.init_future.add_errback(told.append)
        return connection

    manager.get_connection = watched


def connect(settings: Settings, client: Callable[..., T], **options: Any) -> T:
    """A client class of kafka-python, connected to the broker of the settings."""
    address = settings.require("kafka_bootstrap")
    # kafka-python's debug records hold messages whole, posts included; its warnings repeat what our errors say.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    try:
        return opened(
            client,
            bootstrap_servers=address.split(","),
            bootstrap_timeout_ms=_CONNECT_MS,
            reconnect_backoff_max_ms=int(settings.retry_most * 1000),
            **client_options(settings),
            **options,
        )
    except (KafkaError, OSError, ValueError) as error:
        raise _no_answer(settings, error) from error


def _no_answer(settings: Settings, error: Exception) -> DependencyAway:
    if settings.kafka_security == OPEN:
        return DependencyAway(
            f"no Kafka broker answers at {settings.kafka_bootstrap}: {type(error).__name__}",
            fix="start one with `adrwatch up`, or mend ADRWATCH_KAFKA_BOOTSTRAP (one that has users: docs/analysts.md)",
        )
    if (refused := refusal(settings, isinstance(error, SaslAuthenticationFailedError))) is not None:
        return refused
    user = f" as {settings.kafka_username}" if settings.kafka_username else ""
    return DependencyAway(
        f"no Kafka broker at {settings.kafka_bootstrap} lets us in{user} by {settings.kafka_security}: {type(error).__name__}",
        fix="see that it runs; mend ADRWATCH_KAFKA_BOOTSTRAP, ADRWATCH_KAFKA_SECURITY or one of those after it (docs/settings.md)",
    )


@contextmanager
def admin(settings: Settings) -> Iterator[Any]:
    """A KafkaAdminClient, closed at the end. What the broker refuses becomes an AdrwatchError, its silence DependencyAway."""
    client = connect(settings, KafkaAdminClient)
    try:
        yield client
    except (*_SILENT, *_COORDINATOR_TO_COME) as error:
        raise DependencyAway(
            f"Kafka at {settings.kafka_bootstrap} does not answer: {type(error).__name__}",
            fix="see that it runs and is not stopped",
        ) from error
    except AuthorizationError as error:
        raise AdrwatchError(f"the broker refused: {type(error).__name__}: {error}", fix=_ALLOW) from error
    except KafkaError as error:
        raise AdrwatchError(
            f"the broker refused: {type(error).__name__}: {error}", fix="see the broker's log"
        ) from error
    finally:
        client.close()


def describe(client: Any, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The broker's description of those of the topics that exist, by name. Raises AdrwatchError for one that it keeps to others."""
    found = client.describe_topics(list(names))
    if hidden := [topic["name"] for topic in found if topic["error_code"] == TopicAuthorizationFailedError.errno]:
        raise AdrwatchError(f"this user of Kafka may not read {', '.join(sorted(hidden))}", fix=_ALLOW)
    return {topic["name"]: topic for topic in found if topic["error_code"] == 0}


def require_topics(settings: Settings, topics: Sequence[Topic]) -> None:
    """Raise AdrwatchError unless the topics exist with the partitions that are declared: keys choose among those."""
    names = {topic.name(settings.topic_prefix): topic for topic in topics}
    with admin(settings) as client:
        found = describe(client, list(names))
        if missing := sorted(names.keys() - found.keys()):
            others = _prefixes(client.list_topics(), next(iter(topics)))
            raise AdrwatchError(
                f"there is no topic {', '.join(missing)} at {settings.kafka_bootstrap}",
                fix=f"run `adrwatch topics apply`{_other_prefix(others)}",
            )
    for name, topic in names.items():
        if (count := len(found[name]["partitions"])) != topic.partitions:
            raise AdrwatchError(
                f"{name} has {count} partitions and adrwatch counts on {topic.partitions}",
                fix=_other_number(topic, count),
            )


def committed(settings: Settings, group: str, topic: Topic) -> dict[int, int]:
    """How far a consumer group has read each partition of a topic; none where it never did."""
    name = topic.name(settings.topic_prefix)
    with admin(settings) as client:
        offsets = patiently(lambda: client.list_group_offsets({group: None}))[group]
    return {place.partition: at.offset for place, at in offsets.items() if place.topic == name}


def patiently(ask: Callable[[], T]) -> T:
    """What a broker says of groups: one that never had a group makes the place for them when it is first asked."""
    patience = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(_COORDINATOR_TO_COME),
        wait=tenacity.wait_fixed(1.0),
        stop=tenacity.stop_after_delay(_SILENCE_SECONDS),
        reraise=True,
    )
    return patience(ask)


@contextmanager
def reading(topic: str) -> Iterator[None]:
    """What the broker says while a topic is read becomes DependencyAway, or AdrwatchError where this user may not."""
    try:
        yield
    except AuthorizationError as error:
        what = "move this consumer group" if isinstance(error, GroupAuthorizationFailedError) else f"read {topic}"
        raise AdrwatchError(f"this user of Kafka may not {what}", fix=_ALLOW) from None
    except KafkaError as error:
        what = "does not answer" if isinstance(error, _SILENT) else "refuses"
        raise DependencyAway(
            f"Kafka {what}: {topic} cannot be read on ({type(error).__name__})",
            fix="see that it runs and is not stopped",
        ) from error


@dataclass(frozen=True)
class Stored:
    """A record as it lies in a topic; `written_ms` is its time, in ms since the epoch."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    written_ms: int = 0


class TopicReader:
    """Reads a topic without a group: nobody's offsets move. Use as a context manager.

    It begins at the topic's beginning or, in a topic of one partition, at `start`. With `since` it reads only those partitions,
    each from the first record on that was written at a time, in ms since 1970, or later. The records of a key come in
    their order, those of a partition in that of their offsets. Making one raises what `require_topics` raises. After `patience`
    seconds a broker that is silent counts as away: give it where a person waits.
    """

    def __init__(
        self,
        settings: Settings,
        topic: Topic,
        start: int = 0,
        since: Mapping[int, int] | None = None,
        patience: float | None = None,
    ) -> None:
        require_topics(settings, [topic])
        self._topic = topic
        self._name = topic.name(settings.topic_prefix)
        partitions = range(topic.partitions) if since is None else since
        self._places = [TopicPartition(self._name, partition) for partition in partitions]
        self._consumer = connect(
            settings, KafkaConsumer, group_id=None, enable_auto_commit=False, allow_auto_create_topics=False,
            **({} if patience is None else {"request_timeout_ms": int(patience * 1000)}),
        )  # fmt: skip
        self._silence = _SILENCE_SECONDS if patience is None else patience
        self._consumer.assign(self._places)
        self._consumer.seek_to_beginning(*self._places)
        if since is not None:
            self._go_to(since)
        if start:
            with self._reading():
                # What retention has taken away since is passed over.
                begin = self._consumer.beginning_offsets(self._places)[self._places[0]]
            self._consumer.seek(self._places[0], max(start, begin))

    def __enter__(self) -> TopicReader:
        return self

    def __exit__(self, *exception: object) -> None:
        self._consumer.close()

    def ends(self) -> dict[int, int]:
        """The offset after the last record, by partition."""
        with self._reading():
            return {place.partition: end for place, end in self._consumer.end_offsets(self._places).items()}

    def to_end(self) -> Iterator[Stored]:
        """What lies in the topic now. Raises DependencyAway when the broker falls silent before the end."""
        with self._reading():
            ends = self._consumer.end_offsets(self._places)
            generations = self._generations()
            if len(generations) == 1:
                yield from self._until(ends)
                return
            try:
                for some in generations:
                    self._consumer.pause(*self._places)
                    self._consumer.resume(*some)
                    yield from self._until({place: ends[place] for place in some})
            finally:
                self._consumer.resume(*self._places)

    def begins(self) -> dict[int, int]:
        """The offset of the first record that is still there, by partition."""
        with self._reading():
            return {place.partition: first for place, first in self._consumer.beginning_offsets(self._places).items()}

    def shortened(self) -> set[int]:
        """The partitions whose first records the topic has let go of."""
        return {partition for partition, first in self.begins().items() if first > 0}

    def follow(self) -> Iterator[Stored]:
        """What comes from where reading stopped; never ends."""
        with self._reading():
            while True:
                yield from self._poll()

    def _reading(self) -> AbstractContextManager[None]:
        return reading(self._name)

    def _go_to(self, since: Mapping[int, int]) -> None:
        with self._reading():
            found = self._consumer.offsets_for_times({place: since[place.partition] for place in self._places})
            for place, first in found.items():
                if first is None:
                    self._consumer.seek_to_end(place)
                else:
                    self._consumer.seek(place, first.offset)

    def _generations(self) -> list[list[TopicPartition]]:
        """The partitions, older ones first: where partitions were raised, a key goes on in one of a later generation."""
        found: dict[int, list[TopicPartition]] = {}
        for place in self._places:
            found.setdefault(place.partition // self._topic.declared, []).append(place)
        return [found[number] for number in sorted(found)]

    def _until(self, ends: Mapping[TopicPartition, int]) -> Iterator[Stored]:
        positions, heard = self._positions(ends), time.monotonic()
        while any(position < ends[place] for place, position in positions.items()):
            yield from self._poll()
            before, positions = positions, self._positions(ends)
            if positions != before:
                heard = time.monotonic()
            elif time.monotonic() - heard > self._silence:
                raise KafkaTimeoutError

    def _positions(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return {place: self._consumer.position(place) for place in places}

    def _poll(self) -> Iterator[Stored]:
        for records in self._consumer.poll(timeout_ms=_POLL_MS).values():
            for record in records:
                yield Stored(
                    record.partition, record.offset, record.key, record.value, tuple(record.headers), record.timestamp
                )


def _other_number(topic: Topic, count: int) -> str:
    if topic.spread and count % topic.declared == 0 and topic.declared <= count <= MOST_PARTITIONS:
        more = (
            f", or raise the topic with `adrwatch topics raise {topic.partitions}`" if topic.partitions > count else ""
        )
        return f"set ADRWATCH_PARTITIONS={count} for every process{more} (docs/runbooks/partitions.md)"
    return "see `adrwatch topics list`, or use another ADRWATCH_TOPIC_PREFIX"


def _prefixes(names: Sequence[str], topic: Topic) -> list[str]:
    return sorted(name.removesuffix(f".{topic.suffix}") for name in names if name.endswith(f".{topic.suffix}"))


def _other_prefix(prefixes: list[str]) -> str:
    return f", or set ADRWATCH_TOPIC_PREFIX (in use there: {', '.join(prefixes)})" if prefixes else ""
