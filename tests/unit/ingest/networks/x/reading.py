"""How tests read X, and what they say of what they read."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

from services.ingest.networks.network import Item, Network, Passed
from services.ingest.networks.x.place import Place
from services.ingest.source import RawPost
from shared.keyring import Keyring
from tests.networks.x import FakeX, Tweet, post_id, tweet


def keyring() -> Keyring:
    return Keyring.of("a secret")


HOUR = 3600.0
PATIENCE = 60.0


def since(at: float, read: int = 0) -> str:
    """The place of a source that has read everything before a time."""
    return Place(int(post_id(at)), time.strftime("%Y-%m", time.gmtime()), read, int(time.time())).encode()


def until(
    network: Network, enough: Callable[[list[Item]], bool], cursor: str | None = None, connected: Callable[[], None] | None = None
) -> list[Item]:  # fmt: skip
    """What comes until it is enough; `connected` is called once the stream is."""
    found: list[Item] = []
    deadline = time.monotonic() + PATIENCE
    begin: str | None = None
    with closing(network.follow(cursor)) as items:
        for item in items:
            begin = begin or network.cursor
            if connected is not None and network.cursor != begin:
                # The first keep-alive has moved the place.
                connected()
                connected = None
            if item is not None:
                found.append(item)
            if enough(found):
                return found
            assert time.monotonic() < deadline, found
    raise AssertionError("the network ended")


def some(number: int) -> Callable[[list[Item]], bool]:
    return lambda found: len(found) >= number


def texts(items: list[Item]) -> list[str]:
    return [item.text for item in items if isinstance(item, RawPost)]


def kinds(items: list[Item]) -> list[str]:
    return [item.reason if isinstance(item, Passed) else type(item).__name__ for item in items]


def streamed(server: FakeX, network: Network, *tweets: Tweet) -> list[Item]:
    """What becomes of posts that are written while the stream is read."""
    last = tweet(time.time() + 1, "zoloft, the last", 99)
    found = until(
        network, lambda items: "zoloft, the last" in texts(items), connected=lambda: server.add(*tweets, last)
    )
    return found[:-1]
