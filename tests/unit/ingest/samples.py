"""Posts, files and a producer for the tests of ingest. All texts are invented."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from kafka.future import Future

from services.ingest.accept import Limits
from services.ingest.columns import Columns
from services.ingest.readers import format_of, open_reader
from services.ingest.source import Origin, RawPost, Reject
from shared.text.identity import author_hash

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
LIMITS = Limits(max_chars=300, future=timedelta(minutes=10))
SECRET = "a secret of the tests"


def hashed(source: str, author: str) -> str:
    return author_hash(SECRET, source, author)


def read(path: Path, **columns: str) -> list[RawPost | Reject]:
    return list(open_reader(str(path), format_of(str(path), None), Columns(**columns), "forum", hashed))


def read_text(folder: Path, name: str, content: str | bytes, **columns: str) -> list[RawPost | Reject]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read(path, **columns)


def jsonl(*records: dict[str, Any]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def ids(items: Sequence[RawPost | Reject]) -> list[str]:
    return [item.native_id for item in items if isinstance(item, RawPost)]


def rejects(items: Sequence[RawPost | Reject]) -> list[tuple[int, str]]:
    return [(item.origin.line, item.reason) for item in items if isinstance(item, Reject)]


def raw_post(
    native_id: str, *, text: str = "no sleep since I take it", created_at: datetime = AT, author: str | None = None
) -> RawPost:
    return RawPost(
        source="forum",
        native_id=native_id,
        text=text,
        created_at=created_at,
        origin=Origin("posts.jsonl", 1),
        veiled=lambda: b"veiled",
        author=author,
    )


class FakeProducer:
    """A producer in memory. `fate` gives the error of the n-th record, None for an acknowledgement."""

    def __init__(self, fate: Callable[[int], Exception | None] = lambda number: None, *, answers: bool = True) -> None:
        self.records: list[dict[str, Any]] = []
        self._fate = fate
        self._answers = answers
        self._waiting: list[tuple[Future, dict[str, Any], Exception | None]] = []

    def send(self, topic: str, **record: Any) -> Future:
        future = Future()
        number = len(self.records) + len(self._waiting)
        self._waiting.append((future, {"topic": topic, **record}, self._fate(number)))
        return future

    def flush(self, timeout: float | None = None) -> None:
        waiting, self._waiting = self._waiting, []
        for future, record, error in waiting if self._answers else ():
            if error is None:
                self.records.append(record)
                future.success(record)
            else:
                future.failure(error)
