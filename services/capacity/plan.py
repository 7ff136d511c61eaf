"""From a load and measured rates to numbers of workers, partitions and instances. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from services.capacity.measured import Rate
from shared.errors import AdrwatchError
from shared.topics import DECLARED, MOST_PARTITIONS


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be carried. Shares are of all posts: stopped by the screen, and passed on to the extractor by the classifier.

    `head_room` is the share of each part's rate that stays free, for peaks and for catching up after a stop.
    """

    posts_per_second: float
    share_screened: float = 0.0
    share_reported: float = 0.1
    head_room: float = 0.3


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """So many of something. `busy` is the share of its rate that the most loaded one needs; None where nothing was measured."""

    name: str
    count: int | None
    needs: float
    each: float | None
    busy: float | None
    cores: float | None
    source: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a load needs. `catch_up`: seconds to work off what an hour's stop of the pipeline leaves, None where it never would."""

    load: Load
    partitions: int
    parts: tuple[Part, ...]
    catch_up: float | None
    unmeasured: tuple[str, ...]


def plan(load: Load, rates: Mapping[str, Rate], gpu: float | None = None) -> Plan:
    """The smallest numbers that carry the load. `gpu`: posts a second of one GPU, as its owner measured them.

    Raises AdrwatchError where no number of partitions is enough.
    """
    workers = {name: rates[name] for name in ("pipeline", "alerting")}
    least = max(_partitions(load, name, rate) for name, rate in workers.items())
    # A worker takes whole partitions: smaller ones may fill it better.
    choices = [number for number in (least, 2 * least, 4 * least) if number <= MOST_PARTITIONS]
    made = {number: [_workers(load, name, rate, number) for name, rate in workers.items()] for number in choices}
    partitions = min(choices, key=lambda number: (sum(part.count or 0 for part in made[number]), number))
    parts = made[partitions]
    to_models = load.posts_per_second * (1 - load.share_screened)
    asked = {"classifier": to_models, "extractor": min(to_models, load.posts_per_second * load.share_reported)}
    unmeasured = []
    for model, needs in asked.items():
        rate = rates.get(model)
        if rate is None:
            unmeasured.append(f"{model} on this kind of machine")
        parts.append(_instances(load, f"Triton, {model} on CPU", needs, rate))
    if gpu is None:
        unmeasured.append("models on a GPU: give --gpu-posts-per-second, from perf_analyzer on yours")
    else:
        given = Rate(per_second=gpu, cores=0.0, source="given")
        parts.append(_instances(load, "or GPUs, for both models", to_models, given))
    unmeasured.append("Kafka and Redis at this load, several brokers, a network between the machines")
    power = parts[0].count * workers["pipeline"].per_second if parts[0].count else 0.0
    spare = power - load.posts_per_second
    catch_up = 3600 * load.posts_per_second / spare if spare > 0 else None
    return Plan(load=load, partitions=partitions, parts=tuple(parts), catch_up=catch_up, unmeasured=tuple(unmeasured))


def _usable(load: Load, rate: Rate) -> float:
    return rate.per_second * (1 - load.head_room)


def _partitions(load: Load, name: str, rate: Rate) -> int:
    """The least number, doubled from the declared one, whose partitions can be carried by a worker each."""
    number = DECLARED
    while load.posts_per_second / number > _usable(load, rate):
        number *= 2
        if number > MOST_PARTITIONS:
            raise AdrwatchError(
                f"{MOST_PARTITIONS} partitions are not enough for {load.posts_per_second:g} posts a second in {name}",
                fix="divide the sources among several instances, each with an ADRWATCH_TOPIC_PREFIX of its own",
            )
    return number


def _workers(load: Load, name: str, rate: Rate, partitions: int) -> Part:
    """A worker takes whole partitions: the one with most of them must carry them."""
    each = load.posts_per_second / partitions
    most = max(1, math.floor(_usable(load, rate) / each + 1e-9))
    count = math.ceil(partitions / most)
    busy = math.ceil(partitions / count) * each / rate.per_second
    return Part(
        name=f"{name} workers", count=count, needs=load.posts_per_second, each=rate.per_second, busy=busy,
        cores=count * rate.cores, source=rate.source,
    )  # fmt: skip


def _instances(load: Load, name: str, needs: float, rate: Rate | None) -> Part:
    if rate is None:
        return Part(name=name, count=None, needs=needs, each=None, busy=None, cores=None, source="unmeasured")
    count = max(1, math.ceil(needs / _usable(load, rate) - 1e-9))
    return Part(
        name=name, count=count, needs=needs, each=rate.per_second, busy=needs / count / rate.per_second,
        cores=count * rate.cores, source=rate.source,
    )  # fmt: skip
