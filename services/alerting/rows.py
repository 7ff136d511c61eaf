"""Reports in Redis: one field of one hash per post, in the bucket of its event time.

A write is idempotent by post id and atomic by being one field. Rows come before their post's index entry, and that before the
watermark, so that whoever sees a watermark also sees the rows below it. What a bucket held is known by its version.

Memory, measured on Redis 7.0 with 50,000 reports of 1.3 pairs in 1,080 buckets: 360 bytes a report, of which 190 are the row
and the rest its index entry; a quarter of a million reports in the kept time need 90 MB. What is kept per pair is small: some
hundred bytes for each pair that ever raised. After a loss of Redis everything is made anew from the topics (`rebuild.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from services.alerting.link import RedisLink
from services.alerting.versions import is_older, is_taken
from shared.errors import AdrwatchError
from shared.redis_keys import SEPARATOR, UNTIL, Keys, join
from shared.signals.rules import Rules
from shared.signals.windows import Row
from shared.topics import MENTIONS, partition_of

# Sets rows of one bucket, or removes them: by an empty value, or by a number those of a version of their post up to that time.
# No row takes the place of one that is known to be of a later version. The bucket's version rises when anything changed. Gives how
# much did, and then each row that another took the place of, behind its post.
WRITE = r"""
local function version(row) return tonumber(string.match(row, '.*\31(-?%d+)\31') or '0') end
local changed, replaced = 0, {0}
for i = 2, #ARGV, 2 do
  local post, row = ARGV[i], ARGV[i + 1]
  local limit = tonumber(row)
  if row == '' then
    changed = changed + redis.call('HDEL', KEYS[1], post)
  else
    local held = redis.call('HGET', KEYS[1], post)
    if limit then
      if held and math.abs(version(held)) <= limit then changed = changed + redis.call('HDEL', KEYS[1], post) end
    elseif not held then
      redis.call('HSET', KEYS[1], post, row)
      changed = changed + 1
    elseif held ~= row then
      local new = version(row)
      if new <= 0 or new >= version(held) then
        redis.call('HSET', KEYS[1], post, row)
        changed = changed + 1
        replaced[#replaced + 1] = post
        replaced[#replaced + 1] = held
      end
    end
  end
end
if changed > 0 then redis.call('INCR', KEYS[2]) end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[1])
replaced[1] = changed
return replaced
"""
# KEYS: edited. ARGV: a time in ms, the key's expiry in ms. What is of a version of the post up to then does not stand.
SUPERSEDE = """
local before = tonumber(redis.call('HGET', KEYS[1], 'until') or '0')
redis.call('HSET', KEYS[1], 'until', string.format('%.0f', math.max(before, tonumber(ARGV[1]))))
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
# What removes a row of any version.
ANY = b""

Pair = tuple[str, str]
# Keys outlive what the watermark lets go by this factor: their expiry only cleans up what a dead instance left.
SAFETY = 2
CHUNK = 200


class Stored(msgspec.Struct, frozen=True, array_like=True):
    """A row without its post id, which is the field's name.

    `marked` is the version (see `versions.py`) between separators, by which WRITE finds it: Lua's MessagePack knows no bytes.
    """

    at_ms: int
    author: str | None
    fingerprint: str | None
    pairs: tuple[tuple[str, str], ...]
    sketch: bytes | None = None
    unnamed: bool = False
    marked: str = f"{SEPARATOR}0{SEPARATOR}"

    @property
    def version(self) -> int:
        """The version of the post that the row is of."""
        return int(self.marked.strip(SEPARATOR))


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Stored).decode


