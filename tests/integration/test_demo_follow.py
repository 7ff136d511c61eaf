"""The demo's look at an instance, on a real Kafka and a real Redis that hold what the services would have written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import redis
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

from deploy.demo import follow
from deploy.reconcile.rows import Row
from shared.errors import AdrwatchError, DependencyAway
from shared.events import Outcome, encode
from shared.redis_keys import Keys
from shared.settings import Settings, load
from shared.topics import MENTIONS, OUTCOMES
from tests.topics import make_all

START = datetime(2026, 6, 1, tzinfo=UTC)
ROWS = [Row("posts.jsonl", number + 1, number + 1, f"sample:{number}") for number in range(8)]


@pytest.fixture
def instance(kafka: str, redis_url: str, topic_prefix: str) -> Settings:
    make_all(kafka, topic_prefix)
    return load(kafka_bootstrap=kafka, redis_url=redis_url, topic_prefix=topic_prefix, redis_prefix=topic_prefix)


@pytest.fixture
def decide(instance: Settings) -> Iterator[Callable[[int], None]]:
    producer = KafkaProducer(bootstrap_servers=instance.kafka_bootstrap)
    name = OUTCOMES.name(instance.topic_prefix)

    def decide(number: int) -> None:
        moment = START + timedelta(hours=number)
        outcome = Outcome(post_id=f"sample:{number}", status="negative", created_at=moment, model_version="1")
        producer.send(name, key=b"key", value=encode(outcome), partition=number % OUTCOMES.partitions).get(20)

    yield decide
    producer.close()


def catch_up(instance: Settings) -> None:
    """Commit what alerting would have."""
    consumer = KafkaConsumer(bootstrap_servers=instance.kafka_bootstrap, group_id=f"{instance.topic_prefix}.alerting")
    places = [TopicPartition(OUTCOMES.name(instance.topic_prefix), number) for number in range(OUTCOMES.partitions)]
    consumer.assign(places)
    ends = consumer.end_offsets(places)
    consumer.commit({place: OffsetAndMetadata(end, "", -1) for place, end in ends.items()})
    consumer.close(autocommit=False)


def note_evaluated(instance: Settings, until: datetime) -> None:
    client = redis.Redis.from_url(instance.require("redis_url"))
    moment = str(int(until.timestamp() * 1000))
    client.hset(
        Keys(instance.redis_prefix).evaluated_until,
        mapping={str(number): moment for number in range(MENTIONS.partitions)},
    )
    client.close()


def test_it_is_done_only_when_outcomes_commits_and_signals_are_all_there(
    instance: Settings, decide: Callable[[int], None]
) -> None:
    with follow.Follower(instance, ROWS) as follower:
        for number in range(7):
            decide(number)
        state = follower.look()
        assert (state.account.lost, state.lag, state.done) == (1, 7, False)
        decide(7)
        state = follower.look()
        assert (state.account.lost, state.done) == (0, False)
        catch_up(instance)
        state = follower.look()
        assert (state.lag, state.evaluated, state.done) == (0, None, False)
        # Partition 0 holds the hours 0 and 4: the watermark stands at 4, and the bucket before the last hour is closed.
        assert state.watermark == START + timedelta(hours=4)
        assert state.closed == START + timedelta(hours=3)
        note_evaluated(instance, START + timedelta(hours=2))
        assert not follower.look().done
        note_evaluated(instance, START + timedelta(hours=3))
        assert follower.look().done


def test_a_standstill_is_an_error_and_movement_is_not(
    instance: Settings, decide: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with follow.Follower(instance, ROWS) as follower:
        follower.look()
        monkeypatch.setattr(follow, "STANDSTILL", 0.0)
        with pytest.raises(AdrwatchError, match="nothing has moved"):
            follower.check_moving()
        monkeypatch.setattr(follow, "STANDSTILL", 60.0)
        decide(0)
        follower.look()
        follower.check_moving()


def test_a_redis_that_is_away_is_said(instance: Settings) -> None:
    away = instance.model_copy(update={"redis_url": "redis://127.0.0.1:9/0"})
    with follow.Follower(away, ROWS) as follower, pytest.raises(DependencyAway, match="Redis"):
        follower.look()
