"""Topics of a real broker for the tests: made under a prefix, read back by a consumer that no code of adrwatch shares."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import tenacity
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import MetadataEmptyBrokerList

from services.ingest import topics as declared
from shared.broker import admin as admin_of
from shared.settings import Settings
from shared.topics import TOPICS


def make(kafka: str, names: dict[str, int]) -> None:
    """Make topics with the given numbers of partitions."""
    new = [NewTopic(name, partitions, 1) for name, partitions in names.items()]
    with closing(KafkaAdminClient(bootstrap_servers=kafka)) as admin:
        admin.create_topics(new, wait_for_metadata=True)


def make_all(kafka: str, prefix: str) -> None:
    """Make all topics of adrwatch."""
    make(kafka, {topic.name(prefix): topic.partitions for topic in TOPICS})


def apply(settings: Settings) -> None:
    """Make all topics of adrwatch with the settings that `adrwatch topics apply` gives them."""
    with admin_of(settings) as client:
        declared.apply(client, settings.topic_prefix)


def records(kafka: str, name: str, last: int | None = None) -> list[Any]:
    """Every record that lies in a topic now, or the last so many of each partition."""
    with closing(KafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False)) as consumer:
        places = _places(consumer, name)
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        ends = consumer.end_offsets(places)
        if last is not None:
            for place, begin in consumer.beginning_offsets(places).items():
                consumer.seek(place, max(begin, ends[place] - last))
        found: list[Any] = []
        while any(consumer.position(place) < end for place, end in ends.items()):
            found.extend(record for batch in consumer.poll(timeout_ms=500).values() for record in batch)
    return found


def written(kafka: str, name: str) -> int:
    """How many records were ever written to a topic; none is read."""
    with closing(KafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False)) as consumer:
        return sum(consumer.end_offsets(_places(consumer, name)).values())


@tenacity.retry(
    # A broker that stood still and has just gone on says for a moment that there is none.
    retry=tenacity.retry_if_exception_type(MetadataEmptyBrokerList),
    wait=tenacity.wait_fixed(0.2),
    stop=tenacity.stop_after_delay(30),
    reraise=True,
)
def _places(consumer: Any, name: str) -> list[TopicPartition]:
    return [TopicPartition(name, partition) for partition in sorted(consumer.partitions_for_topic(name) or ())]