@dataclass
class Batch:
    """What a micro-batch adds: rows; posts that turned out to have no pair; labels; largest event time by partition.

    `versions`: of both kinds of posts, see `versions.py`.
    """

    rows: dict[str, Row]
    without: set[str]
    labels: dict[str, str]
    latest: dict[int, int]
    versions: dict[str, int] = field(default_factory=dict)


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
        """Apply a batch; one round trip unless a post moved, changed, lost its pairs or was taken back. The number of new rows."""
        placed = {post: row.at_ms // self._bucket_ms for post, row in batch.rows.items()}
        by_bucket: dict[int, dict[str, bytes]] = {}
        for post, row in batch.rows.items():
            version = batch.versions.get(post, 0)
            marked = f"{SEPARATOR}{version}{SEPARATOR}"
            stored = Stored(row.at_ms, row.author, row.fingerprint, row.pairs, row.sketch, row.unnamed, marked)
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
                # Of a pipeline to a cluster only a command by its name may have two keys, which lie in one slot here.
                pipe.execute_command("EXISTS", self.keys.deleted(post), self.keys.edited(post))
            for post in batch.without:
                pipe.get(self.keys.post(post))

        def advance(pipe: Any) -> None:
            if batch.latest:
                pipe.zadd(self.keys.watermark, {str(part): at for part, at in batch.latest.items()}, gt=True)

        written, indexed, _ = await self._link.run(write_rows, index, advance)
        places: dict[str, tuple[int | None, int]] = {}
        for i, (post, bucket) in enumerate(placed.items()):
            before, taken_back = int(indexed[3 * i + 1]), indexed[3 * i + 2]
            if taken_back or before != bucket:
                places[post] = bucket, before
        for post, found in zip(batch.without, indexed[3 * len(placed) :], strict=True):
            if found is not None:
                places[post] = None, int(found)
        written = written[: len(by_bucket)]
        replaced = ((post, raw) for reply in written for post, raw in zip(reply[1::2], reply[2::2], strict=True))
        lost = {post.decode(): _pairs(raw) - {*batch.rows[post.decode()].pairs} for post, raw in replaced}
        if places:
            lost |= await self._settle(batch, places)
        await self._ask_to_amend(lost)
        return sum(reply[0] for reply in written)

    async def _settle(self, batch: Batch, places: Mapping[str, tuple[int | None, int]]) -> dict[str, set[Pair]]:
        """Posts that moved, lost their pairs or were taken back: `places` are the bucket now (None: no pair) and that before.

        Gives the pairs that they are counted with no more.
        """

        def look(pipe: Any) -> None:
            for post, (_, before) in places.items():
                pipe.exists(self.keys.deleted(post))
                pipe.hget(self.keys.edited(post), UNTIL)
                pipe.hget(self.keys.rows(before), post)

        [replies] = await self._link.run(look)
        stale: dict[tuple[str, int], bytes] = {}
        settled: dict[str, int | None] = {}
        superseded: dict[str, int] = {}
        lost: dict[str, set[Pair]] = {}
        for i, (post, (bucket, before)) in enumerate(places.items()):
            deleted, until, held = replies[3 * i : 3 * i + 3]
            of = batch.versions.get(post, 0)
            pairs = set() if bucket is None else {*batch.rows[post].pairs}
            if deleted:
                stale |= {(post, place): ANY for place in (bucket, before) if place is not None}
                settled[post] = None
            elif is_taken(of, None if until is None else int(until)):
                stale |= {} if bucket is None else {(post, bucket): until}
                lost[post] = pairs
            elif bucket != before and held is not None and is_older(of, _decode(held).version):
                stale |= {} if bucket is None else {(post, bucket): ANY}
                lost[post] = pairs
            elif bucket != before:
                stale[post, before] = ANY
                settled[post] = bucket
                lost[post] = set() if held is None else _pairs(held) - pairs
                superseded |= {post: of - 1} if bucket is None and of > 0 and held is not None else {}
        if superseded:
            await self._link.run(lambda pipe: self._supersede(pipe, superseded))
        if stale:
            await self.remove(stale, settled)
        return lost

    def _supersede(self, pipe: Any, until: Mapping[str, int]) -> None:
        for post, at in until.items():
            pipe.eval(SUPERSEDE, 1, self.keys.edited(post), at, self.expiry_ms)

    async def _ask_to_amend(self, lost: Mapping[str, Iterable[Pair]]) -> None:
        """Ask the owners of pairs to count the signals anew that a post may have been counted in."""
        asked = [(drug, reaction, post) for post, pairs in lost.items() for drug, reaction in pairs]

        def ask(pipe: Any) -> None:
            for drug, reaction, post in asked:
                pipe.sadd(self.keys.retract(partition_of(drug, MENTIONS.partitions)), join(drug, reaction, post))
            pipe.incr(self.keys.changes)

        if asked:
            await self._link.run(ask)

    async def remove(self, stale: Mapping[tuple[str, int], bytes], settled: Mapping[str, int | None]) -> None:
        """Remove posts' rows from buckets, and then let the index say where the posts are now (None: nowhere).

        `stale`: by post and bucket ANY, or the time in ms up to which a version goes.
        """
        by_bucket: dict[int, dict[str, bytes]] = {}
        for (post, bucket), which in stale.items():
            by_bucket.setdefault(bucket, {})[post] = which

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


def _pairs(raw: bytes) -> set[Pair]:
    return {*_decode(raw).pairs}


def _row(post: str, raw: bytes) -> Row:
    stored = _decode(raw)
    return Row(post, stored.at_ms, stored.author, stored.fingerprint, stored.pairs, stored.sketch, stored.unnamed)
