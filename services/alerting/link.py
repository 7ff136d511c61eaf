"""The connection to Redis, a single server or a cluster: one round trip a micro-batch, typed errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.lock import Lock

from shared.errors import DependencyAway

# Errors that another try can mend: the server is away, starting, failing over or full.
AWAY = (
    OSError,
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.BusyLoadingError,
    exceptions.ReadOnlyError,
    exceptions.OutOfMemoryError,
    exceptions.ClusterDownError,
    exceptions.TryAgainError,
    exceptions.MasterDownError,
)
# A server that is full, or cannot save to its disk, refuses every write until that is over.
_REFUSES_WRITES = ("MISCONF", "OOM command not allowed")
# Redis answers in milliseconds; a connection that died without a word is given up after this.
TIMEOUT = 5.0
_SCANNED = 1000
_POLL_SECONDS = 1.0

Stage = Callable[[Any], None]


class RedisLink:
    """Runs commands in stages. Connects when first used, from the event loop that uses it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: Redis | RedisCluster | None = None
        self._connecting = asyncio.Lock()

    async def run(self, *stages: Stage) -> list[list[Any]]:
        """Run the commands that each stage puts on the pipeline it is given; the replies, a list for each stage.

        A stage's effects are there before the next one's: on a single server all travel as one pipeline in this order;
        a cluster, whose nodes work side by side, gets one pipeline a stage. Raises DependencyAway.
        """
        with _answering():
            client = await self._connected()
            if isinstance(client, RedisCluster):
                return [await self._execute(client.pipeline(), stage) for stage in stages]
            return await self._at_once(client, stages)

    async def names(self, pattern: str) -> AsyncIterator[bytes]:
        """The names of all keys that fit a pattern, of every node. Raises DependencyAway."""
        with _answering():
            client = await self._connected()
            async for name in client.scan_iter(match=pattern, count=_SCANNED):
                yield name

    async def lock(self, name: str, seconds: float) -> HeldLock:
        """A lock that nobody has taken yet; it goes by itself when its holder has not renewed it for so long."""
        with _answering():
            client = await self._connected()
            return HeldLock(client.lock(name, timeout=seconds, sleep=_POLL_SECONDS, thread_local=False))

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()

    async def _connected(self) -> Redis | RedisCluster:
        async with self._connecting:
            if self._client is None:
                options: dict[str, Any] = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT}
                single = Redis.from_url(self._url, **options)
                information: dict[str, Any] = await single.info("cluster")
                if information.get("cluster_enabled"):
                    await single.aclose()
                    self._client = RedisCluster.from_url(self._url, **options)
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

    def __init__(self, lock: Lock) -> None:
        self._lock = lock

    async def take(self, wait: bool) -> bool:
        """Take it, and wait for it if told so; False where another process has it."""
        with _answering():
            return bool(await self._lock.acquire(blocking=wait))

    async def renew(self) -> None:
        """Keep it for its full time from now on; an error where another process has taken it since."""
        with _answering():
            await self._lock.reacquire()

    async def release(self) -> None:
        """Let it go, if it is still ours."""
        with _answering():
            if await self._lock.owned():
                await self._lock.release()


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except exceptions.LockError as error:
        raise DependencyAway(
            "another process has taken the lock in Redis", fix="wait until it is done, then try again"
        ) from error
    except AWAY as error:
        raise DependencyAway(
            f"Redis does not answer: {type(error).__name__}", fix="start it, or mend ADRWATCH_REDIS_URL"
        ) from error
    except exceptions.ResponseError as error:
        # So it says of a command in a pipeline or a script, too, where the type of the error says nothing.
        if not any(word in str(error) for word in _REFUSES_WRITES):
            raise
        raise DependencyAway(
            "Redis takes no writes", fix="give it memory and room on its disk, and see its log"
        ) from error
