"""What a soak makes of its samples: growth is found, noise is none, and what is too short to tell fails nothing."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest

from tests.soak.samples import Sample, Usage
from tests.soak.verdicts import MIB, Limits, Verdict, after, judge, lost, slope


def samples(
    memory: Callable[[float], float] = lambda _: 300.0,
    files: Callable[[float], int] = lambda _: 40,
    keys: Callable[[float], int] = lambda at: int(at * 3),
    lag: Callable[[float], int] = lambda _: 10,
    every: float = 10.0,
    seconds: float = 3600.0,
) -> list[Sample]:
    """An hour in which a mention comes each second; `memory` in MiB."""
    return [
        Sample(
            at=at, processes={"pipeline-1": Usage(int(memory(at) * MIB), files(at), 5, 12)}, keys=keys(at),
            redis_memory=int(at * 900), topics={"mentions": int(at)}, topic_bytes={}, lag={"pipeline": lag(at)}, sent=0,
        )
        for at in (number * every for number in range(int(seconds / every)))
    ]  # fmt: skip


def failed(found: Sequence[Verdict]) -> list[tuple[str, str]]:
    return [(one.subject, one.what) for one in found if one.passed is False]


def test_a_steady_product_passes_whatever_its_noise() -> None:
    rng = random.Random(1)
    found = judge(
        samples(memory=lambda _: 300 + rng.uniform(-8, 8), files=lambda _: 40 + rng.randrange(4)), 50, Limits()
    )
    assert failed(found) == []


@pytest.mark.parametrize(
    ("leak", "named"),
    [
        ({"memory": lambda at: 300 + at / 3600 * 60}, ("pipeline-1", "memory")),
        ({"files": lambda at: 40 + int(at / 60)}, ("pipeline-1", "open files")),
        ({"keys": lambda at: int(at * 9)}, ("redis", "keys")),
        ({"lag": lambda at: 2000 if at == 1800 else 0}, ("pipeline", "longest lag")),
    ],
)
def test_what_grows_is_named(leak: dict[str, Callable[[float], float]], named: tuple[str, str]) -> None:
    assert failed(judge(samples(**leak), 50, Limits())) == [named]


def test_some_outliers_do_not_make_a_slope() -> None:
    values = [float(100 + (5000 if number in (50, 51, 52) else 0)) for number in range(100)]
    assert slope(list(map(float, range(100))), values).hour == 0


def test_two_samples_fail_nothing() -> None:
    found = judge(samples(memory=lambda at: at * 100, seconds=20), 50, Limits())
    assert [one for one in failed(found) if one[1] == "memory"] == []


def test_the_warm_up_is_left_out_and_a_process_that_ended_is_told() -> None:
    run = samples(seconds=100)
    assert [one.at for one in after(run, 50)] == [50, 60, 70, 80, 90]
    ended = [
        *run[:-1],
        Sample(**{name: getattr(run[-1], name) for name in Sample.__struct_fields__} | {"processes": {}}),
    ]
    assert lost(ended) == ["pipeline-1"]
    assert lost(run) == []
