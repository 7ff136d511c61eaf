"""Connections to X that end, and how what lies between is filled."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

import pytest

from services.ingest.networks.network import Item, Network
from services.ingest.networks.x.place import Place
from services.ingest.source import SourceBroken
from tests.networks.x import FakeX, post_id, tweet
from tests.unit.ingest.networks.x.reading import HOUR, since, some, texts, until


def test_after_a_break_search_finds_what_lies_between_and_only_then_the_place_goes_on(
    server: FakeX, x: Callable[..., Network]
) -> None:
    now = time.time()
    begin = now - 12 * HOUR
    server.page = 7
    server.add(*(tweet(begin + number * 600, f"humira, day {number}", number) for number in range(60)))
    server.add(tweet(begin - 60, "zoloft, of before"))
    network = x()
    places: set[str | None] = set()
    found = until(network, lambda items: bool(places.add(network.cursor)) or len(texts(items)) >= 60, since(begin))
    assert sorted(texts(found)) == sorted(f"humira, day {number}" for number in range(60))
    assert {Place.decode(place or "").since for place in places} == {int(post_id(begin))}
    assert network.reached is not None
    assert network.reached.timestamp() < begin, "the frame would take a later time for a gap"
    assert len(server.queries) > 8


def test_posts_that_were_late_when_the_connection_broke_are_found_behind_the_place(
    server: FakeX, x: Callable[..., Network]
) -> None:
    server.break_every = 2
    at = time.time()
    network = x(rewind_seconds=20)
    newest_first = [tweet(at + 1, "zoloft, newest", 1), tweet(at, "zoloft, older", 2)]
    late = tweet(at - 15, "zoloft, late", 3)
    seen: list[Item] = []
    with pytest.raises(SourceBroken):
        until(network, lambda found: bool(seen.extend(found)), connected=lambda: server.add(*newest_first, late))
    assert network.cursor is not None
    assert texts(until(network, lambda found: bool(texts(found)), network.cursor)) == ["zoloft, late"]


def test_a_break_longer_than_search_reaches_is_told_by_where_it_begins(
    server: FakeX, x: Callable[..., Network]
) -> None:
    network = x()
    now = time.time()
    server.add(tweet(now - HOUR, "zoloft, of an hour ago"))
    until(network, some(1), since(now - 9 * 24 * HOUR))
    assert network.reached is not None
    assert now - network.reached.timestamp() == pytest.approx(7 * 24 * HOUR, abs=700)


def test_a_short_break_is_filled_by_the_stream_where_the_plan_has_it(server: FakeX, x: Callable[..., Network]) -> None:
    now = time.time()
    server.add(tweet(now - 60, "zoloft, while nobody listened"))
    network = x(backfill_minutes=5)
    found = until(network, some(1), since(now - 80))
    assert texts(found) == ["zoloft, while nobody listened"]
    assert (server.streams[0]["backfill_minutes"], server.queries) == ("2", [])
    assert network.reached is not None


def test_search_that_is_limited_waits_and_goes_on_where_it_was(server: FakeX, x: Callable[..., Network]) -> None:
    now = time.time()
    server.page = 2
    server.add(*(tweet(now - 300, f"zoloft {number}", number) for number in range(6)))
    network = x()
    server.refuse["/recent"] = (429, {"Retry-After": "1"})

    def lift(found: list[Item]) -> bool:
        if time.time() > now + 2:
            server.refuse.clear()
        return len(texts(found)) >= 6

    until(network, lift, since(now - 600))
    assert server.connections == 1


@pytest.mark.parametrize(
    ("kind", "said"), [(3, "closed the connection"), (1, "broke the connection"), (2, "ends the stream")]
)
def test_every_end_of_a_connection_is_the_last_of_it(
    server: FakeX, x: Callable[..., Network], kind: int, said: str
) -> None:
    server.break_every = 1
    server.streams = [{}] * (kind - 1)
    network = x()
    server_adds = lambda: server.add(tweet(time.time(), "zoloft", 1))  # noqa: E731
    with pytest.raises(SourceBroken, match=said) as broken:
        until(network, some(5), connected=server_adds)
    assert broken.value.wait_seconds == 0.0, "X wants the next connection at once"
    assert server.connections == kind, "no connection is made anew before it is asked for"


def test_silence_without_keep_alives_is_taken_for_a_broken_connection(server: FakeX, x: Callable[..., Network]) -> None:
    server.stall_after = 0
    with pytest.raises(SourceBroken, match=r"sent nothing for 0\.3 s"):
        until(x(stall_seconds=0.3), some(1))


def test_leaving_lets_go_of_the_only_connection_at_once(server: FakeX, x: Callable[..., Network]) -> None:
    server.keep_alive_seconds = 3600
    for _ in range(3):
        network = x()
        with closing(network.follow(None)) as items:
            next(items)
            while not server.open:
                next(items)
        deadline = time.monotonic() + 5
        while server.open and time.monotonic() < deadline:
            time.sleep(0.02)
        assert server.open == 0


def test_a_clock_of_x_that_is_ahead_moves_the_place_by_its_own_time(server: FakeX, x: Callable[..., Network]) -> None:
    server.skew = 2 * HOUR
    network = x()
    at = time.time() + server.skew
    until(network, some(1), since(time.time()), connected=lambda: server.add(tweet(at, "zoloft")))
    assert network.reached is not None
    assert network.reached.timestamp() == pytest.approx(at, abs=20)


def test_a_clock_of_x_that_is_ahead_makes_no_long_break_a_short_one(server: FakeX, x: Callable[..., Network]) -> None:
    server.skew = 2 * HOUR
    theirs = time.time() + server.skew
    server.add(tweet(theirs - HOUR / 2, "zoloft, while nobody listened"))
    network = x(backfill_minutes=5)
    assert texts(until(network, some(1), since(theirs - HOUR))) == ["zoloft, while nobody listened"]
    assert "backfill_minutes" not in server.streams[0]
