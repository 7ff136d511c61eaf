"""How far a worker is behind, by what the broker says lies in its partitions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY

from shared.broker_watch import Place
from shared.health import HEALTH
from shared.stream.standing import PARTITIONS, Progress, Standing

TOPIC, STAGE = "standing.posts", "standing"


class World:
    """One topic, whose group has come so far."""

    def __init__(self) -> None:
        self.progress: dict[Place, Progress] = {}
        self.now = 0.0
        self.standing = Standing({TOPIC: STAGE}, lambda place: self.progress[place], lambda: self.now)

    def measured(self, name: str, partition: int) -> float | None:
        return REGISTRY.get_sample_value(f"adrwatch_{name}", {"stage": STAGE, "partition": str(partition)})


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.standing.revoked()
    world.standing.tell({})


def partitions_are_there() -> bool:
    return next(part.ok for part in HEALTH.ready().parts if part.part == PARTITIONS)


def test_lag_is_what_lies_ahead_of_what_was_handled_also_where_nothing_was_committed_yet(world: World) -> None:
    world.standing.assigned(frozenset({(TOPIC, 0), (TOPIC, 1), (TOPIC, 2)}))
    world.progress = {(TOPIC, 0): Progress(70, 50), (TOPIC, 1): Progress(None, 90), (TOPIC, 2): Progress(None, None)}
    world.standing.tell({(TOPIC, 0): (0, 100), (TOPIC, 1): (0, 100), (TOPIC, 2): (40, 100), (TOPIC, 3): (0, 7)})
    assert [world.measured("lag_records", partition) for partition in range(4)] == [30, 10, 60, None]


def test_a_commit_ages_while_something_waits_and_not_where_all_is_committed(world: World) -> None:
    place = (TOPIC, 0)
    world.standing.assigned(frozenset({place}))
    for now, committed, end, age in (
        (0, 10, 10, 0),
        (60, 10, 10, 0),
        (65, 10, 30, 5),
        (90, 10, 30, 30),
        (95, 20, 30, 0),
    ):
        world.now, world.progress = now, {place: Progress(None, committed)}
        world.standing.tell({place: (0, end)})
        assert world.measured("commit_age_seconds", 0) == age


def test_a_partition_that_went_to_another_worker_is_told_by_that_one_only(world: World) -> None:
    world.progress = {(TOPIC, 0): Progress(1, 1), (TOPIC, 1): Progress(1, 1)}
    world.standing.assigned(frozenset(world.progress))
    world.standing.tell({(TOPIC, 0): (0, 5), (TOPIC, 1): (0, 5)})
    world.standing.revoked()
    world.standing.assigned(frozenset({(TOPIC, 1)}))
    world.standing.tell({(TOPIC, 1): (0, 5)})
    assert (world.measured("lag_records", 0), world.measured("lag_records", 1)) == (None, 4)


def test_a_worker_lacks_its_partitions_until_the_group_has_given_it_some_or_none(world: World) -> None:
    assert not partitions_are_there()
    assert world.standing.places() == [(TOPIC, 0)]
    world.standing.assigned(frozenset())
    assert partitions_are_there()
    world.standing.revoked()
    assert not partitions_are_there()
