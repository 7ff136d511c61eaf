"""Posts of the benchmark: read as ingest reads, cut into rounds, written and read back."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.ingest.columns import Columns
from shared.errors import AdrwatchError
from shared.events import Post
from shared.settings import load
from tests.benchmarks import posts

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def post(number: int, text: str = "still dizzy", **changes: Any) -> Post:
    moment = NOON + timedelta(minutes=number)
    return Post(id=f"forum:{number}", source="forum", text=text, created_at=moment, ingested_at=moment, **changes)


def lines(*records: object) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def test_posts_are_those_that_ingest_accepts_masked_and_with_repeated_ids(tmp_path: Path) -> None:
    record = {"id": 1, "text": "@friend look, metformin", "created_at": "2026-06-01T12:00:00Z"}
    file = tmp_path / "posts.jsonl"
    file.write_bytes(lines(record, {**record, "id": 2, "text": " "}, {"id": 3}, record))
    settings = load(data_dir=tmp_path)
    found = posts.read(settings, str(file), Columns(), None)
    assert [(post.id, post.text) for post in found] == [("replay:1", "@USER look, metformin")] * 2
    assert len(posts.read(settings, str(file), Columns(), 1)) == 1
    described = posts.describe(settings, str(file), found)
    assert (described.name, described.posts, described.distinct) == ("posts.jsonl", 2, 1)
    assert described.pieces >= 5


def test_a_file_without_posts_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "posts.jsonl"
    file.write_bytes(lines({"id": 1, "text": " ", "created_at": "2026-06-01T12:00:00Z"}))
    with pytest.raises(AdrwatchError, match=r"no record of posts\.jsonl is a post"):
        posts.read(load(data_dir=tmp_path), str(file), Columns(), None)


@pytest.mark.parametrize(
    ("count", "rounds", "sizes"), [(7, 3, [2, 2, 3]), (6, 3, [2, 2, 2]), (5, 1, [5]), (2, 2, [1, 1])]
)
def test_rounds_share_the_stream_out_in_order(count: int, rounds: int, sizes: list[int]) -> None:
    stream = [post(number) for number in range(count)]
    parts = posts.cut(stream, rounds)
    assert [len(part) for part in parts] == sizes
    assert [post for part in parts for post in part] == stream


def test_more_rounds_than_posts_are_an_error() -> None:
    with pytest.raises(AdrwatchError, match="2 posts do not make 3 rounds"):
        posts.cut([post(1), post(2)], 3)


def test_live_posts_go_round_under_fresh_ids_at_their_own_pace() -> None:
    found = list(posts.live([post(1, "one"), post(2, "two")], 3, 4.0, NOON))
    assert [(post.id, post.text) for post in found] == [
        ("latency:0", "one"),
        ("latency:1", "two"),
        ("latency:2", "one"),
    ]
    assert [(post.created_at - NOON).total_seconds() for post in found] == [0.0, 0.25, 0.5]


def test_what_is_written_for_a_part_is_read_back_whole_and_is_its_owners_alone(tmp_path: Path) -> None:
    stream = [post(1, 'a "quoted" line\nand another', author="a" * 32), post(2, "müde", language="de")]
    file = posts.write_posts(tmp_path / "posts", stream)
    assert posts.read_posts(file) == stream
    texts = posts.write_texts(tmp_path / "texts", stream)
    assert [json.loads(line) for line in texts.read_text().splitlines()] == [post.text for post in stream]
    assert {stat.S_IMODE(path.stat().st_mode) for path in (file, texts)} == {0o600}


def test_a_replay_of_what_was_written_gives_the_same_texts_under_longer_ids(tmp_path: Path) -> None:
    stream = [post(1, "@USER HTTPURL lyrica", author="a" * 32), post(2, "müde", language="de")]
    file = posts.write_replay(tmp_path / "bench.jsonl", stream)
    found = posts.read(load(data_dir=tmp_path), str(file), Columns(), None)
    assert [post.id for post in found] == ["replay:forum:1", "replay:forum:2"]
    assert [(post.text, post.created_at, post.language) for post in found] == [
        (post.text, post.created_at, post.language) for post in stream
    ]
    assert [post.author is None for post in found] == [False, True]
