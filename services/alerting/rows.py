"""Reports in Redis: one field of one hash per post, in the bucket of its event time.

A write is idempotent by post id and atomic by being one field. Rows come before their post's index entry, and that before the
watermark, so that whoever sees a watermark also sees the rows below it. What a bucket held is known by its version.

Memory, measured on Redis 7.0 with 50,000 reports of 1.3 pairs in 1,080 buckets: 360 bytes a report, of which 190 are the row
and the rest its index entry; a quarter of a million reports in the kept time need 90 MB. What is kept per pair is small: some
hundred bytes for each pair that ever raised. After a loss of Redis everything is made anew from the topics (`rebuild.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from services.alerting.link import RedisLink
from shared.errors import AdrwatchError
from shared.redis_keys import Keys
from shared.signals.rules import Rules
from shared.signals.windows import Row
from shared.topics import MENTIONS

# Sets or removes (an empty value) rows of one bucket; the version rises when anything changed.
WRITE = """
local changed = 0
for i = 2, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    changed = changed + redis.call('HDEL', KEYS[1], ARGV[i])
  elseif redis.call('HGET', KEYS[1], ARGV[i]) ~= ARGV[i + 1] then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
    changed = changed + 1
  end
end
if changed > 0 then redis.call('INCR', KEYS[2]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
return changed
"""
# Keys outlive what the watermark lets go by this factor: their expiry only cleans up what a dead instance left.
SAFETY = 2
CHUNK = 200


class Stored(msgspec.Struct, frozen=True, array_like=True):
    """A row without its post id, which is the field's name."""

    at_ms: int
    author: str | None
    fingerprint: str | None
    pairs: tuple[tuple[str, str], ...]
    sketch: bytes | None = None
    unnamed: bool = False


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Stored).decode


@dataclass
class Batch:
    """What a micro-batch adds: rows; posts that turned out to have no pair; labels; largest event time by partition."""

    rows: dict[str, Row]
    without: set[str]
    labels: dict[str, str]
    latest: dict[int, int]


