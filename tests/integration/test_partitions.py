"""Partitions are raised on a real broker: nothing is lost or counts twice, and what was there before is still found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

from services.ingest.networks.parcel import Parcel
from shared.broker import TopicReader
from shared.events import Outcome as Decided
from shared.events import Position, decode, encode, now
from shared.stream import Output
from shared.topics import OUTCOMES, POSTS, partition_of, places_of, spread_over
from tests.faults import ledger
from tests.integration.ingest_command import Adrwatch, adrwatch, post, write
from tests.integration.test_alerting_kafka import END, Instance, running
from tests.integration.test_windows_rebuild import BRIEF, stop, verified
from tests.unit.alerting.world import HOUR, expected_alerts, outcome, several_days, small_rules
from tests.unit.alerting.world import closing as closing_posts

__all__ = ["adrwatch"]


@pytest.fixture
def instance(kafka: str, redis_url: str, topic_prefix: str, tmp_path: Path) -> Iterator[Instance]:
    with running(kafka, redis_url, topic_prefix, tmp_path) as made:
        yield made


def read_to_the_end(kafka: str, prefix: str) -> None:
    """Commit, as the workers of the pipeline do that have handled all there is."""
    name = POSTS.name(prefix)
    with closing(
        KafkaConsumer(bootstrap_servers=kafka, group_id=f"{prefix}.pipeline", enable_auto_commit=False)
    ) as group:
        places = [TopicPartition(name, number) for number in group.partitions_for_topic(name)]
        group.assign(places)
        group.commit({place: OffsetAndMetadata(end, "", -1) for place, end in group.end_offsets(places).items()})


def test_after_partitions_were_raised_every_alert_is_that_of_the_pure_functions(instance: Instance) -> None:
    outcomes = several_days(days=2, posts=350)
    expected = {encode(alert) for alert in expected_alerts(outcomes, END, small_rules())}
    half = len(outcomes) // 2
    instance.outcomes(outcomes[:half])
    refused = instance.command("topics", "raise", "8")
    assert (refused.returncode, f"alerting have {half} records still to read" in refused.stderr) == (2, True)

    worker = instance.start(1, BRIEF)
    instance.wait_for(instance.alerts, "first alert")
    group, name = f"{instance.prefix}.alerting", OUTCOMES.name(instance.prefix)
    ledger.wait_for(lambda: sum(ledger.committed(instance.kafka, group, name).values()) == half, "the end of the topic")
    stop(worker)
    raised = instance.command("topics", "raise", "8")
    assert raised.returncode == 0, raised.stderr

    assert instance.start(1).wait(timeout=60) == 2
    assert "set ADRWATCH_PARTITIONS=8 for every process" in (instance.folder / "worker-1.log").read_text()
    instance.environment["ADRWATCH_PARTITIONS"] = "8"
    spread_over(8)
    # The one of before does not know the new partitions.
    instance.producer.close()
    instance.producer = KafkaProducer(bootstrap_servers=instance.kafka, acks="all")
    instance.outcomes(outcomes[half:] + closing_posts(END + HOUR))
    instance.start(1, BRIEF)
    instance.start(2, BRIEF)
    instance.wait_for(lambda: {encode(alert) for alert in instance.alerts()} >= expected, "all alerts")
    assert {encode(alert) for alert in instance.alerts()} == expected
    assert verified(instance)["kinds"] == {}

    moved = next(one for one in outcomes[:half] if one.pairs and partition_of(one.post_id, 8) > 3)
    instance.outcomes([outcome(moved.post_id, 0)])
    with TopicReader(instance.settings, OUTCOMES) as reader:
        found = [decode(stored.value, Decided) for stored in reader.to_end()]
    assert [one.status for one in found if one.post_id == moved.post_id] == [moved.status, "negative"]


def test_posts_of_before_are_forgotten_and_later_ones_go_to_the_new_partitions(
    adrwatch: Adrwatch, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("posts.jsonl", *map(post, range(40)))
    replay = ("ingest", "replay", path, "--source-name", "forum")
    assert adrwatch(*replay) == 0
    assert adrwatch("topics", "raise", "8") == 2
    assert "the workers of pipeline have 40 records still to read" in adrwatch.err
    read_to_the_end(kafka, adrwatch.prefix)
    assert adrwatch("topics", "raise", "6") == 2
    assert "give a multiple of 4" in adrwatch.err
    assert adrwatch("topics", "raise", "8") == 0
    assert adrwatch("topics", "raise", "8") == 0
    assert "all three have 8 partitions" in adrwatch.out
    assert adrwatch("topics", "raise", "12") == 2
    assert "give a multiple, such as 16" in adrwatch.err
    assert adrwatch(*replay) == 2
    assert "set ADRWATCH_PARTITIONS=8" in adrwatch.err

    monkeypatch.setenv("ADRWATCH_PARTITIONS", "8")
    assert adrwatch(*replay) == 0
    moved = next(f"forum:{number}" for number in range(40) if partition_of(f"forum:{number}", 8) > 3)
    there = {record.partition for record in adrwatch.records("posts") if record.key == moved.encode()}
    assert there == set(places_of(moved, POSTS)) == {partition_of(moved, 4), partition_of(moved, 8)}
    assert adrwatch("ingest", "delete", moved) == 0
    gone = [record for record in adrwatch.records("posts") if record.value is None]
    assert {record.partition: len(record.headers) for record in gone} == {
        partition_of(moved, 4): 0,
        partition_of(moved, 8): 1,
    }


def test_what_waited_on_disk_goes_where_it_belongs_now(topic_prefix: str) -> None:
    waiting = Parcel(
        [Output(POSTS, "x:1", b"{}", partition_of("x:1", 4))],
        [],
        Position(source="x", cursor=None, reached=None, written_at=now(), state="running"),
    )
    packed = waiting.packed()
    spread_over(8)
    assert [one.partition for one in Parcel.unpacked(packed).outputs] == [partition_of("x:1", 8)]


@pytest.mark.parametrize("numbers", [(4, 8), (4, 8, 16), (4, 12, 24), (4, 256)])
def test_a_key_stays_or_moves_to_a_partition_that_is_new_and_is_found_in_all_it_was_in(
    numbers: tuple[int, ...],
) -> None:
    spread_over(numbers[-1])
    for key in (f"k:{number}" for number in range(500)):
        was = [partition_of(key, number) for number in numbers]
        assert all(
            after == before or after >= number for before, after, number in zip(was, was[1:], numbers, strict=False)
        )
        assert set(was) <= set(places_of(key, POSTS))
        assert places_of(key, POSTS)[0] == was[-1]
