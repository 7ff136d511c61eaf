"""How far the pipeline has read, as a real broker knows it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

from services.alerting.upstream import PipelineProgress
from shared.errors import DependencyAway
from shared.settings import load
from shared.topics import POSTS
from tests import topics

ALL = set(range(POSTS.partitions))


@pytest.fixture
async def progress(kafka: str, topic_prefix: str) -> AsyncIterator[PipelineProgress]:
    topics.make_all(kafka, topic_prefix)
    asked = PipelineProgress(load(kafka_bootstrap=kafka, topic_prefix=topic_prefix))
    yield asked
    await asked.close()


def publish(kafka: str, prefix: str, partition: int, count: int) -> None:
    producer = KafkaProducer(bootstrap_servers=kafka)
    for _ in range(count):
        producer.send(POSTS.name(prefix), value=b"{}", partition=partition)
    producer.close()


def commit(kafka: str, prefix: str, partition: int, offset: int) -> None:
    place = TopicPartition(POSTS.name(prefix), partition)
    consumer = KafkaConsumer(bootstrap_servers=kafka, group_id=f"{prefix}.pipeline", enable_auto_commit=False)
    consumer.assign([place])
    consumer.commit({place: OffsetAndMetadata(offset, "", -1)})
    consumer.close(autocommit=False)


async def test_a_partition_is_drained_when_all_its_posts_are_committed(
    progress: PipelineProgress, kafka: str, topic_prefix: str
) -> None:
    assert await progress.drained(ALL) == ALL
    publish(kafka, topic_prefix, 1, 5)
    publish(kafka, topic_prefix, 2, 5)
    assert await progress.drained(ALL) == ALL - {1, 2}
    commit(kafka, topic_prefix, 1, 4)
    commit(kafka, topic_prefix, 2, 5)
    assert await progress.drained(ALL) == ALL - {1}
    assert await progress.drained({1, 2}) == {2}
    commit(kafka, topic_prefix, 1, 5)
    assert await progress.drained(ALL) == ALL


async def test_posts_that_retention_took_before_they_were_read_are_not_waited_for(
    progress: PipelineProgress, kafka: str, topic_prefix: str
) -> None:
    publish(kafka, topic_prefix, 3, 5)
    assert 3 not in await progress.drained(ALL)
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.delete_records({TopicPartition(POSTS.name(topic_prefix), 3): 5})
    admin.close()
    deadline = time.monotonic() + 60
    while 3 not in await progress.drained(ALL):
        assert time.monotonic() < deadline


async def test_the_pipelines_group_gets_no_member_by_being_asked_about(
    progress: PipelineProgress, kafka: str, topic_prefix: str
) -> None:
    publish(kafka, topic_prefix, 0, 1)
    commit(kafka, topic_prefix, 0, 1)
    await progress.drained(ALL)
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    described = admin.describe_groups([f"{topic_prefix}.pipeline"])
    admin.close()
    assert described[f"{topic_prefix}.pipeline"]["members"] == []


async def test_a_broker_that_is_away_is_said_and_asked_again(kafka: str, topic_prefix: str) -> None:
    asked = PipelineProgress(load(kafka_bootstrap="127.0.0.1:9", topic_prefix=topic_prefix))
    for _ in range(2):
        with pytest.raises(DependencyAway, match="how far the pipeline has read"):
            await asked.drained({0})
