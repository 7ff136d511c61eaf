"""kafka-python behind a few calls that end in one clear error when the broker is away or a topic is missing."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError, KafkaTimeoutError

from services.ingest.delivery import Delivery
from shared.errors import AdrwatchError, DependencyAway
from shared.settings import Settings
from shared.topics import Topic

_CONNECT_MS = 10_000
_POLL_MS = 500
_LINGER_MS = 20
_REQUEST_MS = 30_000
_CLOSE_SECONDS = 1.0
# A consumer waits for ever for a broker that went away.
_SILENCE_SECONDS = 20.0
T = TypeVar("T")


@dataclass(frozen=True)
class Stored:
    """A record as it lies in a topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


@contextmanager
def delivery(settings: Settings, give_up: float) -> Iterator[Delivery]:
    """Delivery by an idempotent KafkaProducer (acks=all, gzip), closed at the end.

    A record that is not acknowledged after `give_up` seconds has failed; until then it is retried with back-off.

    gzip: aiokafka reads zstd only with a package that adrwatch does not need otherwise.
    """
    patience = int(give_up * 1000)
    producer = _connect(
        settings,
        KafkaProducer,
        enable_idempotence=True,
        acks="all",
        compression_type="gzip",
        linger_ms=_LINGER_MS,
        batch_size=1 << 17,
        delivery_timeout_ms=patience,
        request_timeout_ms=min(_REQUEST_MS, patience - _LINGER_MS),
        max_block_ms=patience,
        retry_backoff_ms=int(settings.retry_first * 1000),
        reconnect_backoff_max_ms=int(settings.retry_most * 1000),
        allow_auto_create_topics=False,
    )
    try:
        yield Delivery(producer)
    finally:
        # What still waits was counted as unacknowledged; the broker gets a last moment for it.
        with suppress(KafkaError):
            producer.close(timeout=_CLOSE_SECONDS)


@contextmanager
def admin(settings: Settings) -> Iterator[Any]:
    """A KafkaAdminClient, closed at the end. What the broker refuses becomes an AdrwatchError."""
    client = _connect(settings, KafkaAdminClient)
    try:
        yield client
    except KafkaError as error:
        raise AdrwatchError(
            f"the broker refused: {type(error).__name__}: {error}", fix="see the broker's log"
        ) from error
    finally:
        client.close()


def describe(client: Any, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The broker's description of those of the topics that exist, by name."""
    found = client.describe_topics(list(names))
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
                fix="see `adrwatch topics list`, or use another ADRWATCH_TOPIC_PREFIX",
            )


def read_all(settings: Settings, topic: Topic) -> Iterator[Stored]:
    """Every record that lies in the topic now, partition by partition in the order of offsets."""
    name = topic.name(settings.topic_prefix)
    consumer = _connect(
        settings, KafkaConsumer, group_id=None, enable_auto_commit=False, allow_auto_create_topics=False
    )
    try:
        for partition in range(topic.partitions):
            place = TopicPartition(name, partition)
            consumer.assign([place])
            consumer.seek_to_beginning(place)
            end = consumer.end_offsets([place])[place]
            heard = time.monotonic()
            while (position := consumer.position(place)) < end:
                for record in consumer.poll(timeout_ms=_POLL_MS).get(place, ()):
                    if record.offset < end:
                        yield Stored(partition, record.offset, record.key, record.value, tuple(record.headers))
                if consumer.position(place) > position:
                    heard = time.monotonic()
                elif time.monotonic() - heard > _SILENCE_SECONDS:
                    raise KafkaTimeoutError
    except KafkaError as error:
        raise DependencyAway(
            f"{name} cannot be read on: {type(error).__name__}", fix="see that the broker runs"
        ) from error
    finally:
        consumer.close()


def _connect(settings: Settings, client: Callable[..., T], **options: Any) -> T:
    address = settings.require("kafka_bootstrap")
    # kafka-python's debug records hold messages whole, posts included; its warnings repeat what our errors say.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    try:
        return client(bootstrap_servers=address.split(","), bootstrap_timeout_ms=_CONNECT_MS, **options)
    except (KafkaError, OSError, ValueError) as error:
        raise DependencyAway(
            f"no Kafka broker answers at {address}: {type(error).__name__}",
            fix="start one with `adrwatch up`, or mend ADRWATCH_KAFKA_BOOTSTRAP",
        ) from error


def _prefixes(names: Sequence[str], topic: Topic) -> list[str]:
    return sorted(name.removesuffix(f".{topic.suffix}") for name in names if name.endswith(f".{topic.suffix}"))


def _other_prefix(prefixes: list[str]) -> str:
    return f", or set ADRWATCH_TOPIC_PREFIX (in use there: {', '.join(prefixes)})" if prefixes else ""
