"""What alerting knows of one partition of adr.mentions: how far it was evaluated, its episodes, and alerts on their way out.

Order for every alert: it is written to `pending` in one step with the episodes that led to it; it is sent; the broker's
acknowledgement is awaited; only then it leaves `pending`. A crash in between repeats it under the same id. Only
the worker that took the partition last can write: its token stands in `owner`, and each write is one script that looks there.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from services.alerting.link import RedisLink
from shared import metrics, traces
from shared.events import Alert, Deletion, decode, encode
from shared.forgetting import told
from shared.redis_keys import DELETION, DONE, EDIT, OPEN, Keys, join, split
from shared.signals.episodes import Episodes
from shared.stream import Output
from shared.topics import ALERTS, DAY_MS, Topic

# KEYS[1]: owner. ARGV: token, then commands as name, index of the key, number of arguments, arguments.
FENCED = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local i = 2
while i <= #ARGV do
  local count = tonumber(ARGV[i + 2])
  redis.call(ARGV[i], KEYS[tonumber(ARGV[i + 1])], unpack(ARGV, i + 3, i + 2 + count))
  i = i + 3 + count
end
return 1
"""
# Lua unpacks some thousand arguments at most: so many fields in one command, so many pairs in one publication.
MOST = 1000

encode_episodes = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Episodes).decode


class Stream(Protocol):
    """What alerting asks of `shared.stream.Worker`."""

    def assigned(self, topic: Topic) -> frozenset[int]:
        """The partitions of a topic that this worker owns now."""

    def at_end(self, topic: Topic, partition: int) -> bool:
        """Whether nothing is unread in a partition."""

    async def send(self, outputs: Sequence[Output]) -> None:
        """Write messages; returns when all are acknowledged."""


class LostPartitionError(Exception):
    """Another worker has taken the partition."""


