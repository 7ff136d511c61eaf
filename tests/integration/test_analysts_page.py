"""docs/analysts.md says what is so: its examples run against a real broker, and print what it says."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.workers import environment
from services.alerting.upstream import PipelineProgress
from services.subscribe.feed import Feed
from shared.broker import TopicReader, committed
from shared.errors import AdrwatchError, DependencyAway
from shared.events import Alert, Measure, Outcome, Table, encode
from shared.latest_alerts import latest_alerts
from shared.settings import PACKAGE_ROOT, Settings, load
from shared.stream import Output
from shared.topics import DELETIONS, MENTIONS, OUTCOMES, POSTS
from tests import topics
from tests.integration.page_blocks import Reader, blocks
from tests.integration.secure_kafka import SecureKafka, running
from tests.integration.subscriber import IBUPROFEN, NAUSEA, RASH, alert, deletion, mention, tombstone, write
from tests.processes import work_until

PAGE = PACKAGE_ROOT / "docs" / "analysts.md"
OPERATORS = "Who may read"
DAILY = "Every day what is new"


def world() -> list[Any]:
    """What the page's examples are of."""
    signal = alert(
        5, kind="disproportionality", lane="signal", reaction=NAUSEA, rules=("ic025",), window_hours=24,
        table=Table(16, 28, 15, 3297), authors=15, measures={"ic": Measure(4.186, 3.393, 4.68)},
    )  # fmt: skip
    assert isinstance(signal, Alert)
    first = mention(1, person="writer")
    return [
        first, mention(2, IBUPROFEN, RASH, serious=("hospital",)), mention(3), deletion(3), first, signal, alert(2),
        tombstone(alert(2)),
    ]  # fmt: skip


def a_day_later() -> list[Any]:
    return [deletion(1), mention(4, IBUPROFEN)]


def test_every_example_for_analysts_prints_what_the_page_says(kafka: str, topic_prefix: str, tmp_path: Path) -> None:
    settings = load(kafka_bootstrap=kafka, topic_prefix=topic_prefix)
    topics.apply(settings)
    write(settings, *world())
    reader = Reader(tmp_path, kafka, topic_prefix)
    found = [block for block in blocks(PAGE) if block.section != OPERATORS]
    assert len(found) == 10
    for block in found:
        reader.check(block)
        if block.section == DAILY and block.language == "sh":
            write(settings, *a_day_later())
            reader.today = "2026-03-02"
            reader.check(block)


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    with running(tmp_path_factory.mktemp("secure")) as server:
        topics.apply(server.settings())
        write(server.settings(), *world(), *a_day_later())
        yield server


@pytest.fixture(scope="module")
def users(secure: SecureKafka, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Makes the users and their rights, and reads as the analyst, as the page says."""
    reader = Reader(tmp_path_factory.mktemp("operators"), secure.address, "adr")
    reader.tool("kafka-configs.sh", f"exec {secure.tool('kafka.admin.ConfigCommand')}")
    reader.tool("kafka-acls.sh", f'exec {sys.executable} -m tests.integration.kafka_acls "$@"')
    secure.command_config(reader.folder / "operator.properties")
    (reader.folder / "ca.pem").write_bytes(secure.authorities.read_bytes())
    found = [block for block in blocks(PAGE) if block.section == OPERATORS]
    assert len(found) == 4
    for block in found:
        reader.check(block)
    assert len((reader.folder / "mentions.csv").read_text().splitlines()) == 3


def analyst(secure: SecureKafka) -> Settings:
    return secure.settings("analyst", "a-long-password")


def test_an_analyst_by_the_rules_of_the_page_may_read_mentions_and_no_posts(secure: SecureKafka, users: None) -> None:
    with Feed(analyst(secure), MENTIONS, DELETIONS, "analyst.other") as feed:
        assert sum(len(batch) for batch in feed.to_end()) == 7
        feed.commit()
    with pytest.raises(AdrwatchError, match=r"may not read adr\.posts"):
        TopicReader(analyst(secure), POSTS)
    with pytest.raises(AdrwatchError, match="may not move this consumer group"):
        Feed(analyst(secure), MENTIONS, DELETIONS, "somebody.else")
    with pytest.raises(DependencyAway, match="did not acknowledge: TopicAuthorizationFailedError"):
        write(analyst(secure), mention(9))


def test_a_user_or_a_line_that_the_broker_refuses_is_said_with_what_to_mend(
    secure: SecureKafka, users: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.broker._CONNECT_MS", 5_000)
    with pytest.raises(DependencyAway, match="does not know the user analyst with this password") as caught:
        TopicReader(secure.settings("analyst", "a wrong password"), MENTIONS)
    assert "a wrong password" not in str(caught.value)
    with pytest.raises(DependencyAway, match="one that has users"):
        TopicReader(load(kafka_bootstrap=secure.address), MENTIONS)


def test_workers_and_commands_of_adrwatch_run_as_a_user_with_the_rights_of_the_page(
    secure: SecureKafka, users: None, redis_url: str, tmp_path: Path
) -> None:
    # Under a prefix that its rights cover, away from what the analysts of the other tests read.
    settings = secure.settings(
        "adrwatch", "another-password", topic_prefix="adr.second", redis_url=redis_url, redis_prefix=secure.cluster_id,
        data_dir=tmp_path, evaluate_every=0.2,
    )  # fmt: skip
    topics.apply(settings)
    found = mention(1, serious=("death",), author="somebody")
    outcome = Outcome(post_id=found.post_id, status="mentions:1", created_at=found.created_at, model_version="test")
    write(settings, found, Output(OUTCOMES, found.post_id, encode(outcome), 0))

    def told() -> bool:
        read = all(committed(settings, "adr.second.alerting", topic) for topic in (OUTCOMES, MENTIONS))
        return read and [one.kind for one in latest_alerts(settings).all()] == ["single_report"]

    work_until("alerting", tmp_path, told, environment=os.environ | environment(settings, {}))
    assert "does not tell how far" not in (tmp_path / "worker.log").read_text()
    # aiokafka, by which alerting asks about the pipeline, has no other way in.
    assert asyncio.run(drained(settings)) == {0, 1, 2, 3}


async def drained(settings: Settings) -> set[int]:
    progress = PipelineProgress(settings)
    try:
        return await progress.drained(range(POSTS.partitions))
    finally:
        await progress.close()
