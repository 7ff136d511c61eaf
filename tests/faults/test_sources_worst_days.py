"""Every network on its worst days, through the same few words: a thousand broken connections, and bursts."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.networks.source import PATIENCE, Source, started
from tests.networks.town import Place, identity, town

BREAKS = 1_000
FEED_HOLDS = 12
BURSTS = (40, 400, 40, 400)
# Nobody waits, and little is read twice.
FAST: dict[str, dict[str, Any]] = {
    "bluesky": {"rewind_seconds": 0.2},
    "x": {"drugs": ["sertraline"], "search_delay_seconds": 0, "rewind_seconds": 0.5},
    "mastodon": {"rewind_seconds": 0.2},
    "blog": {"interval_minutes": 1e-4, "slowest_minutes": 1e-4},
    "forum": {"interval_seconds": 0.001, "pause_seconds": 0},
}
NETWORKS = list(FAST)


@contextmanager
def followed(name: str, kafka: str, prefix: str, folder: Path, feed_holds: int) -> Iterator[tuple[Place, Source]]:
    """A network of the town, and the source that has begun to follow it."""
    with town(folder, feed_holds) as places:
        place = next(one for one in places if one.name == name)
        made = Source(kafka, prefix, folder, name, place.keys | FAST[name], place.visits)
        made.environment |= {
            "ADRWATCH_RETRY_FIRST": "0.001",
            "ADRWATCH_RETRY_MOST": "0.002",
            "ADRWATCH_LOG_LEVEL": "ERROR",
        }
        with started(made):
            made.start()
            yield place, made


def came_back(place: Place, before: int) -> None:
    """Wait until somebody was served again; a moment, for there are a thousand of them."""
    deadline = time.monotonic() + PATIENCE
    while place.visits() <= before:
        assert time.monotonic() < deadline, "nobody came back"
        time.sleep(0.001)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_thousand_breaks_lose_nothing_and_count_nothing_twice(
    name: str, kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    with followed(name, kafka, topic_prefix, tmp_path, FEED_HOLDS) as (place, source):
        place.misbehave(seed)
        expected, number = set[str](), 0
        while place.breaks() < BREAKS:
            before = place.visits()
            for broken in (False, True):
                # The half of it while nobody listens.
                for _ in range(chance.randrange(not broken, 3)):
                    expected.add(identity(name, place.say(number, f"zoloft, day {number}")))
                    number += 1
                for _ in range(0 if broken else chance.randrange(1, 6)):
                    place.break_off()
            came_back(place, before)
        source.wait_for(lambda: source.posts().keys() >= expected, f"all posts (seed {seed})")
        assert source.posts().keys() == expected
        assert source.deletions() == set()
        assert source.dead_letters() == []


@pytest.mark.parametrize("name", NETWORKS)
def test_bursts_of_ten_times_as_many_posts_come_whole(name: str, kafka: str, topic_prefix: str, tmp_path: Path) -> None:
    with followed(name, kafka, topic_prefix, tmp_path, sum(BURSTS)) as (place, source):
        expected = set[str]()
        for count in BURSTS:
            before, first = place.visits(), len(expected)
            expected |= {identity(name, place.say(first + number, f"zoloft, day {number}")) for number in range(count)}
            # The next one comes in the middle of this one, after a break.
            place.break_off()
            came_back(place, before)
        source.wait_for(lambda: source.posts().keys() >= expected, "all posts")
        assert source.posts().keys() == expected
        assert source.deletions() == set()