class Partition:
    """The state of one partition of adr.mentions, held by this worker until another takes it.

    After any error it must be taken anew: Redis may hold more than this object knows.
    """

    def __init__(self, number: int, link: RedisLink, keys: Keys, stream: Stream) -> None:
        self.number = number
        self.evaluated: dict[int, int] = {}
        self._link = link
        self._keys = keys
        self._stream = stream
        self._token = uuid.uuid4().hex
        self._names = [keys.owner(number), keys.episodes(number), keys.pending(number), keys.evaluated(number)]
        self._pending: dict[str, bytes] = {}

    async def take(self) -> None:
        """Become the owner, and learn how far the one before had come."""
        owner, _, pending, evaluated = self._names

        def claim(pipe: Any) -> None:
            pipe.set(owner, self._token)
            pipe.hgetall(pending)
            pipe.hgetall(evaluated)

        [[_, left, versions]] = await self._link.run(claim)
        self._pending = {alert_id.decode(): payload for alert_id, payload in left.items()}
        self.evaluated = {int(bucket): int(version) for bucket, version in versions.items()}

    async def flush(self) -> None:
        """Send what is pending, whoever decided it, and let it go when it is acknowledged."""
        if self._pending:
            headers = traces.current()
            await self._stream.send(
                [Output(ALERTS, key, payload or None, headers=headers) for key, payload in self._pending.items()]
            )
            await self._fenced(_hdel(3, self._pending))
            self._pending = {}

    async def episodes(self, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Episodes]:
        """The episodes of pairs; none for a pair that never fired."""
        wanted = list(pairs)
        if not wanted:
            return {}
        [[found]] = await self._link.run(lambda pipe: pipe.hmget(self._names[1], [join(*pair) for pair in wanted]))
        return {pair: _decode(raw) if raw else () for pair, raw in zip(wanted, found, strict=True)}

    async def settled(self, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """Up to when what was reported of pairs is settled, in ms, for those whose signal a person closed."""
        wanted = list(pairs)
        if not wanted:
            return {}
        name, members = self._keys.settled(self.number), [join(*pair) for pair in wanted]
        [[found]] = await self._link.run(lambda pipe: pipe.zmscore(name, members))
        return {pair: int(score) for pair, score in zip(wanted, found, strict=True) if score is not None}

    async def reopen(self, bucket_ms: int) -> None:
        """Note the buckets that must be evaluated again because a signal was closed."""
        name = self._keys.reopened(self.number)
        [[members]] = await self._link.run(lambda pipe: pipe.smembers(name))
        if members:
            since = min(map(int, members))
            await self.unmark([bucket for bucket in self.evaluated if (bucket + 1) * bucket_ms > since])
            await self._link.run(lambda pipe: pipe.srem(name, *members))

    async def publish(
        self, episodes: Mapping[tuple[str, str], Episodes], alerts: Sequence[Alert], gone: Sequence[str] = ()
    ) -> None:
        """Keep at most MOST pairs' episodes and publish alerts and the tombstones of signals that are `gone`."""
        pending = {alert.id: encode(alert) for alert in alerts} | dict.fromkeys(gone, b"")
        kept = {join(*pair): encode_episodes(found) for pair, found in episodes.items() if found}
        emptied = [join(*pair) for pair, found in episodes.items() if not found]
        await self._fenced(_hset(2, kept) + _hdel(2, emptied) + _hset(3, pending))
        self._pending |= pending
        await self.flush()
        for alert in alerts:
            metrics.ALERTS.labels(alert.kind, alert.lane).inc()
            metrics.passed(metrics.ALERT_SECONDS, alert.evaluated_at, alert.kind)

    async def mark(self, versions: Mapping[int, int]) -> None:
        """Note buckets whose signals are all published."""
        for part in _parts(versions):
            await self._fenced(_hset(4, {str(bucket): str(versions[bucket]).encode() for bucket in part}))
        self.evaluated |= versions

    async def unmark(self, buckets: Iterable[int]) -> None:
        """Note buckets that must be evaluated again, or exist no more."""
        marked = [bucket for bucket in buckets if bucket in self.evaluated]
        for part in _parts(marked):
            await self._fenced(_hdel(4, map(str, part)))
        for bucket in marked:
            del self.evaluated[bucket]

    async def to_amend(self) -> list[tuple[str, str, str]]:
        """(drug, reaction, post) of deletions that published signals must take in."""
        [[members]] = await self._link.run(lambda pipe: pipe.smembers(self._keys.retract(self.number)))
        return sorted((drug, reaction, post) for drug, reaction, post in map(split, members))

    async def amended(self, members: Sequence[tuple[str, str, str]]) -> None:
        """Forget deletions that were taken in, and tell of those that no pair's signals must take in any more.

        Order: the pairs are noted as done; what is done wholly is told and acknowledged; then the deletions go. A crash repeats it.
        """
        if not members:
            return
        keys, posts = self._keys, list(dict.fromkeys(post for _, _, post in members))

        def note(pipe: Any) -> None:
            for drug, reaction, post in members:
                pipe.hset(keys.unamended(post), join(drug, reaction), DONE)
            for post in posts:
                pipe.pexpire(keys.unamended(post), DAY_MS)
                pipe.hgetall(keys.unamended(post))

        [replies] = await self._link.run(note)
        found = dict(zip(posts, replies[len(members) + 1 :: 2], strict=True))
        whole = {post: state for post, state in found.items() if OPEN.encode() not in state.values()}
        fields = [name.encode() for name in (DELETION, EDIT)]
        deletions = [state[name] for state in whole.values() for name in fields if name in state]
        if deletions:
            await self._stream.send([told(decode(deletion, Deletion), "signals") for deletion in deletions])

        def let_go(pipe: Any) -> None:
            for post in whole:
                pipe.delete(keys.unamended(post))
            pipe.srem(keys.retract(self.number), *(join(*member) for member in members))

        await self._link.run(let_go)

    async def _fenced(self, commands: list[Any]) -> None:
        if not commands:
            return
        keys = self._names
        [[done]] = await self._link.run(lambda pipe: pipe.eval(FENCED, len(keys), *keys, self._token, *commands))
        if not done:
            raise LostPartitionError


def _hset(key: int, fields: Mapping[str, bytes]) -> list[Any]:
    flat = [part for item in fields.items() for part in item]
    return ["HSET", key, len(flat), *flat] if flat else []


def _hdel(key: int, fields: Iterable[str]) -> list[Any]:
    names = list(fields)
    return ["HDEL", key, len(names), *names] if names else []


def _parts(items: Iterable[Any]) -> list[list[Any]]:
    everything = list(items)
    return [everything[i : i + MOST] for i in range(0, len(everything), MOST)]
