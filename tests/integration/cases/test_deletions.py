"""A post that is deleted at its source leaves its case, by the worker between a real topic and each kind of database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

from kafka import KafkaProducer

from shared.events import Deletion, encode, now
from shared.topics import DEAD_LETTERS, DELETIONS
from tests import topics
from tests.integration.cases.items import opened

PATIENCE = 60.0


def test_a_deleted_post_leaves_its_case_once_and_a_foreign_message_is_kept(
    place, book, adrwatch, kafka, topic_prefix, tmp_path
):
    case, other = opened(book, 1), opened(book, 2)
    topics.make_all(kafka, topic_prefix)
    producer = KafkaProducer(bootstrap_servers=kafka, acks="all")
    deletion = encode(Deletion(id="own:1", deleted_at=now()))
    for value in (b"no deletion", deletion, deletion, encode(Deletion(id="own:99", deleted_at=now()))):
        producer.send(DELETIONS.name(topic_prefix), value, b"key")
    producer.flush()
    producer.close()
    environment = {**os.environ, "ADRWATCH_KAFKA_BOOTSTRAP": kafka, "ADRWATCH_TOPIC_PREFIX": topic_prefix}
    with (tmp_path / "worker.log").open("wb") as log:
        command = [sys.executable, "-m", "services.cli", "worker", "cases"]
        worker = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + PATIENCE
        while book.all()[-1].post is not None and book.all()[0].post is not None:
            assert worker.poll() is None, (tmp_path / "worker.log").read_text()
            assert time.monotonic() < deadline, (tmp_path / "worker.log").read_text()
            time.sleep(0.2)
        while not topics.records(kafka, DEAD_LETTERS.name(topic_prefix)):
            assert time.monotonic() < deadline, (tmp_path / "worker.log").read_text()
            time.sleep(0.2)
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(timeout=PATIENCE)
    posts = {found.id: found.post for found in book.all()}
    assert posts == {case.id: None, other.id: "own:2"}
    rows = [
        json.loads(line) for line in adrwatch("audit", "export", "--subject", f"case:{case.id}").stdout.splitlines()
    ]
    assert [(row["action"], row["actor"]) for row in rows] == [("open", "assessor one"), ("forget", "adrwatch")]
    assert adrwatch("audit", "verify").exit_code == 0
    assert "taken back" in adrwatch("cases", "show", case.id).stdout
    assert book.forget("own:1") == 0
