"""How the tests of Reddit read a source, and what is published of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

from services.ingest.networks.network import Item, Network, PostGone
from services.ingest.networks.reddit.place import Place
from services.ingest.networks.seal import Seal
from services.ingest.source import RawPost
from shared.events import Published
from shared.keyring import Keyring
from tests.networks.reddit import AGENT


def keyring() -> Keyring:
    return Keyring.of("a secret")


HOUR = 3600.0
PATIENCE = 60.0
Make = Callable[..., Network]


def table(url: str) -> dict[str, Any]:
    return {
        "client_id": {"env": "APP_ID"}, "client_secret": {"env": "APP_SECRET"}, "user_agent": AGENT, "subreddits": ["Meds"],
        "oauth_url": url, "reddit_url": url, "interval_seconds": 0.05, "look_again_hours": 0,
    }  # fmt: skip


def until(
    network: Network, enough: Callable[[list[Item]], bool], cursor: str | None = None, begun: Callable[[], None] | None = None
) -> list[Item]:  # fmt: skip
    """What comes until it is enough; `begun` is called once everything was read for the first time."""
    found: list[Item] = []
    deadline = time.monotonic() + PATIENCE
    with closing(network.follow(cursor)) as items:
        for item in items:
            if begun is not None and network.cursor and Place.decode(network.cursor).reached:
                begun()
                begun = None
            if item is not None:
                found.append(item)
            if begun is None and enough(found):
                return found
            assert time.monotonic() < deadline, found
    raise AssertionError("the network ended")


def some(number: int) -> Callable[[list[Item]], bool]:
    return lambda found: len(found) >= number


def texts(items: list[Item]) -> list[str]:
    return [item.text for item in items if isinstance(item, RawPost)]


def since(at: float, asked: float | None = None) -> str:
    """The place of a source that has read everything before a time."""
    read = {f"r/meds/{kind}": at for kind in ("new", "comments")} | {"search": at}
    return Place(read, time.time() if asked is None else asked, at).encode()


def notes(*names: str) -> Callable[[], list[Published]]:
    """What is published of the source, with its ids sealed."""
    return lambda: [
        Published(id=f"reddit:{one}", author=None, sealed=Seal(keyring, "reddit").close(one)) for one in names
    ]


def gone(network: Network, *names: str) -> set[PostGone]:
    return {PostGone(network._post_id(one)) for one in names}  # type: ignore[attr-defined]
