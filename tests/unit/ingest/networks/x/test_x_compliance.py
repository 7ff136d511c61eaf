"""X is asked which posts are gone."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import pytest

from services.ingest.networks.keys import Names
from services.ingest.networks.network import Item, Network, Passed, PostGone
from services.ingest.networks.seal import Seal
from services.ingest.networks.x.place import Place
from services.ingest.source import SourceBroken
from shared.events import Published
from shared.keyring import Keyring
from tests.networks.x import FakeX, post_id
from tests.unit.ingest.networks.x.reading import PATIENCE, keyring, kinds, some, until


def test_x_is_asked_which_posts_are_gone(server: FakeX, x: Callable[..., Network]) -> None:
    at = time.time()
    ids = [post_id(at, number) for number in range(4)]
    seal = Seal(keyring, "x")
    notes = [Published(id=f"x:{one}", sealed=seal.close(one)) for one in ids]
    notes.append(Published(id="x:old", sealed=Seal(lambda: Keyring.of("an older secret"), "x").close("1")))
    for one, reason in zip(ids, ("deleted", "suspended", "scrub_geo"), strict=False):
        server.remove(one, reason)
    network = x(sealed=lambda: notes, compliance_hours=0.5)
    names = Names("x", keyring, False, False, 600.0)
    cursor = Place(int(post_id(at)), asked=0).encode()
    found = until(network, some(3), cursor)
    gone = [PostGone(f"x:{names.post(ids[number])}", "compliance") for number in range(2)]
    assert found == [*gone, Passed("compliance")]
    assert server.uploads == [ids]
    assert network.cursor is not None


def test_x_is_asked_even_while_the_month_is_paid(server: FakeX, x: Callable[..., Network]) -> None:
    one = post_id(time.time())
    server.remove(one)
    network = x(sealed=lambda: [Published(id="x:1", sealed=Seal(keyring, "x").close(one))], max_posts_per_month=1)
    cursor: str | None = Place(int(one), time.strftime("%Y-%m", time.gmtime()), 1, 0).encode()
    found: list[Item] = []
    deadline = time.monotonic() + PATIENCE
    while not found and time.monotonic() < deadline:
        with pytest.raises(SourceBroken, match="were read this month"):
            found.extend(filter(None, network.follow(cursor)))
    assert kinds(found) == ["PostGone"]
    assert server.connections == 0


def test_a_question_that_fails_holds_up_nothing_and_is_asked_again(server: FakeX, x: Callable[..., Network]) -> None:
    one = post_id(time.time())
    server.remove(one)
    notes = [Published(id="x:1", sealed=Seal(keyring, "x").close(one))]
    server.refuse["/compliance"] = (503, {})
    network = x(sealed=lambda: notes, compliance_hours=0.0005)
    turns = itertools.count()

    def lift(found: list[Item]) -> bool:
        if next(turns) > 4:
            server.refuse.clear()
        return bool(found)

    assert kinds(until(network, lift, Place(int(post_id(time.time())), asked=0).encode())) == ["PostGone"]
