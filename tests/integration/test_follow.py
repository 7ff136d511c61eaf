"""The frame of all sources on a real Kafka, around a network that does as it is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from services.ingest.networks import positions
from services.ingest.networks.batch import Batch
from services.ingest.networks.follow import Follower
from services.ingest.networks.known import Known
from services.ingest.networks.network import Item, Network
from services.ingest.source import SourceBroken
from shared.events import Position
from shared.settings import Settings, load
from tests import topics

PATIENCE = 60.0


class Scripted(Network):
    """Begins, and then does what `script` does."""

    def __init__(self, script: Callable[[], Iterator[Item | None]]) -> None:
        self.cursor: str | None = None
        self.reached: datetime | None = None
        self.followed: list[float] = []
        self._script = script

    def follow(self, cursor: str | None) -> Generator[Item | None, None, None]:
        self.followed.append(time.monotonic())
        self.cursor, self.reached = cursor or "here", datetime.now(UTC)
        yield None
        yield from self._script()

    def check(self) -> str:
        return "well"


@contextmanager
def followed(settings: Settings, network: Network) -> Iterator[None]:
    """The network is followed, until the end of the block."""
    topics.apply(settings)
    stop = threading.Event()
    batch = Batch(
        Known("s"), lambda _: (_ for _ in ()).throw(AssertionError("no posts here")), bool, lambda who: (who,)
    )
    follower = Follower("s", network, batch, settings, stop, None)
    thread = threading.Thread(target=follower.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(PATIENCE)


def settings_of(kafka: str, prefix: str, folder: Path) -> Settings:
    return load(kafka_bootstrap=kafka, topic_prefix=prefix, data_dir=folder, retry_first=0.01, retry_most=0.02)


def position(settings: Settings, right: Callable[[Position], bool]) -> Position:
    """The last position, once it is right."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = positions.read(settings).get("s")
        if found is not None and right(found):
            return found
        time.sleep(0.1)
    raise AssertionError(f"the position is {positions.read(settings)}")


def test_a_first_start_writes_where_it_begins_before_it_reads_on(kafka: str, topic_prefix: str, tmp_path: Path) -> None:
    settings = settings_of(kafka, topic_prefix, tmp_path)
    release = threading.Event()

    def silent() -> Iterator[None]:
        release.wait(PATIENCE)
        yield None

    with followed(settings, Scripted(silent)):
        assert position(settings, lambda one: one.cursor == "here").state == "running"
        release.set()


def test_a_network_is_left_alone_for_as_long_as_it_asks_and_the_position_says_why_all_the_while(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = settings_of(kafka, topic_prefix, tmp_path)

    def tired() -> Iterator[None]:
        raise SourceBroken("it is tired", wait_seconds=7.0)
        yield

    network = Scripted(tired)
    with followed(settings, network):
        first = position(settings, lambda one: one.error == "it is tired")
        assert first.state == "waiting"
        later = position(settings, lambda one: one.written_at > first.written_at)
        assert (later.state, later.error, later.since) == ("waiting", "it is tired", first.since)
        position(settings, lambda one: one.reconnects > first.reconnects)
        before, after = network.followed[:2]
        assert after - before >= 7.0


def test_a_network_that_fails_in_a_way_that_nobody_foresaw_is_tried_again(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    settings = settings_of(kafka, topic_prefix, tmp_path)

    def wild() -> Iterator[None]:
        raise ValueError("Invalid IPv6 URL")
        yield

    with followed(settings, Scripted(wild)):
        found = position(settings, lambda one: one.reconnects > 2)
        assert (found.state, found.error) == ("waiting", "its network failed in a way that nobody foresaw (ValueError)")
