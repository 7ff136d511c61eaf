"""Reconciliation against a real Kafka: it reads what is there, waits for what is coming, and misses nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata
from typer.testing import CliRunner, Result

from deploy.reconcile import topics as reconcile
from deploy.reconcile.command import register
from deploy.reconcile.topics import Results
from shared import settings
from shared.errors import AdrwatchError, DependencyAway
from shared.events import Alert, Concept, DeadLetter, Event, Outcome, encode
from shared.topics import ALERTS, DEAD_LETTERS, OUTCOMES, POSTS, Topic, partition_of
from tests.topics import make_all

MOMENT = datetime(2026, 6, 1, 12, tzinfo=UTC)
Send = Callable[[Topic, str, Event | None], None]


@pytest.fixture
def configured(kafka: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[settings.Settings]:
    monkeypatch.setenv("ADRWATCH_KAFKA_BOOTSTRAP", kafka)
    monkeypatch.setenv("ADRWATCH_TOPIC_PREFIX", topic_prefix)
    settings.current.cache_clear()
    yield settings.current()
    settings.current.cache_clear()


@pytest.fixture
def topics(configured: settings.Settings) -> settings.Settings:
    make_all(configured.require("kafka_bootstrap"), configured.topic_prefix)
    return configured


@pytest.fixture
def send(topics: settings.Settings) -> Iterator[Send]:
    producer = KafkaProducer(bootstrap_servers=topics.kafka_bootstrap)

    def send(topic: Topic, key: str, event: Event | None) -> None:
        value = encode(event) if event else None
        partition = partition_of(key, topic.partitions)
        producer.send(topic.name(topics.topic_prefix), key=key.encode(), value=value, partition=partition).get(20)

    yield send
    producer.close()


def outcome(native: int, status: str = "negative") -> Outcome:
    return Outcome(post_id=f"sample:{native}", status=status, created_at=MOMENT, model_version="1")


def refusal(line: int) -> DeadLetter:
    return DeadLetter(
        id=f"posts.jsonl:{line}",
        reason="bad-json",
        detail="",
        stage="ingest",
        topic="posts.jsonl",
        partition=-1,
        offset=line,
        occurred_at=MOMENT,
        payload=b"{",
    )


def posts(folder: Path, count: int) -> str:
    path = folder / "posts.jsonl"
    path.write_text("".join(json.dumps({"id": number, "text": "x"}) + "\n" for number in range(count)))
    return str(path)


def run(*arguments: str) -> Result:
    app = typer.Typer()
    register(app)
    return CliRunner().invoke(app, ["--source-name", "sample", *arguments])


def commit(settings: settings.Settings, service: str, topic: Topic, offsets: dict[int, int]) -> None:
    consumer = KafkaConsumer(bootstrap_servers=settings.kafka_bootstrap, group_id=f"{settings.topic_prefix}.{service}")
    name = topic.name(settings.topic_prefix)
    consumer.assign([TopicPartition(name, number) for number in offsets])
    consumer.commit({TopicPartition(name, n): OffsetAndMetadata(offset, "", -1) for n, offset in offsets.items()})
    consumer.close(autocommit=False)


def test_a_whole_account_is_printed_as_one_line_and_exits_with_0(send: Send, tmp_path: Path) -> None:
    for number in range(4):
        send(OUTCOMES, f"sample:{number}", outcome(number, "screened:no_drug" if number == 0 else "negative"))
    send(DEAD_LETTERS, "posts.jsonl:5", refusal(5))
    result = run(posts(tmp_path, 5))
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "posts=5 duplicates=0 screened=1 classified=3 mentions=0 alerts=0 single_reports=0 dead_letters=1 lost=0"
    ]


def test_a_lost_post_is_named_in_the_file_and_exits_with_1(send: Send, tmp_path: Path) -> None:
    send(OUTCOMES, "sample:0", outcome(0))
    missing = tmp_path / "missing.txt"
    result = run(posts(tmp_path, 3), "--show-missing", str(missing))
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1].endswith("lost=2")
    assert "2 posts have no outcome" in result.stderr
    assert missing.read_text().split() == ["sample:1", "sample:2"]


def test_json_holds_every_count(send: Send, tmp_path: Path) -> None:
    send(OUTCOMES, "sample:0", outcome(0, "mentions:1"))
    result = run(posts(tmp_path, 1), "--json")
    numbers = json.loads(result.stdout)
    assert (numbers["posts"], numbers["reported"], numbers["classified"], numbers["rejects"]) == (1, 1, 1, 0)


def test_it_waits_for_outcomes_that_are_still_coming(send: Send, tmp_path: Path) -> None:
    def send_all() -> None:
        for number in range(3):
            send(OUTCOMES, f"sample:{number}", outcome(number))

    later = threading.Timer(1.0, send_all)
    later.start()
    result = run(posts(tmp_path, 3), "--wait", "5")
    later.join()
    assert result.exit_code == 0
    assert "lost=0" in result.stdout


def test_it_gives_up_when_nothing_moves(send: Send, tmp_path: Path) -> None:
    send(OUTCOMES, "sample:0", outcome(0))
    assert run(posts(tmp_path, 2), "--wait", "1").exit_code == 1


def test_lag_is_what_the_groups_have_not_committed(topics: settings.Settings, send: Send) -> None:
    for number in range(10):
        send(POSTS, f"sample:{number}", outcome(number))
    send(OUTCOMES, "sample:1", outcome(1))
    with Results(topics) as results:
        assert results.lag() == 11
        ends = dict.fromkeys(range(POSTS.partitions), 0)
        for number in range(10):
            ends[partition_of(f"sample:{number}", POSTS.partitions)] += 1
        commit(topics, "pipeline", POSTS, ends)
        assert results.lag() == 1
        commit(topics, "alerting", OUTCOMES, {partition_of("sample:1", OUTCOMES.partitions): 1})
        assert results.lag() == 0


def test_reading_goes_on_where_it_stopped_and_a_tombstone_or_garbage_stops_nothing(
    topics: settings.Settings, send: Send
) -> None:
    with Results(topics) as results:
        assert results.read() == 0
        send(DEAD_LETTERS, "posts.jsonl:5", refusal(5))
        send(DEAD_LETTERS, "posts.jsonl:5", None)
        send(OUTCOMES, "sample:2", refusal(1))
        send(OUTCOMES, "sample:1", outcome(1))
        assert results.read() == 4
        assert list(results.seen.dead_letters) == ["posts.jsonl:5"]
        assert results.seen.statuses == {"sample:1": "negative"}
        assert results.unreadable == 1
        send(OUTCOMES, "sample:1", outcome(1, "mentions:1"))
        assert results.read() == 1
        assert results.seen.statuses == {"sample:1": "mentions:1"}


def test_an_alert_that_was_taken_back_is_no_alert(topics: settings.Settings, send: Send) -> None:
    drug, reaction = Concept("DB00331", "metformin"), Concept("HP:0002013", "Vomiting")
    for name in ("stays", "goes"):
        signal = Alert(
            id=name,
            kind="disproportionality",
            drug=drug,
            reaction=reaction,
            episode=MOMENT,
            evaluated_at=MOMENT,
            rules=("evans",),
            rule_version="1",
            examples=(),
        )
        send(ALERTS, name, signal)
    send(ALERTS, "goes", None)
    with Results(topics) as results:
        results.read()
        assert list(results.seen.alerts) == ["stays"]


def test_published_counts_the_records_of_posts(topics: settings.Settings, send: Send) -> None:
    with Results(topics) as results:
        assert results.published() == 0
        for number in range(7):
            send(POSTS, f"sample:{number}", outcome(number))
        assert results.published() == 7


def test_missing_topics_are_a_clear_error(configured: settings.Settings) -> None:
    with pytest.raises(AdrwatchError, match="there is no topic"):
        Results(configured)


def test_a_broker_that_is_away_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    # One is looked for for ten seconds.
    monkeypatch.setattr(reconcile, "_TIMEOUT_MS", 500)
    with pytest.raises(DependencyAway, match="does not answer"):
        Results(settings.load(kafka_bootstrap="127.0.0.1:9"))
