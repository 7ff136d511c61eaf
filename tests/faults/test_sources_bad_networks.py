"""Bluesky on its worst days: clocks that are wrong, half a day of silence, bursts out of order."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.topics import POSTS
from tests.networks.jetstream import Event, jetstream, post
from tests.networks.source import SECOND, BlueskySource, ours, source, start_us

HOUR = 3_600 * SECOND


@pytest.fixture
def bluesky(kafka: str, topic_prefix: str, tmp_path: Path) -> Iterator[BlueskySource]:
    with source(kafka, topic_prefix, tmp_path) as made:
        made.configure(rewind_seconds=0)
        yield made


def posts(begin: int, count: int, step: int = SECOND // 1000, name: str = "3k") -> list[Event]:
    return [
        post(f"did:plc:p{number % 97}", f"{name}{number}", f"zoloft, day {number}", begin + number * step)
        for number in range(count)
    ]


def ids(events: list[Event]) -> set[str]:
    return {ours(event) for event in events}


def test_posts_of_a_network_whose_clock_is_behind_are_taken_and_one_that_is_ahead_moves_no_position(
    bluesky: BlueskySource,
) -> None:
    now = int(time.time() * SECOND)
    bluesky.start()
    behind = posts(now - 2 * HOUR, 20)
    bluesky.server.add(*behind)
    bluesky.wait_for(lambda: bluesky.posts().keys() == ids(behind), "posts of two hours ago")
    bluesky.wait_for(lambda: (bluesky.listed()["lag_seconds"] or 0) > 7_000, "how late the source is")
    bluesky.kill()
    # An endpoint that is ahead sends the same network's posts by its clock; one whose clock is right has them, too.
    with jetstream() as ahead:
        later = posts(now - HOUR, 60, name="3l")
        ahead.add(*posts(now + 2 * HOUR, 60, name="3l"))
        bluesky.configure(rewind_seconds=0, endpoints=[ahead.url, bluesky.server.url])
        bluesky.server.add(*later)
        bluesky.start()
        bluesky.wait_for(lambda: bluesky.posts().keys() == ids(behind) | ids(later), "posts by the right clock")
    assert {letter.reason for letter in bluesky.dead_letters()} == {"bad-frame"}
    assert int(bluesky.listed()["position"]) < now


def test_a_gap_of_half_a_day_is_said_and_what_comes_after_it_is_read(bluesky: BlueskySource) -> None:
    now = int(time.time() * SECOND)
    bluesky.start()
    before, after = posts(now - 13 * HOUR, 20), posts(now - HOUR, 20, name="3l")
    bluesky.server.add(*before)
    bluesky.wait_for(lambda: bluesky.posts().keys() == ids(before), "posts before the gap")
    assert bluesky.stop() == 0
    bluesky.server.add(*after)
    bluesky.start()
    bluesky.wait_for(lambda: bluesky.posts().keys() == ids(before) | ids(after), "posts after the gap")
    assert b"nothing left from a time before" in bluesky.log.read_bytes()
    assert 11 * HOUR < bluesky.measured("adrwatch_source_gap_seconds_total") * SECOND <= 13 * HOUR


def test_bursts_of_ten_times_as_many_posts_come_whole_and_out_of_order(bluesky: BlueskySource) -> None:
    bluesky.start()
    begin, made = start_us(), []
    for burst, count in enumerate((200, 2_000, 200, 2_000)):
        events = posts(begin + burst * 60 * SECOND, count, name=f"3{burst}")
        made += events
        bluesky.server.add(*events[1::2], *events[::2])
    bluesky.wait_for(lambda: bluesky.posts().keys() == ids(made), "all posts")
    assert len(bluesky.records(POSTS)) >= len(made)
