"""Reading posts in batches."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from services.backtest.intake import Intake
from services.ingest.accept import accept
from services.ingest.source import Policy, RawPost, Reject, SourceBroken
from shared.events import Post
from tests.unit.backtest.messages import reject
from tests.unit.ingest.samples import AT, LIMITS, hashed, raw_post


@pytest.fixture
def refused() -> list[Reject]:
    return []


@pytest.fixture
def intake(refused: list[Reject]) -> Intake:
    return Intake(lambda raw: accept(raw, Policy(), LIMITS, hashed, AT), refused.append)


def ids(batches: list[list[Post]]) -> list[list[str]]:
    return [[post.id for post in batch] for batch in batches]


def test_posts_come_in_full_batches_and_a_last_one_with_the_rest(intake: Intake) -> None:
    batches = list(intake.batches([raw_post(str(n)) for n in range(5)], 2))
    assert ids(batches) == [["forum:0", "forum:1"], ["forum:2", "forum:3"], ["forum:4"]]
    assert intake.read == 5


def test_what_ingest_would_refuse_is_counted_named_and_left_out(intake: Intake, refused: list[Reject]) -> None:
    items: list[RawPost | Reject] = [
        raw_post("1"), reject(2), raw_post("3", text=" "), raw_post("4", created_at=AT + timedelta(days=1)), raw_post("5"),
    ]  # fmt: skip
    assert ids(list(intake.batches(items, 64))) == [["forum:1", "forum:5"]]
    assert intake.rejected == {"bad-json": 1, "empty-text": 1, "future-time": 1}
    assert [one.reason for one in refused] == ["bad-json", "empty-text", "future-time"]
    assert intake.read == 5


def test_of_a_source_that_breaks_the_good_part_is_given_and_the_trouble_told(intake: Intake) -> None:
    def broken() -> Iterator[RawPost | Reject]:
        yield raw_post("1")
        raise SourceBroken("posts.jsonl.gz ends in the middle")

    assert ids(list(intake.batches(broken(), 64))) == [["forum:1"]]
    assert intake.trouble is not None
    assert "ends in the middle" in intake.trouble.message
