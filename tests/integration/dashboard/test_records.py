"""Single records by their places, from a real topic that has batches, and from which retention has taken the beginning."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

from services.dashboard.view.mentions import Place
from services.dashboard.view.records import CONSUMERS, Records
from shared.settings import Settings, load
from tests import topics

PARTITIONS, BATCHES, IN_A_BATCH = 4, 30, 20
EACH = BATCHES * IN_A_BATCH
PATIENCE = 60.0


@pytest.fixture
def topic(kafka: str, topic_prefix: str) -> str:
    """A topic whose every record says in its key where it lies."""
    name = f"{topic_prefix}.batches"
    topics.make(kafka, {name: PARTITIONS})
    with closing(KafkaProducer(bootstrap_servers=kafka, linger_ms=1000, compression_type="gzip")) as producer:
        for batch in range(BATCHES):
            for partition in range(PARTITIONS):
                for number in range(IN_A_BATCH):
                    key = f"{partition}:{batch * IN_A_BATCH + number}".encode()
                    # Some batches are larger than what is asked for at a time.
                    value = b"x" * (2000 if batch % 10 == 0 else 20) + random.randbytes(500 if batch % 10 == 0 else 20)
                    producer.send(name, key=key, value=value, partition=partition)
            producer.flush()
    return name


@pytest.fixture
def records(kafka: str, topic: str) -> Iterator[Records]:
    with closing(Records(settings_of(kafka), topic)) as made:
        yield made


def settings_of(kafka: str) -> Settings:
    return load(kafka_bootstrap=kafka)


def keys(records: Records, places: list[Place]) -> dict[Place, str | None]:
    found = records.at(places, time.monotonic() + PATIENCE)
    return {place: None if record is None else record.key.decode() for place, record in found.items()}


def test_every_place_gives_its_own_record_whoever_else_asks(records: Records) -> None:
    chance = random.Random(7)
    everywhere = [Place(partition, offset) for partition in range(PARTITIONS) for offset in range(EACH)]
    pages = [chance.sample(everywhere, 12) for _ in range(60)] + [everywhere[EACH - 3 : EACH + 3], everywhere[:50]]
    with ThreadPoolExecutor(3 * CONSUMERS) as pool:
        for page, found in zip(pages, pool.map(lambda page: keys(records, page), pages), strict=True):
            assert found == {place: f"{place.partition}:{place.offset}" for place in page}


def test_what_retention_took_and_what_never_was_there_is_said_to_be_gone(
    kafka: str, topic: str, records: Records
) -> None:
    with closing(KafkaAdminClient(bootstrap_servers=kafka)) as admin:
        admin.delete_records({TopicPartition(topic, 0): 105, TopicPartition(topic, 1): EACH})
    found = keys(records, [Place(0, 3), Place(0, 104), Place(0, 105), Place(1, 7), Place(2, EACH + 5), Place(3, 9)])
    assert found == {
        Place(0, 3): None, Place(0, 104): None, Place(0, 105): "0:105", Place(1, 7): None, Place(2, EACH + 5): None,
        Place(3, 9): "3:9",
    }  # fmt: skip


def test_where_no_broker_answers_nothing_is_found_in_time(topic: str) -> None:
    with closing(Records(settings_of("127.0.0.1:1"), topic)) as nobody:
        assert nobody.at([Place(0, 0)], time.monotonic() + 0.5) == {}
