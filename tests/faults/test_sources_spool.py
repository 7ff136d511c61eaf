"""Kafka is paused or killed under a live source, which reads on into its spool: nothing is lost, nothing comes twice in effect."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local.stack import Stack
from services.ingest.networks.segments import contents
from services.ingest.networks.spool import Spool
from shared.settings import load
from shared.topics import POSTS
from tests.networks.jetstream import Event, delete, post
from tests.networks.source import SECOND, BlueskySource, ours, ours_of, source, start_us


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with Stack(load(data_dir=tmp_path_factory.mktemp("kafka")), servers=["kafka"]) as made:
        yield made


@pytest.fixture
def bluesky(stack: Stack, topic_prefix: str, tmp_path: Path) -> Iterator[BlueskySource]:
    with source(stack.addresses["kafka_bootstrap"], topic_prefix, tmp_path) as made:
        made.configure(rewind_seconds=2)
        yield made


@contextmanager
def paused(stack: Stack) -> Iterator[None]:
    """Kafka neither answers nor breaks off."""
    pid = stack.pids()["kafka"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def some(begin: int, first: int, count: int, words: str = "zoloft") -> list[Event]:
    """Posts of this number and the next, a hundredth of a second apart."""
    return [
        post(f"did:plc:p{number % 9}", f"3k{number:06}", f"{words}, day {number}", begin + number * SECOND // 100)
        for number in range(first, first + count)
    ]


def spooled(source: BlueskySource) -> int:
    return contents(source.folder / "spool" / "bluesky").posts


def spool_bytes(source: BlueskySource) -> int:
    return contents(source.folder / "spool" / "bluesky").bytes


def waiting(source: BlueskySource) -> set[str]:
    """The ids of the posts in the spool of a source that was killed."""
    spool = Spool("bluesky", load(data_dir=source.folder))
    found = {output.key for parcel in spool.parcels() for output in parcel.outputs if output.topic is POSTS}
    spool.close()
    return found


def test_while_kafka_stands_still_posts_wait_on_disk_and_a_deleted_one_never_comes_out(
    stack: Stack, bluesky: BlueskySource
) -> None:
    bluesky.start()
    begin = start_us()
    events = some(begin, 0, 600)
    first = {ours(event) for event in events[:100]}
    bluesky.server.add(*events[:100])
    bluesky.wait_for(lambda: bluesky.posts().keys() == first, "the first posts")
    with paused(stack):
        # One of these may be on its way to Kafka already, the others wait.
        for part in range(100, 600, 100):
            bluesky.server.add(*events[part : part + 100])
            bluesky.wait_for(lambda part=part: bluesky.server.sent >= part + 100, "reading on")
            if part > 100:
                bluesky.wait_for(lambda part=part: spooled(bluesky) >= part - 100, "the spool")
        bluesky.wait_for(lambda: spooled(bluesky) == 500, "all posts in the spool")
        bluesky.wait_for(lambda: b"the broker is away" in bluesky.log.read_bytes(), "the end of Kafka's patience")
        gone, before = events[590], spool_bytes(bluesky)
        bluesky.server.add(delete(gone["did"], gone["commit"]["rkey"], begin + 7 * SECOND))
        bluesky.wait_for(lambda: spool_bytes(bluesky) > before, "the deletion in the spool")
    left = {ours(event) for event in events} - {ours(gone)}
    bluesky.wait_for(lambda: bluesky.posts().keys() == left and spooled(bluesky) == 0, "all but the deleted post")
    assert bluesky.deletions() == {ours(gone)}
    texts = [record.value for record in bluesky.records(POSTS) if record.key == ours(gone).encode()]
    assert texts in ([], [None]), "its text was written although it was deleted before"
    assert bluesky.stop() == 0
    listed = bluesky.listed()
    assert (listed["state"], listed["spooled"], listed["spooled_since"]) == ("stopped", 0, None)


def test_kill_9_at_random_moments_loses_nothing_that_waits_on_disk_even_of_a_network_that_keeps_nothing(
    stack: Stack, bluesky: BlueskySource
) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    bluesky.server.keeps = False
    begin, made = start_us(), 0
    kept: set[str] = set()
    for _ in range(4):
        bluesky.start()
        least = chance.randrange(1, 200)

        def enough(least: int = least) -> bool:
            nonlocal made
            bluesky.server.add(*some(begin, made, 10))
            made += 10
            return spooled(bluesky) >= least

        with paused(stack):
            bluesky.wait_for(enough, "posts in the spool")
            bluesky.kill()
            kept |= waiting(bluesky)
    bluesky.start()
    bluesky.wait_for(lambda: bluesky.posts().keys() >= kept and spooled(bluesky) == 0, f"all posts (seed {seed})")
    ids = {ours_of(f"did:plc:p{number % 9}", f"3k{number:06}") for number in range(made)}
    assert bluesky.posts().keys() <= ids


def test_kill_9_in_the_middle_of_spooling_and_draining_loses_nothing_of_a_network_that_keeps_its_posts(
    stack: Stack, bluesky: BlueskySource
) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    begin, made = start_us(), 10
    bluesky.start()
    bluesky.server.add(*some(begin, 0, made))
    # Without any position, a source begins with the present.
    bluesky.wait_for(lambda: len(bluesky.posts()) == 10, "the first posts")
    bluesky.kill()
    for _ in range(5):
        bluesky.start()
        with paused(stack):
            bluesky.server.add(*some(begin, made, 400, "zoloft and long words " * 20))
            made += 400
            if chance.random() < 0.5:
                bluesky.wait_for(lambda least=chance.randrange(1, 200): spooled(bluesky) >= least, "some in the spool")
                bluesky.kill()
        if bluesky.processes[-1].poll() is None:
            # While it is drained.
            for _ in range(chance.randrange(5)):
                spooled(bluesky)
            bluesky.kill()
    bluesky.start()
    ids = {ours_of(f"did:plc:p{number % 9}", f"3k{number:06}") for number in range(made)}
    bluesky.wait_for(lambda: bluesky.posts().keys() == ids and spooled(bluesky) == 0, f"all posts (seed {seed})")


def test_a_spool_at_its_limit_lets_reading_pause_and_all_comes_when_kafka_is_back(
    stack: Stack, bluesky: BlueskySource
) -> None:
    bluesky.environment["ADRWATCH_SPOOL_MIB"] = "1"
    bluesky.start()
    begin, events = start_us(), list[Event]()

    def full() -> bool:
        more = some(begin, len(events), 50, "zoloft " + "and a headache that does not go away " * 5)
        events.extend(more)
        bluesky.server.add(*more)
        return b"the spool takes no more" in bluesky.log.read_bytes()

    with paused(stack):
        bluesky.wait_for(full, "the limit")
        assert 0 < spool_bytes(bluesky) <= 1 << 20
    bluesky.wait_for(lambda: bluesky.posts().keys() == {ours(event) for event in events}, "all posts")
    bluesky.wait_for(lambda: spooled(bluesky) == 0, "an empty spool")


def test_a_kafka_that_is_killed_costs_a_network_that_keeps_nothing_no_post(tmp_path: Path, topic_prefix: str) -> None:
    with Stack(load(data_dir=tmp_path / "kafka"), servers=["kafka"]) as own:
        with source(own.addresses["kafka_bootstrap"], topic_prefix, tmp_path) as bluesky:
            bluesky.server.keeps = False
            bluesky.start()
            events = some(start_us(), 0, 300)
            bluesky.server.add(*events[:100])
            bluesky.wait_for(lambda: len(bluesky.posts()) == 100, "the first posts")
            own.kill("kafka")
            for part in (100, 200):
                bluesky.server.add(*events[part : part + 100])
                bluesky.wait_for(lambda part=part: bluesky.server.sent >= part + 100, "reading on")
            ids = {ours(event) for event in events}
            bluesky.wait_for(lambda: own.state("kafka") == "running" and bluesky.posts().keys() == ids, "all posts")
