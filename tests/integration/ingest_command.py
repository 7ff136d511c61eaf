"""The `adrwatch` command on topics of its own, and posts for it; for the tests of ingest."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient

from services import cli
from shared import settings
from shared.topics import TOPICS
from tests import topics

TIME = "2026-03-01T08:00:00Z"


class Adrwatch:
    """Runs `adrwatch` in this process as a person would; topics are read back by `tests.topics`."""

    def __init__(
        self, kafka: str, prefix: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        self.kafka = kafka
        self.prefix = prefix
        self._monkeypatch = monkeypatch
        self._capfd = capfd
        self.out = self.err = ""

    def __call__(self, *arguments: str) -> int:
        self._monkeypatch.setattr(sys, "argv", ["adrwatch", *arguments])
        settings.current.cache_clear()
        self._capfd.readouterr()
        code = 0
        try:
            cli.main()
        except SystemExit as left:
            code = int(left.code or 0)
        self.out, self.err = self._capfd.readouterr()
        return code

    def json(self, *arguments: str) -> Any:
        self(*arguments, "--json")
        return json.loads(self.out)

    def records(self, suffix: str) -> list[Any]:
        return topics.records(self.kafka, f"{self.prefix}.{suffix}")


@pytest.fixture
def adrwatch(
    kafka: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Adrwatch]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ADRWATCH_KAFKA_BOOTSTRAP", kafka)
    monkeypatch.setenv("ADRWATCH_TOPIC_PREFIX", topic_prefix)
    monkeypatch.setenv("ADRWATCH_DATA_DIR", str(tmp_path / "data"))
    command = Adrwatch(kafka, topic_prefix, monkeypatch, capfd)
    assert command("topics", "apply") == 0
    yield command
    with closing(KafkaAdminClient(bootstrap_servers=kafka)) as admin:
        admin.delete_topics([topic.name(topic_prefix) for topic in TOPICS])
    settings.current.cache_clear()


def post(number: int, **fields: Any) -> dict[str, Any]:
    return {"id": number, "text": f"@friend day {number}, still dizzy", "created_at": TIME, "user_id": 7} | fields


def write(name: str, *lines: dict[str, Any] | bytes) -> str:
    encoded = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    Path(name).write_bytes(b"".join(line + b"\n" for line in encoded))
    return name
