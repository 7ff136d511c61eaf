"""Bluesky as the tests of its network follow it, and two people there."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any

from services.ingest.networks.bluesky.configuration import Bluesky
from services.ingest.networks.keys import Names
from services.ingest.networks.network import Item, Network, Passed
from shared.keyring import Keyring
from shared.vocabulary.drugs import default_lexicon

ANNA = "did:plc:anna2345"
BERT = "did:plc:bert2345"
SECOND = 1_000_000
T = int(time.time()) * SECOND + 60 * SECOND


def bluesky(*urls: str, **keys: Any) -> Network:
    names = Names("bluesky", lambda: Keyring.of("a secret"), True, True, 600.0)
    return Bluesky(endpoints=urls, **keys).network(names, default_lexicon)


def read(network: Network, count: int, cursor: int = T - 3600 * SECOND) -> list[Item]:
    """So many items from a place on."""
    found: list[Item] = []
    with closing(network.follow(str(cursor))) as items:
        for item in items:
            if item is not None:
                found.append(item)
            if len(found) == count:
                return found
    raise AssertionError("the network ended")


def kinds(items: list[Item]) -> list[str]:
    return [item.reason if isinstance(item, Passed) else type(item).__name__ for item in items]
