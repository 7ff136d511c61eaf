"""What is asked of each thing that adrwatch needs, and when it is well. Each raises DependencyAway where it does not answer."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

import redis
import sqlalchemy as sa
from redis.cluster import RedisCluster

from services.cases.database import Database
from services.dashboard.operations.watch import Found
from services.models.server import connected
from shared.errors import DependencyAway
from shared.models.configuration import MODELS
from shared.models.repository import read_active
from shared.redis_security import AWAY, away, client_options
from shared.settings import Settings
from shared.triton_security import TritonAddress

_TIMEOUT = 3.0
_GIB = 1 << 30
# Above this share of its limit a memory or a disk is nearly full.
_NEARLY_FULL = 0.85
NO_EVICTION = "noeviction"


def checks(settings: Settings, database: Callable[[], Database]) -> dict[str, Callable[[], Found]]:
    """The checks by the name of what they ask."""
    return {
        "Redis": lambda: of_redis(settings),
        "Triton": lambda: of_triton(settings),
        "Database": lambda: of_database(database()),
        "Disk": lambda: of_disk(settings),
    }


def of_redis(settings: Settings) -> Found:
    """Memory of every node, and what Redis does when it is full: it must keep what it has."""
    url, options = settings.require("redis_url"), client_options(settings)
    try:
        with closing(
            redis.Redis.from_url(url, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT, **options)
        ) as single:
            if not single.info("cluster").get("cluster_enabled"):
                return judged([single.info("memory")])
        with closing(RedisCluster.from_url(url, socket_timeout=_TIMEOUT, **options)) as cluster:
            return judged(list(cluster.info("memory", target_nodes=RedisCluster.PRIMARIES).values()))
    except (*AWAY, redis.RedisError) as error:
        raise away(url, error) from error


def judged(nodes: Sequence[Mapping[str, Any]]) -> Found:
    """The memory of Redis by its own words, one mapping a node. Pure."""
    used, limits = [int(one["used_memory"]) for one in nodes], [int(one["maxmemory"]) for one in nodes]
    policies = sorted({str(one["maxmemory_policy"]) for one in nodes})
    detail = f"{sum(used) / (1 << 20):,.0f} MiB used"
    detail += f" of {sum(limits) / (1 << 20):,.0f}" if all(limits) else ", no limit"
    detail += f", {', '.join(policies)}" + (f", {len(nodes)} nodes" if len(nodes) > 1 else "")
    if any(limits) and policies != [NO_EVICTION]:
        return Found(detail, "it throws rows away when it is full", f"set maxmemory-policy {NO_EVICTION}")
    if any(limit and have > limit * _NEARLY_FULL for have, limit in zip(used, limits, strict=True)):
        return Found(detail, "its memory is nearly full", "raise maxmemory: when it is full, counting waits")
    return Found(detail)


def of_triton(settings: Settings) -> Found:
    """Whether the version that is active is ready in both models."""
    active = read_active(settings.model_repository).version
    with connected(TritonAddress.of(settings)) as server:
        ready = {model: server.loaded(model) for model in MODELS}
    detail = ", ".join(f"{model} {' '.join(map(str, sorted(found))) or 'not loaded'}" for model, found in ready.items())
    lacking = [model for model, found in ready.items() if active not in found]
    if lacking:
        return Found(
            f"ready: {detail}", f"version {active} of {' and '.join(lacking)} is not ready",
            "see its log and `adrwatch models list`; posts wait meanwhile",
        )  # fmt: skip
    return Found(f"ready: {detail}")


def of_database(database: Database) -> Found:
    """Whether the database of cases answers."""
    with database.reading() as connection:
        connection.execute(sa.select(sa.literal(1)))
        return Found(f"{connection.dialect.name} answers")


def of_disk(settings: Settings) -> Found:
    """The disk of the data folder, on the machine of the dashboard."""
    try:
        usage = shutil.disk_usage(settings.data_dir)
    except OSError as error:
        raise DependencyAway(
            f"{settings.data_dir} cannot be looked at: {error.strerror}", fix="see ADRWATCH_DATA_DIR"
        ) from error
    return room(usage.free, usage.total, settings.spool_free_mib << 20)


def room(free: int, total: int, kept_free: int) -> Found:
    """Whether there is room, all in bytes; `kept_free` is what the spool leaves. Pure."""
    detail = f"{free / _GIB:,.1f} of {total / _GIB:,.0f} GiB free in the data folder"
    if free < kept_free:
        return Found(detail, "sources put nothing on disk any more while Kafka is away", "free some room")
    if free < total * (1 - _NEARLY_FULL) and free < 10 * kept_free:
        return Found(detail, "it is nearly full", "free some room")
    return Found(detail)
