"""A real Redis that is out of memory, or cannot save: alerting waits for it instead of blaming what it was to write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from services.alerting.link import RedisLink
from shared.errors import DependencyAway
from tests.faults import ledger


@contextmanager
def out_of_memory(client: Any) -> Iterator[None]:
    client.config_set("maxmemory", "1mb")
    try:
        yield
    finally:
        client.config_set("maxmemory", "0")


@contextmanager
def cannot_save(client: Any) -> Iterator[None]:
    # Where a folder lies in the place of the file, the file that was written cannot be moved there.
    place = Path(client.config_get("dir")["dir"]) / client.config_get("dbfilename")["dbfilename"]
    place.mkdir()
    client.config_set("save", "3600 1")
    client.bgsave()
    ledger.wait_for(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", "a save that failed")
    try:
        yield
    finally:
        client.config_set("save", "")
        place.rmdir()


@pytest.mark.parametrize("trouble", [out_of_memory, cannot_save])
@pytest.mark.parametrize(
    "write",
    [
        lambda pipe: pipe.set("full:a", "1"),
        lambda pipe: pipe.eval("return redis.call('HSET', KEYS[1], 'b', '1')", 1, "full:b"),
    ],
    ids=["a command", "a script"],
)
async def test_a_redis_that_takes_no_writes_is_waited_for(
    redis_url: str, trouble: Any, write: Callable[[Any], Any]
) -> None:
    link = RedisLink(redis_url)
    with redis.Redis.from_url(redis_url) as client, trouble(client):
        with pytest.raises(DependencyAway):
            await link.run(write)
    await link.run(write)
    await link.close()
