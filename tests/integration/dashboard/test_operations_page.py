"""Operations over a real Kafka, Redis and database: what is shown, and dead letters that are sent back."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastapi.testclient import TestClient
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from services.cases.audit import read
from services.dashboard.access.rights import Person, Role, rights_of
from services.dashboard.app import application
from services.dashboard.worker import desk_of
from services.ingest import dead_letters, inbox
from services.ingest.dead_letters import replay
from shared import settings
from shared.events import DeadLetter, Outcome, encode, now
from shared.topics import ALERTS
from tests.integration.cases.items import item
from tests.integration.dashboard.conftest import PATIENCE
from tests.integration.dashboard.test_view import WHEN, World, mention

LETTER = DeadLetter(
    id="x.posts:1:4:screen", reason="schema", detail="not a Post", stage="screen", topic="", partition=1, offset=4,
    occurred_at=now(), payload=b'{"text":"<b>our own words"}', key=b"forum:4",
)  # fmt: skip


@pytest.fixture
def producer(kafka: str) -> Iterator[Any]:
    made = KafkaProducer(bootstrap_servers=kafka)
    yield made
    made.close()


@pytest.fixture
def bury(producer: Any, place: settings.Settings) -> Callable[..., DeadLetter]:
    def write(**changes: Any) -> DeadLetter:
        topic = f"{place.topic_prefix}.posts"
        letter: DeadLetter = msgspec.structs.replace(LETTER, **{"topic": topic} | changes)
        producer.send(f"{place.topic_prefix}.dead-letters", key=letter.id.encode(), value=encode(letter)).get(30)
        return letter

    return write


def until(client: TestClient, address: str, *words: str) -> str:
    deadline = time.monotonic() + PATIENCE
    while True:
        page = client.get(address).text
        if all(word in page for word in words):
            return page
        assert time.monotonic() < deadline, page
        time.sleep(0.1)


def test_the_page_says_what_flows_and_how_each_part_stands(
    client: TestClient, place: settings.Settings, producer: Any, bury: Callable[..., DeadLetter]
) -> None:
    bury()
    outcome = Outcome(post_id="forum:1", status="screened:no_drug", created_at=now(), model_version="")
    producer.send(f"{place.topic_prefix}.outcomes", key=b"forum:1", value=encode(outcome), partition=0).get(30)
    page = until(
        client, "/operations", "1 were screened out", "1 wait", "noeviction", "sqlite answers", "free in the data"
    )
    assert "ADRWATCH_TRITON_URL" in page
    assert "our own words" not in page
    part = client.get("/operations/now").text
    assert "<html" not in part
    assert "half within" in part


def test_how_long_it_took_from_posts_to_alerts_is_shown_by_source(
    client: TestClient, kafka: str, place: settings.Settings
) -> None:
    assert "No post of the last day" in until(client, "/operations", "No post of the last day")
    world = World(place, kafka)
    world.post("own:1")
    world.producer.flush()
    world.mentions(mention("own:1"))
    world.write(ALERTS, "item-1", msgspec.structs.replace(item(), episode=WHEN, evaluated_at=WHEN))
    world.producer.flush()
    page = until(client, "/operations/now", "<b>single report</b>")
    assert "<b>mention</b>" in page
    assert "<td><b>own</b></td>" in page
    # Five hours ago it was written; the steps are of 5 %.
    assert re.search(r'<td class="n">5(\.\d+)? h</td>', page)
    world.producer.close()


def test_what_is_away_is_shown_as_away_and_the_rest_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADRWATCH_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("ADRWATCH_DASHBOARD_ACCESS", "development")
    # Nobody listens at the port of discarded bytes.
    monkeypatch.setenv("ADRWATCH_KAFKA_BOOTSTRAP", "127.0.0.1:9")
    monkeypatch.setenv("ADRWATCH_REDIS_URL", "redis://127.0.0.1:9/0")
    monkeypatch.setenv("ADRWATCH_TRITON_URL", "127.0.0.1:9")
    settings.current.cache_clear()
    with TestClient(application(functools.partial(desk_of, settings.current())), base_url="http://127.0.0.1") as client:
        page = until(client, "/operations", "Redis does not answer", "Triton at 127.0.0.1:9", "sqlite answers")
        assert "None waits" not in page
        assert "Not known yet" in page
    settings.current.cache_clear()


def test_a_letter_is_sent_back_once_with_a_reason_and_rows_of_the_audit_trail(
    client: TestClient, kafka: str, place: settings.Settings, bury: Callable[..., DeadLetter]
) -> None:
    letter = bury()
    bury(id="x:line", topic="file.jsonl", partition=-1, stage="ingest", reason="bad-time")
    listed = client.get("/operations/dead-letters").text
    assert letter.id in listed
    assert "our own words" not in listed
    shown = client.get("/operations/dead-letters/one", params={"id": letter.id}).text
    assert "&lt;b&gt;our own words" in shown
    for nothing in ({}, {"why": "x"}):
        assert client.post("/operations/dead-letters/replay", data=nothing).status_code == 422
    asked = client.get("/operations/dead-letters/replay?everything=true").text
    assert "Replay 2 dead letters?" in asked
    assert "1 of them is a line of a file" in asked
    blank = client.post("/operations/dead-letters/replay", data={"everything": "true", "why": " "})
    assert blank.status_code == 422
    done = client.post("/operations/dead-letters/replay", data={"everything": "true", "why": "the reader was mended"})
    assert "2 chosen: 1 replayed, 1 marked done, 1 skipped, 0 failed" in done.text
    assert "adrwatch dead-letters export" in done.text
    assert letter.id not in client.get("/operations/dead-letters").text
    assert "x:line" in client.get("/operations/dead-letters").text
    gone = client.post("/operations/dead-letters/replay", data={"ids": [letter.id], "why": "again"})
    assert gone.status_code == 422
    at = TopicPartition(letter.topic, 1)
    consumer = KafkaConsumer(bootstrap_servers=kafka, group_id=None, auto_offset_reset="earliest")
    consumer.assign([at])
    [record] = consumer.poll(timeout_ms=int(PATIENCE * 1000))[at]
    consumer.close()
    assert (record.key, record.value) == (letter.key, letter.payload)
    desk = client.app.state.desk  # type: ignore[attr-defined]
    with desk.database.reading() as connection:
        rows = [(row.action, row.subject, row.reason) for row in read(connection)]
    assert rows[0][:2] == ("look", f"dead-letter:{letter.id}")
    assert rows[1][:2] == ("replay", "dead-letters")
    assert "the reader was mended" in rows[1][2]
    assert rows[2][0] == "replayed"
    assert '"replayed": 1' in rows[2][2]
    assert "our own words" not in str(rows)


def test_letters_are_sent_back_batch_by_batch_and_what_was_done_before_is_not(
    client: TestClient, bury: Callable[..., DeadLetter], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "_BYTES_AT_ONCE", 3 * len(encode(LETTER)))
    parts: list[int] = []

    def noting(batch: Any, *others: Any) -> Any:
        parts.append(len(batch))
        return replay(batch, *others)

    monkeypatch.setattr(dead_letters, "replay", noting)
    for number in range(7):
        bury(id=f"x.posts:1:{number}:screen", offset=number)
    bury(id="x.posts:1:0:screen", offset=0, detail="once more")
    bury(id="x:line", topic="file.jsonl", partition=-1, stage="ingest", reason="bad-time")
    done = client.post("/operations/dead-letters/replay", data={"everything": "true", "why": "the reader was mended"})
    assert "8 chosen: 7 replayed, 7 marked done, 1 skipped, 0 failed" in done.text
    assert sum(parts) == 8
    assert max(parts) <= 4
    again = client.post("/operations/dead-letters/replay", data={"everything": "true", "why": "the reader was mended"})
    assert "1 chosen: 0 replayed" in again.text


def test_who_may_not_see_evidence_sees_no_words_and_who_may_not_replay_does_not(
    client: TestClient, bury: Callable[..., DeadLetter], monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = bury()

    def become(role: Role) -> None:
        person = Person("somebody", frozenset({role}), rights_of([role]), "session")
        monkeypatch.setattr("services.dashboard.access.guard.person", lambda _: person)

    become(Role.operator)
    shown = client.get("/operations/dead-letters/one", params={"id": letter.id}).text
    assert "our own words" not in shown
    assert "forum:4" not in shown
    assert "those who may see evidence" in shown
    become(Role.assessor)
    for address in ("/operations", "/operations/now", "/operations/dead-letters"):
        assert client.get(address).status_code == 403
    assert client.post("/operations/dead-letters/replay", data={"everything": "true", "why": "x"}).status_code == 403
