"""All networks at once on their worst days: a thousand broken connections of each, bursts, everything twice."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.events import DeadLetter
from tests.networks.source import PATIENCE, Source, started, table
from tests.networks.town import Place, identity, town

BREAKS = 1_000
BURSTS = (40, 400, 40, 400)
FEED_HOLDS = 12
# Nobody waits, and little is read twice.
FAST: dict[str, dict[str, Any]] = {
    "bluesky": {"rewind_seconds": 0.2},
    "x": {"drugs": ["sertraline"], "search_delay_seconds": 0, "rewind_seconds": 0.5},
    "mastodon": {"rewind_seconds": 0.2},
    "blog": {"interval_minutes": 1e-4, "slowest_minutes": 1e-4},
    "forum": {"interval_seconds": 0.001, "pause_seconds": 0},
}
each_network = pytest.mark.parametrize("name", list(FAST))


class Town(Source):
    """One process that follows every network, each in its own thread, while `play` makes life hard for each of them.

    `said`: by network, the ids of the posts that were said there; `failed`: what went wrong while playing.
    """

    def __init__(self, kafka: str, folder: Path, places: list[Place]) -> None:
        super().__init__(
            kafka, f"test-{uuid.uuid4().hex[:12]}", folder, "", {}, lambda: min(one.visits() for one in places)
        )
        self.places = {one.name: one for one in places}
        self.environment |= {
            "ADRWATCH_RETRY_FIRST": "0.001",
            "ADRWATCH_RETRY_MOST": "0.002",
            "ADRWATCH_LOG_LEVEL": "ERROR",
        }
        self.said: dict[str, set[str]] = {name: set() for name in FAST}
        self.failed: dict[str, BaseException] = {}

    def configure(self, **keys: Any) -> None:
        """See Source."""
        self.file.write_text("".join(table(name, self.places[name].keys | FAST[name] | keys) for name in FAST))

    def play(self, worst: Callable[[Place, set[str]], None]) -> None:
        """Play with all networks at once; returns when what they said is there, or could not be waited for any longer."""

        def one(name: str) -> None:
            try:
                worst(self.places[name], self.said[name])
            except BaseException as error:  # noqa: BLE001 - the test of the network raises it
                self.failed[name] = error

        threads = [threading.Thread(target=one, args=[name]) for name in FAST]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        deadline = time.monotonic() + PATIENCE
        everything = set[str]().union(*self.said.values())
        while not self.posts().keys() >= everything and time.monotonic() < deadline:
            time.sleep(0.1)

    def stands(self, name: str) -> None:
        """What was said at the network is there, under one id each, and nothing else came of it."""
        if name in self.failed:
            raise self.failed[name]

        def ours(ids: set[str]) -> set[str]:
            return {one for one in ids if one.startswith(f"{name}:")}

        assert ours(set(self.posts())) == self.said[name]
        assert ours(self.deletions()) == set()
        assert [letter for letter in self.dead_letters() if letter_of(name, letter)] == []


def letter_of(name: str, letter: DeadLetter) -> bool:
    return letter.topic == name or (letter.key or b"").startswith(f"{name}:".encode())


@pytest.fixture(scope="module")
def seed() -> int:
    return random.randrange(1 << 32)


@pytest.fixture(scope="module")
def after_breaks(kafka: str, tmp_path_factory: pytest.TempPathFactory, seed: int) -> Iterator[Town]:
    """A thousand disconnections of each network; some of the posts are said while nobody listens."""

    def worst(place: Place, said: set[str]) -> None:
        chance, number = random.Random(seed), 0
        place.misbehave(seed)
        while place.breaks() < BREAKS:
            before = place.visits()
            for broken in (False, True):
                for _ in range(chance.randrange(not broken, 3)):
                    said.add(identity(place.name, place.say(number, f"zoloft, day {number}")))
                    number += 1
                for _ in range(0 if broken else chance.randrange(1, 6)):
                    place.break_off()
            came_back(place, before)

    folder = tmp_path_factory.mktemp("breaks")
    with town(folder, FEED_HOLDS) as places:
        made = Town(kafka, folder, places)
        with started(made):
            made.start()
            made.play(worst)
            yield made


@pytest.fixture(scope="module")
def after_bursts(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Ten times as many posts as usual, and a break in the middle of them."""

    def worst(place: Place, said: set[str]) -> None:
        for count in BURSTS:
            before, first = place.visits(), len(said)
            said |= {
                identity(place.name, place.say(first + number, f"zoloft, day {number}")) for number in range(count)
            }
            place.break_off()
            came_back(place, before)

    folder = tmp_path_factory.mktemp("bursts")
    with town(folder, sum(BURSTS)) as places:
        made = Town(kafka, folder, places)
        with started(made):
            made.start()
            made.play(worst)
            yield made


def came_back(place: Place, before: int) -> None:
    """Wait until somebody was served again; a moment, for there are a thousand of them."""
    deadline = time.monotonic() + PATIENCE
    while place.visits() <= before:
        assert time.monotonic() < deadline, f"nobody came back to {place.name}"
        time.sleep(0.001)


@each_network
def test_a_thousand_breaks_lose_nothing_and_count_nothing_twice(name: str, after_breaks: Town, seed: int) -> None:
    print(f"seed {seed}: {after_breaks.places[name].breaks()} breaks, {len(after_breaks.said[name])} posts")
    after_breaks.stands(name)
    assert after_breaks.places[name].breaks() >= BREAKS


@each_network
def test_bursts_of_ten_times_as_many_posts_come_whole(name: str, after_bursts: Town) -> None:
    after_bursts.stands(name)
