"""Topics of a real broker for the tests: made under a prefix, read back by a consumer that no code of adrwatch shares."""

from __future__ import annotations

from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import NewTopic

from shared.topics import TOPICS


def make(kafka: str, names: dict[str, int]) -> None:
    """Make topics with the given numbers of partitions."""
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.create_topics([NewTopic(name, partitions, 1) for name, partitions in names.items()], wait_for_metadata=True)
    admin.close()


def make_all(kafka: str, prefix: str) -> None:
    """Make all topics of adrwatch."""
    make(kafka, {topic.name(prefix): topic.partitions for topic in TOPICS})


def records(kafka: str, name: str) -> list[Any]:
    """Every record that lies in a topic now."""
    consumer = KafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False)
    places = [TopicPartition(name, partition) for partition in sorted(consumer.partitions_for_topic(name) or ())]
    consumer.assign(places)
    consumer.seek_to_beginning(*places)
    ends = consumer.end_offsets(places)
    found: list[Any] = []
    while any(consumer.position(place) < end for place, end in ends.items()):
        found.extend(record for batch in consumer.poll(timeout_ms=500).values() for record in batch)
    consumer.close()
    return found
