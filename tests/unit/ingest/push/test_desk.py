"""A desk without a broker: what an edit took back may come again, and what its sender took back may not."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.ingest.networks import positions
from services.ingest.networks.batch import Batch
from services.ingest.networks.gone import Gone
from services.ingest.networks.keys import Names
from services.ingest.networks.known import Known
from services.ingest.networks.parcel import Parcel
from services.ingest.push.configuration import Push
from services.ingest.push.desk import Desk
from services.ingest.push.request import Kind, Receipt, Request
from services.ingest.source import RawPost
from shared.broker import TopicReader
from shared.events import Deletion, Position, Post, encode
from shared.keyring import Keyring
from shared.secret_place import SecretPlace
from shared.settings import Settings, load
from shared.topics import POSTS

AT = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
NAMED, UNNAMED = "sertraline, dizzy", "dizzy"


def accept(post: RawPost) -> Post:
    return Post(id=post.post_id, source=post.source, text=post.text, created_at=post.created_at, ingested_at=AT)


class Broker:
    """Stands in for the outbox: has every parcel at once."""

    spooled = False
    failure = None

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def keep(self, parcel: Parcel) -> str:
        for one in parcel.outputs:
            if one.topic is POSTS and one.value is not None:
                self.texts[one.key] = json.loads(one.value)["text"]
        for post_id in parcel.gone_ids:
            self.texts.pop(post_id, None)
        return "kafka"


@dataclass
class AtDesk:
    """A desk, what it wrote, and the posts that it knows to be gone."""

    desk: Desk
    broker: Broker
    gone: Gone

    def push(self, *records: dict[str, Any], kind: Kind = "posts") -> dict[str, int]:
        request = Request(kind, [json.dumps(one).encode() for one in records])
        self.desk._answer([request])
        receipt = request.answer.result()
        assert isinstance(receipt, Receipt)
        return dict(receipt.counts)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(data_dir=tmp_path)


@pytest.fixture
def at(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AtDesk:
    gone = Gone(settings, ["vendor"], threading.Event())
    batch = Batch(Known("vendor"), accept, lambda text: "sertraline" in text, lambda author: (author,))
    names = Names("vendor", lambda: Keyring.of("a secret"), True, True, 600.0)
    names = replace(names, known=lambda post_id: post_id in gone or batch.knows(post_id))
    source = Push(secrets=(SecretPlace(env="NONE"),), languages=("en",))
    desk, broker = Desk(source, names, batch, gone, settings, threading.Event()), Broker()
    monkeypatch.setattr(desk, "_outbox", broker)
    return AtDesk(desk, broker, gone)


def post(text: str, language: str = "en") -> dict[str, Any]:
    return {"id": "1", "text": text, "created_at": AT.isoformat(), "language": language}


def test_a_post_that_is_edited_to_name_no_medicine_comes_back_when_it_names_one_again(at: AtDesk) -> None:
    for text, counts in ((NAMED, {"post": 1}), (UNNAMED, {"no_drug": 1}), (NAMED, {"post": 1})):
        assert at.push(post(text)) == counts
        assert at.broker.texts == ({"vendor:1": NAMED} if counts == {"post": 1} else {})


def test_of_edits_that_come_together_the_last_one_counts(at: AtDesk) -> None:
    at.push(post(NAMED))
    assert at.push(post(UNNAMED), post("sertraline, again")) == {"no_drug": 1, "post": 1}
    assert at.broker.texts == {"vendor:1": "sertraline, again"}


def test_an_update_in_another_language_takes_the_post_back_until_the_next_one(at: AtDesk) -> None:
    assert at.push(post(NAMED, "de")) == {"language": 1}
    at.push(post(NAMED))
    assert at.push(post(NAMED, "de")) == {"deletion": 1}
    assert at.broker.texts == {}
    assert at.push(post(NAMED)) == {"post": 1}


def test_what_its_sender_took_back_does_not_come_again_whatever_was_edited_before(at: AtDesk) -> None:
    at.push(post(NAMED))
    assert at.push({"id": "1"}, kind="deletions") == {"deletion": 1}
    assert at.push(post(NAMED), post(NAMED, "de")) == {"gone": 2}
    assert at.broker.texts == {}


def test_a_deletion_that_waits_on_disk_is_known_after_a_restart(
    at: AtDesk, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    position = Position(source="vendor", cursor=None, reached=None, written_at=AT, state="running")
    deletions = [Deletion(id="vendor:1", deleted_at=AT), Deletion(id="vendor:2", deleted_at=AT, edited=True)]
    at.desk._spool.append([Parcel([], deletions, position)])
    monkeypatch.setattr(Known, "catch_up", lambda *_: None)
    monkeypatch.setattr(positions, "read", lambda _: {})
    at.desk._take_up()
    assert at.push(post(NAMED), post(NAMED) | {"id": "2"}) == {"gone": 1, "post": 1}


def test_the_topic_says_which_deletions_were_edits(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    class Record:
        offset = 0

        def __init__(self, key: str, value: bytes | None) -> None:
            self.key, self.value = key.encode(), value

    records = [
        Record("vendor:1", encode(Deletion(id="vendor:1", deleted_at=AT, edited=True))),
        Record("vendor:2", encode(Deletion(id="vendor:2", deleted_at=AT))),
        Record("vendor:3", b"nobody can read it"),
    ]
    monkeypatch.setattr(TopicReader, "__init__", lambda *_: None)
    monkeypatch.setattr(TopicReader, "__exit__", lambda *_: None)
    monkeypatch.setattr(TopicReader, "to_end", lambda _: iter(records))
    gone = Gone(settings, ["vendor"], threading.Event())
    gone._look(once=True)
    assert [f"vendor:{number}" in gone for number in (1, 2, 3)] == [False, True, True]
