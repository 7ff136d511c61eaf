"""`adrwatch screen counts|sample` on a real Kafka."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from kafka import KafkaProducer

from shared.events import Outcome, Post, Terms, encode
from shared.topics import POSTS, partition_of
from tests.integration.ingest_command import Adrwatch, adrwatch

__all__ = ["adrwatch"]
DAYS = (datetime(2026, 3, 1, 8, tzinfo=UTC), datetime(2026, 3, 2, 8, tzinfo=UTC))


class Topics:
    """Writes posts and outcomes as ingest and the pipeline do."""

    def __init__(self, kafka: str, prefix: str) -> None:
        self.producer: Any = KafkaProducer(bootstrap_servers=kafka)
        self._prefix = prefix

    def post(self, name: str, text: str | None, terms: Terms | None = None) -> None:
        """A post, or with None the tombstone of a deleted one."""
        value = None
        if text is not None:
            value = encode(
                Post(
                    terms=terms,
                    id=name,
                    source=name.partition(":")[0],
                    text=text,
                    created_at=DAYS[0],
                    ingested_at=DAYS[0],
                )
            )
        self._send("posts", name, value)

    def outcome(self, name: str, status: str, day: int = 0, terms: Terms | None = None) -> None:
        outcome = Outcome(terms=terms, post_id=name, status=status, created_at=DAYS[day], model_version="1+1")
        self._send("outcomes", name, encode(outcome))

    def _send(self, suffix: str, name: str, value: bytes | None) -> None:
        partition = partition_of(name, POSTS.partitions)
        self.producer.send(f"{self._prefix}.{suffix}", key=name.encode(), value=value, partition=partition).get(30)


@pytest.fixture
def topics(kafka: str, adrwatch: Adrwatch) -> Iterator[Topics]:
    made = Topics(kafka, adrwatch.prefix)
    yield made
    made.producer.close()


def test_counts_tell_reason_source_and_day_of_distinct_posts(adrwatch: Adrwatch, topics: Topics) -> None:
    for number in range(3):
        topics.outcome(f"forum:{number}", "screened:advert")
    topics.outcome("forum:0", "screened:advert")
    topics.outcome("forum:9", "mentions:1")
    topics.outcome("blog:1", "screened:language", day=1)
    topics.outcome("blog:2", "negative", day=1)
    topics.outcome("blog:2", "screened:bot", day=1)
    counts = adrwatch.json("screen", "counts")
    assert [tuple(count.values()) for count in counts] == [
        ("2026-03-01", "forum", "advert", 3, 4),
        ("2026-03-02", "blog", "bot", 1, 2),
        ("2026-03-02", "blog", "language", 1, 2),
    ]
    assert {count["day"] for count in adrwatch.json("screen", "counts", "--since", "2026-03-02")} == {"2026-03-02"}
    assert adrwatch("screen", "counts") == 0
    assert "75.0%" in adrwatch.out
    assert adrwatch("screen", "counts", "--since", "yesterday") == 2
    assert "--since" in adrwatch.err


def test_a_sample_repeats_and_holds_what_is_kept_of_each_reason(adrwatch: Adrwatch, topics: Topics) -> None:
    for number in range(12):
        topics.post(f"forum:{number}", f"=buy number {number}")
        topics.outcome(f"forum:{number}", "screened:advert" if number < 8 else "screened:bot")
    topics.post("forum:3", None)
    topics.outcome("forum:old", "screened:language")
    topics.post("forum:20", "somebody's story")
    topics.outcome("forum:20", "negative")

    drawn = adrwatch.json("screen", "sample", "-n", "4")
    assert [post["reason"] for post in drawn] == ["advert"] * 4 + ["bot"] * 4
    assert adrwatch.json("screen", "sample", "-n", "4") == drawn
    assert "language: 1 posts, and the text of none is kept" in adrwatch.err
    all_adverts = adrwatch.json("screen", "sample", "--reason", "advert")
    assert {post["id"] for post in all_adverts} == {f"forum:{number}" for number in range(8) if number != 3}
    assert all_adverts[:4] == drawn[:4]
    other = adrwatch.json("screen", "sample", "-n", "4", "--seed", "7")
    assert [post["id"] for post in other] != [post["id"] for post in drawn]

    assert adrwatch("screen", "sample", "--csv", "-n", "1") == 0
    header, *rows = csv.reader(io.StringIO(adrwatch.out))
    assert header == ["reason", "source", "day", "id", "text"]
    assert len(rows) == 2
    assert all(row[4].startswith("'=buy number") for row in rows)
    assert "do not copy" in adrwatch.err


def test_a_post_of_which_only_aggregates_may_be_kept_is_counted_and_never_drawn(
    adrwatch: Adrwatch, topics: Topics
) -> None:
    for name, terms in (("x:1", Terms(aggregates_only=True)), ("forum:1", None)):
        topics.post(name, "cheap zoloft", terms)
        topics.outcome(name, "screened:advert", terms=terms)
    assert sum(count["posts"] for count in adrwatch.json("screen", "counts")) == 2
    assert [post["id"] for post in adrwatch.json("screen", "sample")] == ["forum:1"]


def test_a_reason_that_does_not_occur_is_refused_with_those_that_do(adrwatch: Adrwatch, topics: Topics) -> None:
    topics.outcome("forum:1", "screened:bot")
    assert adrwatch("screen", "sample", "--reason", "advrt") == 2
    assert "no post as advrt" in adrwatch.err
    assert "these reasons occur: bot" in adrwatch.err


def test_where_nothing_was_taken_out_the_commands_say_so(adrwatch: Adrwatch, topics: Topics) -> None:
    topics.outcome("forum:1", "negative")
    assert adrwatch.json("screen", "counts") == []
    assert adrwatch("screen", "counts") == 0
    assert adrwatch.out == "the screen took out no post\n"
    assert adrwatch("screen", "sample", "--csv") == 0
    assert (adrwatch.out, adrwatch.err) == ("reason,source,day,id,text\n", "the screen took out no post\n")
    assert adrwatch("screen", "sample", "--json", "--csv") == 2
    assert "choose one" in adrwatch.err


def test_a_sample_for_a_terminal_cannot_move_its_cursor(adrwatch: Adrwatch, topics: Topics) -> None:
    topics.post("forum:1", "cheap\n\x1b[2J zoloft")
    topics.outcome("forum:1", "screened:advert")
    assert adrwatch("screen", "sample") == 0
    assert adrwatch.out == "[advert] forum 2026-03-01: cheap \\x1b[2J zoloft\n"
