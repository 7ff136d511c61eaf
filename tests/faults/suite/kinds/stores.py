"""Redis forgets, is full, or cannot save; the database is locked; the disk takes no more."""

from __future__ import annotations

import random
import resource
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from services.cases.database import FILE
from tests.faults.suite.kinds.base import Kind

if TYPE_CHECKING:
    from tests.faults.suite.world import World


class Flushed(Kind):
    """Redis loses all that it holds: alerting finds out, ends, and makes the windows anew when it is started again."""

    name = "redis-flushed"
    family = "redis"
    proves = "Redis may be wiped at any moment: the windows are made anew from the topics, and no alert comes twice"
    # Alerting looks once a second.
    shows = 3.0

    def inject(self, world: World, chance: random.Random) -> None:
        """See Kind."""
        world.redis.flushall()


class OutOfMemory(Kind):
    """Redis refuses every write for want of memory."""

    name = "redis-full"
    family = "redis"
    proves = "a Redis that is out of memory is waited for; no outcome becomes a dead letter"
    seconds = (2.0, 8.0)

    def inject(self, world: World, chance: random.Random) -> None:
        """See Kind."""
        world.redis.config_set("maxmemory", "1mb")

    def end(self, world: World) -> None:
        """See Kind."""
        world.redis.config_set("maxmemory", "0")


class CannotSave(Kind):
    """Redis cannot write to its disk, and refuses every write for that."""

    name = "redis-disk"
    family = "redis"
    proves = "a Redis that cannot save is waited for; no outcome becomes a dead letter"
    seconds = (2.0, 8.0)

    def inject(self, world: World, chance: random.Random) -> None:
        """See Kind."""
        # Where a folder lies in the place of the file, the file that was written cannot be moved there.
        (self._folder(world) / "dump.rdb").mkdir(exist_ok=True)
        client = world.redis
        client.config_set("save", "3600 1")
        client.bgsave()

    def end(self, world: World) -> None:
        """See Kind."""
        world.redis.config_set("save", "")
        with suppress(OSError):
            (self._folder(world) / "dump.rdb").rmdir()

    def _folder(self, world: World) -> Path:
        return world.stack.context.data_dir / "redis"


class Locked(Kind):
    """Somebody else holds the database of cases, a backup for example."""

    name = "database-locked"
    family = "database"
    proves = "a database that is locked is waited for: cases are opened once, receipts are written once"
    seconds = (2.0, 10.0)

    def inject(self, world: World, chance: random.Random) -> None:
        """See Kind."""
        self._connection = sqlite3.connect(
            world.settings.data_dir / FILE, timeout=60, isolation_level=None, check_same_thread=False
        )
        self._connection.execute("BEGIN EXCLUSIVE")

    def end(self, world: World) -> None:
        """See Kind."""
        self._connection.execute("ROLLBACK")
        self._connection.close()


class Full(Kind):
    """A process can write no more to any file: what a full disk is to it, without one (RLIMIT_FSIZE, which needs no root)."""

    family = "disk"
    seconds = (2.0, 8.0)

    def __init__(self, part: str) -> None:
        self.part = part
        service = part.partition("-")[0]
        self.name = f"{service}-disk"
        self.proves = f"{service} outlives a disk that is full"
        self._limited: psutil.Process | None = None

    def inject(self, world: World, chance: random.Random) -> None:
        """See Kind."""
        self._limited = world.process(self.part)
        _, most = self._limited.rlimit(resource.RLIMIT_FSIZE)
        self._limited.rlimit(resource.RLIMIT_FSIZE, (1, most))

    def end(self, world: World) -> None:
        """See Kind."""
        # Where it ended, another one has been started without the limit.
        with suppress(psutil.NoSuchProcess):
            _, most = self._limited.rlimit(resource.RLIMIT_FSIZE)
            self._limited.rlimit(resource.RLIMIT_FSIZE, (most, most))


class SpoolFull(Full):
    """Kafka stands still, so that pushed posts must go to the spool, and the disk takes no more."""

    def __init__(self) -> None:
        super().__init__("push-1")
        self.name = "spool-full"
        self.proves = "where neither Kafka nor the disk takes a post its sender is told so, and comes again"

    def inject(self, world: World, chance: random.Random) -> None:
        """See Kind."""
        super().inject(world, chance)
        world.stop_process("kafka")

    def end(self, world: World) -> None:
        """See Kind."""
        world.go_on("kafka")
        super().end(world)
