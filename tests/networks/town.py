"""All networks of this machine at once, each behind the same few words, for a demonstration and for tests of all sources."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.networks import jetstream

AUTHORS = ("anna", "bert", "carla", "dora", "emil")


@dataclass(frozen=True)
class Said:
    """What was said at a network. `address` names the post there: adrwatch's id is made of it."""

    address: str
    text: str


class Place(Protocol):
    """A network of the town. `name` is its source's, `keys` its table in the sources file."""

    name: str
    keys: dict[str, Any]

    def say(self, number: int, text: str) -> Said:
        """Somebody posts; `number` is the post's, and never comes twice."""

    def take_back(self, said: Said) -> None:
        """The author deletes it."""

    def break_off(self) -> None:
        """Everybody who listens is thrown out, once."""


class BlueskyPlace:
    """Bluesky."""

    name = "bluesky"

    def __init__(self, server: jetstream.Jetstream) -> None:
        self._server = server
        self.keys = {"type": "bluesky", "endpoints": [server.url]}

    def say(self, number: int, text: str) -> Said:
        """See Place."""
        did, rkey, at = f"did:plc:{AUTHORS[number % len(AUTHORS)]}2345", f"3k{number}", _now_us()
        self._server.add(jetstream.post(did, rkey, text, at))
        return Said(f"{did}/{jetstream.POST}/{rkey}", text)

    def take_back(self, said: Said) -> None:
        """See Place."""
        did, _, rkey = said.address.split("/")
        self._server.add(jetstream.delete(did, rkey, _now_us()))

    def break_off(self) -> None:
        """See Place."""
        self._server.break_off()


@contextmanager
def town(folder: Path) -> Iterator[list[Place]]:
    """Servers for every network, on free ports of the loopback. `folder` takes what their sources need as files."""
    with ExitStack() as stack:
        yield [BlueskyPlace(stack.enter_context(jetstream.jetstream()))]


def _now_us() -> int:
    return time.time_ns() // 1000
