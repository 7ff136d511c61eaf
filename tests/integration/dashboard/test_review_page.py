"""The review queue over real topics and a real database: posts are labelled, exported, and forgotten when they are deleted."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from kafka import KafkaProducer

from services.cases.audit import read
from services.cases.casebook import Casebook
from services.cases.labels import Labels
from shared import settings
from shared.corpora.documents import read_documents
from shared.corpora.tables import read_tweets
from shared.events import Outcome, Post, derived_id, encode, now
from shared.topics import POSTS, partition_of
from tests.integration.dashboard.conftest import PATIENCE
from tests.integration.ingest_command import Adrwatch

TEXT = "metformin <i>made</i> me ill"
NAME = derived_id("own:1")


@pytest.fixture
def waits(client: TestClient, kafka: str, place: settings.Settings) -> None:
    """One post that the classifier is not sure of, once the dashboard knows where its text lies."""
    producer = KafkaProducer(bootstrap_servers=kafka, acks="all")
    post = Post(id="own:1", source="own", text=TEXT, created_at=now(), ingested_at=now())
    outcome = Outcome(post_id="own:1", status="negative", created_at=now(), model_version="", probability=0.5)
    place_of = partition_of("own:1", POSTS.partitions)
    for suffix, event in (("posts", post), ("outcomes", outcome)):
        producer.send(f"{place.topic_prefix}.{suffix}", key=b"own:1", value=encode(event), partition=place_of)
    producer.flush()
    producer.close()
    desk = client.app.state.desk  # type: ignore[attr-defined]
    deadline = time.monotonic() + PATIENCE
    while desk.view.mentions.place("own:1") is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def labels(client: TestClient) -> Labels:
    desk = client.app.state.desk  # type: ignore[attr-defined]
    return Labels(desk.database, desk.trail)


@pytest.mark.usefixtures("waits")
def test_a_post_is_labelled_exported_and_forgotten_with_its_deletion(
    client: TestClient,
    kafka: str,
    place: settings.Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    page = client.get("/review").text
    assert "&lt;i&gt;made" in page
    assert NAME in page
    wrong = client.post(
        "/review/label", data={"post": NAME, "said": "1", "spans": '[{"start":0,"end":99,"type":"drug"}]'}
    )
    assert wrong.status_code == 422
    assert "outside the text" in wrong.text
    command = Adrwatch(kafka, place.topic_prefix, monkeypatch, capfd)
    waiting = command.json("labels", "waiting", str(tmp_path / "to-label.jsonl"))
    assert waiting == {"written": 1, "not_allowed": 0, "without_text": 0}
    assert [(one.id, one.text) for one in read_documents(tmp_path / "to-label.jsonl")] == [(NAME, TEXT)]
    marks = '[{"start":25,"end":28,"type":"reaction"}]'
    after = client.post("/review/label", data={"post": NAME, "said": "1", "spans": marks})
    assert "Nothing to review" in after.text
    assert NAME in client.post("/review/undo").text
    client.post("/review/label", data={"post": NAME, "said": "1", "spans": marks})
    [kept] = labels(client).all()
    assert (kept.label, kept.sampled, kept.probability, len(kept.spans)) == (1, 1.0, 0.5, 1)

    assert command.json("labels", "list")["posts"] == 1
    exported = command.json("labels", "export", str(tmp_path / "corpus"))
    assert exported == {"written": 1, "disputed": 0, "not_allowed": 0, "without_text": 0}
    [row] = read_tweets(tmp_path / "corpus" / "labels.tsv")
    assert (row.text, row.label, row.id) == (TEXT, 1, NAME)

    desk = client.app.state.desk  # type: ignore[attr-defined]
    Casebook(desk.database, desk.trail, "adrwatch").forget(["own:1"])
    assert labels(client).all() == []
    refused = client.post("/review/label", data={"post": NAME, "said": "1"})
    assert refused.status_code == 422
    assert "taken back" in refused.text
    with desk.database.reading() as connection:
        rows = list(read(connection))
    said = [row for row in rows if row.subject.startswith("label:")]
    assert [row.action for row in said] == ["read", "label", "unlabel", "read", "label"]
    assert len({row.subject for row in said}) == 1
    [to_label, leaving] = [row for row in rows if row.action == "export"]
    assert (to_label.subject, to_label.reason) == ("labels", "posts to label in another tool: 1 posts")
    assert (leaving.subject, leaving.reason) == ("labels", "a corpus to train with: 1 posts")
    assert "own:1" not in str(rows)
    assert NAME not in str(said)
    assert "metformin" not in str(rows)


@pytest.mark.usefixtures("waits")
def test_what_is_skipped_does_not_come_again(client: TestClient) -> None:
    assert "Nothing to review" in client.post("/review/skip", data={"post": NAME}).text
    assert client.post("/review/label", data={"post": "0" * 20, "said": "1"}).status_code == 422
    assert client.post("/review/undo").status_code == 422
    assert labels(client).all() == []


@pytest.mark.usefixtures("waits")
def test_programs_label_as_people_do(client: TestClient) -> None:
    waiting = client.get("/api/v1/labels/next")
    assert waiting.headers["Cache-Control"] == "no-store"
    assert waiting.json() == {"post": NAME, "text": TEXT, "language": None, "probability": 0.5, "left": 1}
    mark = {"start": 25, "end": 28, "type": "reaction"}
    outside = client.put(f"/api/v1/labels/{NAME}", json={"label": True, "spans": [mark | {"end": 99}]})
    assert outside.status_code == 409
    assert "outside the text" in outside.json()["title"]
    assert client.put(f"/api/v1/labels/{NAME}", json={"label": True, "spans": [mark]}).status_code == 204
    [said] = client.get("/api/v1/labels").json()["items"]
    assert (said["post"], said["label"], said["spans"], said["sampled"]) == (NAME, True, [mark], 1.0)
    assert TEXT not in str(said)
    assert client.get("/api/v1/labels", params={"assessor": "another"}).json()["items"] == []
    assert client.get("/api/v1/labels/next").json()["post"] is None
    assert client.put(f"/api/v1/labels/{'0' * 20}", json={"label": False}).status_code == 409
