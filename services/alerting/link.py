"""The connection to Redis, a single server or a cluster: one round trip a micro-batch, typed errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.lock import Lock

from shared import traces
from shared.errors import DependencyAway
from shared.health import HEALTH
from shared.redis_security import AWAY, away, client_options
from shared.settings import Settings

# A server that is full, or cannot save to its disk, refuses every write until that is over.
_REFUSES_WRITES = ("MISCONF", "OOM command not allowed")
# Redis answers in milliseconds; a connection that died without a word is given up after this.
TIMEOUT = 5.0
REDIS = "redis"
REDIS_FIX = "see that it runs, and ADRWATCH_REDIS_URL; counting waits meanwhile, and nothing is lost"
_SCANNED = 1000
_POLL_SECONDS = 1.0

Stage = Callable[[Any], None]


class RedisLink:
    """Runs commands in stages. Connects when first used, from the event loop that uses it.

    `options` are those of `shared.redis_security`.
    """

    def __init__(self, url: str, options: Mapping[str, Any] | None = None) -> None:
        self._url = url
        self._options: dict[str, Any] = {
            "socket_timeout": TIMEOUT,
            "socket_connect_timeout": TIMEOUT,
            **(options or {}),
        }
        self._client: Redis | RedisCluster | None = None
        self._connecting = asyncio.Lock()

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """To the Redis of the settings. Raises AdrwatchError where none is set, or a file of certificates cannot be used."""
        return cls(settings.require("redis_url"), client_options(settings))

    async def run(self, *stages: Stage) -> list[list[Any]]:
        """Run the commands that each stage puts on the pipeline it is given; the replies, a list for each stage.

        A stage's effects are there before the next one's: on a single server all travel as one pipeline in this order;
        a cluster, whose nodes work side by side, gets one pipeline a stage. Raises DependencyAway.
        """
        with _answering(self._url), traces.call("redis PIPELINE", db_system_name="redis", db_operation_name="PIPELINE"):
            client = await self._connected()
            if isinstance(client, RedisCluster):
                return [await self._execute(client.pipeline(), stage) for stage in stages]
            return await self._at_once(client, stages)

    async def names(self, pattern: str) -> AsyncIterator[bytes]:
        """The names of all keys that fit a pattern, of every node. Raises DependencyAway."""
        with _answering(self._url):
            client = await self._connected()
            async for name in client.scan_iter(match=pattern, count=_SCANNED):
                yield name

    async def lock(self, name: str, seconds: float) -> HeldLock:
        """A lock that nobody has taken yet; it goes by itself when its holder has not renewed it for so long."""
        with _answering(self._url):
            client = await self._connected()
            return HeldLock(self._url, client.lock(name, timeout=seconds, sleep=_POLL_SECONDS, thread_local=False))

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()

    async def _connected(self) -> Redis | RedisCluster:
        async with self._connecting:
            if self._client is None:
                single = Redis.from_url(self._url, **self._options)
                information: dict[str, Any] = await single.info("cluster")
                if information.get("cluster_enabled"):
                    await single.aclose()
                    self._client = RedisCluster.from_url(self._url, **self._options)
                else:
                    self._client = single
            return self._client

    async def _at_once(self, client: Redis, stages: tuple[Stage, ...]) -> list[list[Any]]:
        pipeline = client.pipeline(transaction=False)
        ends = []
        for stage in stages:
            stage(pipeline)
            ends.append(len(pipeline))
        replies = await pipeline.execute()
        return [replies[start:end] for start, end in zip([0, *ends], ends, strict=False)]

    async def _execute(self, pipeline: Any, stage: Stage) -> list[Any]:
        stage(pipeline)
        replies: list[Any] = await pipeline.execute()
        return replies


class HeldLock:
    """One process at a time, by a key in Redis. All methods raise DependencyAway."""

    def __init__(self, url: str, lock: Lock) -> None:
        self._url = url
        self._lock = lock

    async def take(self, wait: bool) -> bool:
        """Take it, and wait for it if told so; False where another process has it."""
        with _answering(self._url):
            return bool(await self._lock.acquire(blocking=wait))

    async def renew(self) -> None:
        """Keep it for its full time from now on; an error where another process has taken it since."""
        with _answering(self._url):
            await self._lock.reacquire()

    async def release(self) -> None:
        """Let it go, if it is still ours."""
        with _answering(self._url):
            if await self._lock.owned():
                await self._lock.release()


@contextmanager
def _answering(url: str) -> Iterator[None]:
    try:
        yield
        HEALTH.answered(REDIS)
    except exceptions.LockError as error:
        raise DependencyAway(
            "another process has taken the lock in Redis", fix="wait until it is done, then try again"
        ) from error
    except AWAY as error:
        said = away(url, error)
        HEALTH.away(REDIS, said.message)
        raise said from error
    except exceptions.ResponseError as error:
        # So it says of a command in a pipeline or a script, too, where the type of the error says nothing.
        if not any(word in str(error) for word in _REFUSES_WRITES):
            raise
        full = DependencyAway("Redis takes no writes", fix="give it memory and room on its disk, and see its log")
        HEALTH.away(REDIS, full.message)
        raise full from error