class RowStore:
    """Writes and reads rows."""

    def __init__(self, link: RedisLink, keys: Keys, rules: Rules) -> None:
        self._link = link
        self.keys = keys
        self._bucket_ms = rules.time.bucket_ms
        self.expiry_ms = rules.time.kept_ms * SAFETY

    async def check(self) -> None:
        """Raise AdrwatchError when the rows were written with another bucket length, or for another number of partitions."""
        key, length = self.keys.bucket_length, self._bucket_ms

        def claim(pipe: Any) -> None:
            pipe.set(key, length, nx=True)
            pipe.get(key)
            pipe.set(self.keys.partitions, MENTIONS.partitions, nx=True)
            pipe.get(self.keys.partitions)

        [[_, found, _, partitions]] = await self._link.run(claim)
        if int(found) != length:
            raise AdrwatchError(
                f"the rows in Redis lie in buckets of {int(found) // 60_000} minutes, the rules say {length // 60_000}",
                fix="set ADRWATCH_REDIS_PREFIX to a new one and rewind the group of alerting",
            )
        if int(partitions) != MENTIONS.partitions:
            raise AdrwatchError(
                f"the signals in Redis are kept for {int(partitions)} partitions, and there are {MENTIONS.partitions}",
                fix="run `adrwatch windows rebuild`",
            )

    async def lost(self) -> bool:
        """Whether Redis holds no windows of use: none were ever written, they were lost, or partitions were raised since."""

        def look(pipe: Any) -> None:
            pipe.get(self.keys.bucket_length)
            pipe.get(self.keys.partitions)

        [[length, partitions]] = await self._link.run(look)
        return length is None or int(partitions or MENTIONS.declared) != MENTIONS.partitions

    async def write(self, batch: Batch) -> int:
        """Apply a batch; one round trip unless a post moved, lost its pairs or was deleted. Gives the number of new rows."""
        placed = {post: row.at_ms // self._bucket_ms for post, row in batch.rows.items()}
        by_bucket: dict[int, dict[str, bytes]] = {}
        for post, row in batch.rows.items():
            stored = Stored(row.at_ms, row.author, row.fingerprint, row.pairs, row.sketch, row.unnamed)
            by_bucket.setdefault(placed[post], {})[post] = _encode(stored)

        def write_rows(pipe: Any) -> None:
            for bucket, fields in by_bucket.items():
                self._write(pipe, bucket, fields)
            if by_bucket:
                pipe.zadd(self.keys.buckets, {str(bucket): bucket for bucket in by_bucket})
                pipe.incr(self.keys.changes)
            if batch.labels:
                pipe.hset(self.keys.concepts, mapping=batch.labels)

        def index(pipe: Any) -> None:
            for post, bucket in placed.items():
                pipe.set(self.keys.post(post), bucket, nx=True, px=self.expiry_ms)
                pipe.get(self.keys.post(post))
                pipe.exists(self.keys.deleted(post))
            for post in batch.without:
                pipe.get(self.keys.post(post))

        def advance(pipe: Any) -> None:
            if batch.latest:
                pipe.zadd(self.keys.watermark, {str(part): at for part, at in batch.latest.items()}, gt=True)

        written, indexed, _ = await self._link.run(write_rows, index, advance)
        stale: set[tuple[str, int]] = set()
        settled: dict[str, int | None] = {}
        for i, (post, bucket) in enumerate(placed.items()):
            before, deleted = int(indexed[3 * i + 1]), indexed[3 * i + 2]
            if deleted:
                stale |= {(post, bucket), (post, before)}
                settled[post] = None
            elif before != bucket:
                stale.add((post, before))
                settled[post] = bucket
        for post, found in zip(batch.without, indexed[3 * len(placed) :], strict=True):
            if found is not None:
                stale.add((post, int(found)))
                settled[post] = None
        if stale:
            await self.remove(stale, settled)
        return sum(written[: len(by_bucket)])

    async def remove(self, stale: Iterable[tuple[str, int]], settled: Mapping[str, int | None]) -> None:
        """Remove posts' rows from buckets, and then let the index say where the posts are now (None: nowhere)."""
        by_bucket: dict[int, dict[str, bytes]] = {}
        for post, bucket in stale:
            by_bucket.setdefault(bucket, {})[post] = b""

        def remove_rows(pipe: Any) -> None:
            for bucket, fields in by_bucket.items():
                self._write(pipe, bucket, fields)
            pipe.incr(self.keys.changes)

        def index(pipe: Any) -> None:
            for post, bucket in settled.items():
                if bucket is None:
                    pipe.delete(self.keys.post(post))
                else:
                    pipe.set(self.keys.post(post), bucket, px=self.expiry_ms)

        await self._link.run(remove_rows, index)

    def _write(self, pipe: Any, bucket: int, fields: Mapping[str, bytes]) -> None:
        flat = [part for item in fields.items() for part in item]
        pipe.eval(WRITE, 2, self.keys.rows(bucket), self.keys.version(bucket), self.expiry_ms, *flat)

    async def find(self, buckets: Mapping[str, int]) -> dict[str, Row]:
        """The rows of posts whose buckets are known; a post that has none is left out."""

        def read(pipe: Any) -> None:
            for post, bucket in buckets.items():
                pipe.hget(self.keys.rows(bucket), post)

        [found] = await self._link.run(read)
        return {post: _row(post, raw) for post, raw in zip(buckets, found, strict=True) if raw is not None}

    async def versions(self, first: int, end: int) -> dict[int, int]:
        """The versions of the buckets in [first, end) that exist, in order."""
        [[names]] = await self._link.run(lambda pipe: pipe.zrangebyscore(self.keys.buckets, first, f"({end}"))
        buckets = [int(name) for name in names]

        def read(pipe: Any) -> None:
            for bucket in buckets:
                pipe.get(self.keys.version(bucket))

        [versions] = await self._link.run(read)
        return {bucket: int(version or 0) for bucket, version in zip(buckets, versions, strict=True)}

    async def read(self, buckets: Iterable[int]) -> dict[int, list[Row]]:
        """All rows of some buckets."""
        wanted = list(buckets)
        result: dict[int, list[Row]] = {}
        for start in range(0, len(wanted), CHUNK):
            part = wanted[start : start + CHUNK]

            def read(pipe: Any, part: list[int] = part) -> None:
                for bucket in part:
                    pipe.hgetall(self.keys.rows(bucket))

            [hashes] = await self._link.run(read)
            for bucket, fields in zip(part, hashes, strict=True):
                result[bucket] = [_row(post.decode(), raw) for post, raw in fields.items()]
        return result

    async def drop(self, end: int) -> list[int]:
        """Let go of the buckets before `end`; they are given."""
        [[names]] = await self._link.run(lambda pipe: pipe.zrangebyscore(self.keys.buckets, "-inf", f"({end}"))
        buckets = [int(name) for name in names]

        def remove(pipe: Any) -> None:
            for bucket in buckets:
                pipe.execute_command("UNLINK", self.keys.rows(bucket))
                pipe.execute_command("UNLINK", self.keys.version(bucket))

        def unlist(pipe: Any) -> None:
            pipe.zrem(self.keys.buckets, *map(str, buckets))

        if buckets:
            await self._link.run(remove, unlist)
        return buckets

    async def labels(self, concepts: Iterable[str]) -> dict[str, str]:
        """The labels of concepts, as far as they are known."""
        wanted = sorted(set(concepts))
        if not wanted:
            return {}
        [[found]] = await self._link.run(lambda pipe: pipe.hmget(self.keys.concepts, wanted))
        return {concept: label.decode() for concept, label in zip(wanted, found, strict=True) if label is not None}


def _row(post: str, raw: bytes) -> Row:
    stored = _decode(raw)
    return Row(post, stored.at_ms, stored.author, stored.fingerprint, stored.pairs, stored.sketch, stored.unnamed)
