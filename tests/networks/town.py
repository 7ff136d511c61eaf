"""All networks of this machine at once, each behind the same few words, for a demonstration and for tests of all sources."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.networks import jetstream, x

# For networks that are asked for names: half of the demo's posts have one of them.
DRUGS = ["sertraline", "metformin", "lisinopril", "semaglutide", "atorvastatin", "prednisone", "escitalopram", "quetiapine",
         "gabapentin", "duloxetine", "tramadol", "doxycycline"]  # fmt: skip
AUTHORS = ("anna", "bert", "carla", "dora", "emil")


@dataclass(frozen=True)
class Said:
    """What was said at a network. `address` names the post there: adrwatch's id is made of it. `heard`: it tells its listeners."""

    address: str
    text: str
    heard: bool = True


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


class XPlace:
    """X. Its rules find whole words only."""

    name = "x"

    def __init__(self, server: x.FakeX, folder: Path) -> None:
        self._server = server
        self.keys = {
            "type": "x", "base_url": server.url, "bearer_token": secret(folder, "x", x.TOKEN), "max_posts_per_month": 1_000_000,
            "drugs": DRUGS, "search_delay_seconds": 1, "compliance_hours": 10 / 3600,
        }  # fmt: skip

    def say(self, number: int, text: str) -> Said:
        """See Place."""
        made = x.tweet(time.time(), text, number % 1_000_000, author=str(770000 + number % len(AUTHORS)))
        self._server.add(made)
        return Said(made["id"], text, heard=bool(self._server.matching(made)))

    def take_back(self, said: Said) -> None:
        """See Place."""
        self._server.remove(said.address)

    def break_off(self) -> None:
        """See Place."""
        self._server.break_off()


def secret(folder: Path, name: str, value: str) -> dict[str, str]:
    """A credential in a file of its own."""
    path = folder / f"{name}.secret"
    path.touch(mode=0o600)
    path.write_text(value)
    return {"file": str(path)}


@contextmanager
def town(folder: Path) -> Iterator[list[Place]]:
    """Servers for every network, on free ports of the loopback. `folder` takes what their sources need as files."""
    with ExitStack() as stack:
        yield [
            BlueskyPlace(stack.enter_context(jetstream.jetstream())),
            XPlace(stack.enter_context(x.fake_x()), folder),
        ]


def _now_us() -> int:
    return time.time_ns() // 1000
