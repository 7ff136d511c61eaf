"""What each worker may do at Kafka and at Redis, and no more. By this rights are given, and a worker looks at them as it starts.

`adrwatch rights` prints the table, and the commands that give them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from kafka.admin import ACLOperation
from kafka.errors import AuthorizationError

from shared.broker import admin, describe, patiently
from shared.broker_security import OPEN
from shared.errors import AccessRefused
from shared.redis_keys import Keys
from shared.settings import Settings
from shared.topics import (
    ALERTS,
    CHANNELS,
    CLOSURES,
    DEAD_LETTERS,
    DELETIONS,
    DRUG_NAMES,
    FORGOTTEN,
    HOLDS,
    MENTIONS,
    NOTIFIED,
    OUTCOMES,
    POSITIONS,
    POSTS,
    PUBLISHED,
    Topic,
)

# Of a group: all that begin so.
ALL = "*"
_CONNECT = ("ping", "info")
# Which nodes there are, where Redis is a cluster.
_CLUSTER = ("cluster|slots", "cluster|shards", "cluster|nodes", "command", "readonly")
_READ = (
    "exists", "get", "hget", "hgetall", "hmget", "hvals", "smembers", "zmscore", "zrange", "zrangebyscore", "zscore",
    "scan",
)  # fmt: skip
_WRITE = (
    "del", "eval", "evalsha", "hdel", "hset", "incr", "incrby", "pexpire", "sadd", "script|load", "set", "srem", "unlink", "zadd",
    "zrem",
)  # fmt: skip


@dataclass(frozen=True)
class Rights:
    """Topics that are read, written, and whose ends only are looked at; consumer groups, by what follows the prefix: those that it
    reads in, and those that it asks how far they are; commands at Redis.
    """

    reads: tuple[Topic, ...] = ()
    writes: tuple[Topic, ...] = ()
    looks: tuple[Topic, ...] = ()
    groups: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    redis: tuple[str, ...] = ()


_SOURCES = Rights(
    reads=(DELETIONS, DEAD_LETTERS, POSITIONS, PUBLISHED, DRUG_NAMES),
    writes=(POSTS, DELETIONS, DEAD_LETTERS, POSITIONS, PUBLISHED, FORGOTTEN),
)
WORKERS: dict[str, Rights] = {
    "sources": _SOURCES,
    "push": _SOURCES,
    "pipeline": Rights(
        reads=(POSTS, DRUG_NAMES, HOLDS),
        # Tombstones of posts whose text may not be kept.
        writes=(OUTCOMES, MENTIONS, POSTS, FORGOTTEN, DEAD_LETTERS, HOLDS),
        groups=("pipeline",),
    ),
    "alerting": Rights(
        reads=(OUTCOMES, MENTIONS, DELETIONS, CLOSURES, ALERTS, HOLDS),
        writes=(ALERTS, FORGOTTEN, DEAD_LETTERS, HOLDS),
        looks=(POSTS,),
        groups=("alerting",),
        asks=("pipeline",),
        redis=(*_CONNECT, *_CLUSTER, *_READ, *_WRITE),
    ),
    "cases": Rights(
        reads=(DELETIONS, FORGOTTEN, POSTS, OUTCOMES, ALERTS, HOLDS),
        writes=(CLOSURES, FORGOTTEN, DEAD_LETTERS, HOLDS),
        groups=("cases",),
    ),
    "notify": Rights(
        reads=(ALERTS, NOTIFIED, CHANNELS), writes=(NOTIFIED, CHANNELS, DEAD_LETTERS), groups=(f"notify.{ALL}",)
    ),
    # It sends dead letters back to the topics from which they came.
    "dashboard": Rights(
        reads=(POSTS, DELETIONS, OUTCOMES, MENTIONS, ALERTS, DEAD_LETTERS, POSITIONS, HOLDS),
        looks=(CLOSURES, NOTIFIED, CHANNELS, PUBLISHED, DRUG_NAMES, FORGOTTEN),
        writes=(CLOSURES, DEAD_LETTERS, POSTS, OUTCOMES, MENTIONS, DELETIONS, FORGOTTEN),
        asks=(ALL,),
        redis=(*_CONNECT, *_CLUSTER, *_READ),
    ),
}


def user(worker: str) -> str:
    """What the user of a worker is called, at Kafka and at Redis."""
    return f"adrwatch-{worker}"


def check(settings: Settings, worker: str) -> None:
    """Raise AccessRefused where the user of the settings lacks a right at Kafka that a worker needs, DependencyAway without one.

    A broker without users gives them to all.
    """
    if settings.kafka_security == OPEN:
        return
    rights, prefix = WORKERS[worker], settings.topic_prefix
    wanted = [
        *((topic, ACLOperation.READ) for topic in rights.reads),
        *((topic, ACLOperation.WRITE) for topic in rights.writes),
        *((topic, ACLOperation.DESCRIBE) for topic in rights.looks),
    ]
    with admin(settings) as client:
        found = describe(client, [topic.name(prefix) for topic in dict.fromkeys(topic for topic, _ in wanted)])
        lacking = [
            f"{operation.name.lower()} {topic.name(prefix)}"
            for topic, operation in wanted
            if topic.name(prefix) in found and not _allows(found[topic.name(prefix)], operation)
        ]
        for group in (name for name in (*rights.groups, *rights.asks) if not name.endswith(ALL)):
            try:
                patiently(partial(client.describe_groups, [f"{prefix}.{group}"]))
            except AuthorizationError:
                lacking.append(f"use the consumer group {prefix}.{group}")
    if lacking:
        raise AccessRefused(
            f"the user {settings.kafka_username or 'of the certificate'} of Kafka may not {', '.join(lacking)}",
            fix=f"give it the rights that `adrwatch rights kafka {worker}` prints",
        )


def _allows(topic: Mapping[str, Any], operation: ACLOperation) -> bool:
    return operation.name in topic["authorized_operations"]


def kafka_commands(worker: str, prefix: str) -> list[str]:
    """Lines for `kafka-acls.sh` that give a worker's user its rights; `"$@"` stands for the broker and how one signs in."""
    rights = WORKERS[worker]
    given = [
        ("Read", "topic", [topic.name(prefix) for topic in rights.reads]),
        ("Write", "topic", [topic.name(prefix) for topic in rights.writes]),
        ("Describe", "topic", [topic.name(prefix) for topic in rights.looks]),
        ("Read", "group", [f"{prefix}.{group}" for group in rights.groups]),
        ("Describe", "group", [f"{prefix}.{group}" for group in rights.asks]),
    ]
    return [
        f'kafka-acls.sh "$@" --add --allow-principal User:{user(worker)} --operation {operation}{words}'
        for operation, kind, names in given
        for words in _words(kind, names)
    ]


def _words(kind: str, names: Iterable[str]) -> list[str]:
    """The options for names; those that end with a star need a line of their own."""
    exact = [name for name in names if not name.endswith(ALL)]
    lines = ["".join(f" --{kind} {name}" for name in exact)] if exact else []
    return lines + [
        f" --{kind} {name.removesuffix(ALL)} --resource-pattern-type prefixed" for name in names if name.endswith(ALL)
    ]


def redis_line(worker: str, prefix: str, secret: str) -> str:
    """The line of a worker's user for Redis's file of users; `secret` is the SHA-256 of its password, in hexadecimal digits."""
    commands = " ".join(f"+{command}" for command in WORKERS[worker].redis)
    keys = "~" if set(_WRITE) & set(WORKERS[worker].redis) else "%R~"
    pattern = Keys(prefix).concepts.removesuffix("concepts")
    return f"user {user(worker)} on #{secret} resetchannels {keys}{pattern}* -@all {commands}"
