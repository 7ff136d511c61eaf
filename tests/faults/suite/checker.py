"""Counts what came of every post, from outside: topics, Redis and database are read by code that no part of the product shares.

What it holds them against is what was sent, and what an undisturbed run of the same posts gives.
"""

from __future__ import annotations

import base64
import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from tests.faults.suite import topics
from tests.faults.suite.expected import Expected
from tests.faults.suite.world import World

_HOUR_MS = 3_600_000
# The longest window of the rules of the run: for so long every bucket must be in Redis.
_WINDOW_MS = 72 * _HOUR_MS
_SHOWN = 5


@dataclass
class Findings:
    """What is wrong, in words; ids of posts without an outcome; ids of what came in two versions; and what was looked at."""

    wrong: list[str] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    doubled: set[str] = field(default_factory=set)
    seen: dict[str, int] = field(default_factory=Counter)

    def differ(self, kind: str, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
        """Note how two mappings differ."""
        missing, more = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
        other = sorted(key for key in found.keys() & wanted.keys() if found[key] != wanted[key])
        for what, ids in (("missing", missing), ("nobody wants", more), ("of another content", other)):
            if ids:
                self.wrong.append(f"{kind}: {len(ids)} {what}: {', '.join(map(str, ids[:_SHOWN]))}")
        self.seen[kind] += len(found)


def check(world: World, expected: Expected) -> Findings:
    """Look at everything once. The posts flow no more."""
    found = Findings()
    prefix = world.settings.topic_prefix
    stored = {name: topics.read(world.kafka, f"{prefix}.{name}") for name in
              ("posts", "outcomes", "mentions", "alerts", "dead-letters", "deletions")}  # fmt: skip
    sent = {f"vendor:{line['id']}": line for line in map(json.loads, (world.folder / "input.jsonl").open())}
    for post in _posts(found, stored["posts"], sent, world.sender.deleted):
        del sent[post]
    _outcomes(found, stored["outcomes"], expected, sent)
    found.differ("mentions", _plain(topics.latest(stored["mentions"])), _plain(expected.mentions))
    found.differ("alerts", topics.latest(stored["alerts"]), expected.alerts)
    _dead_letters(found, stored["dead-letters"], world)
    found.differ("deletions", dict.fromkeys(topics.latest(stored["deletions"])), dict.fromkeys(world.sender.deleted))
    _redis(found, world, expected)
    _database(found, world)
    _told(found, world, topics.latest(stored["alerts"]))
    return found


def _posts(found: Findings, stored: list[topics.Message], sent: Mapping[str, Any], deleted: set[str]) -> set[str]:
    """Which posts were taken back while they waited on the way to Kafka: such are never written, and have no outcome."""
    texts: dict[str, set[str]] = defaultdict(set)
    for message in stored:
        if message.key in sent and message.content is not None:
            texts[message.key].add(message.content["text"])
    standing = {message.key for message in stored if message.value is None}
    unwritten = (deleted & sent.keys() & standing) - texts.keys()
    found.differ("posts", texts, {key: {line["text"]} for key, line in sent.items() if key not in unwritten})
    found.seen["taken back before they were written"] = len(unwritten)
    if left := deleted - standing:
        found.wrong.append(f"posts: {len(left)} were taken back and have no tombstone")
    return unwritten


def _outcomes(found: Findings, stored: list[topics.Message], expected: Expected, sent: Mapping[str, Any]) -> None:
    contents: dict[str, set[str]] = defaultdict(set)
    for message in stored:
        content = message.content
        assert content is not None
        contents[content["post_id"]].add(json.dumps(_without_version(content), sort_keys=True))
    found.lost = sent.keys() - contents.keys()
    found.doubled = {post for post, versions in contents.items() if len(versions) > 1}
    if found.doubled:
        found.wrong.append(
            f"outcomes: {len(found.doubled)} posts have two: {', '.join(sorted(found.doubled)[:_SHOWN])}"
        )
    final = {post: json.loads(versions.pop()) for post, versions in contents.items() if len(versions) == 1}
    found.differ("outcomes", final, {post: one for post, one in _plain(expected.outcomes).items() if post in sent})
    found.seen["outcomes repeated"] = len(stored) - len(contents)


def _dead_letters(found: Findings, stored: list[topics.Message], world: World) -> None:
    letters = topics.latest(stored)
    payloads = Counter(
        base64.b64decode(letter["payload"]) for letter in letters.values() if letter["stage"] == "pipeline"
    )
    if payloads != Counter(world.poison):
        more, missing = payloads - Counter(world.poison), Counter(world.poison) - payloads
        found.wrong.append(f"dead letters: {more.total()} of no foreign message, {missing.total()} missing")
    others = Counter(letter["stage"] for letter in letters.values() if letter["stage"] != "pipeline")
    wanted = Counter({"ingest": world.sender.refused} if world.sender.refused else {})
    if others != wanted:
        reasons = Counter((letter["stage"], letter["reason"]) for letter in letters.values())
        found.wrong.append(f"dead letters: {dict(reasons)}, and {world.sender.refused} records were refused")
    found.seen["dead letters"] = len(letters)


def _redis(found: Findings, world: World, expected: Expected) -> None:
    """Rows, and reports by drug, reaction and bucket; of buckets that may be gone only those that are there."""
    prefix, client = world.settings.redis_prefix, world.redis
    rows: dict[str, tuple[int, Any]] = {}
    twice = 0
    for key in client.scan_iter(match=f"{prefix}:rows:*", count=1000):
        bucket = int(key.decode().rpartition(":")[2].rstrip("}"))
        for post, raw in client.hgetall(key).items():
            at, _author, _fingerprint, pairs, *_ = msgspec.msgpack.decode(raw)
            twice += post.decode() in rows
            rows[post.decode()] = (bucket, {tuple(pair) for pair in pairs})
            if at // _HOUR_MS != bucket:
                found.wrong.append(f"Redis: {post.decode()} lies in the bucket of another time")
    until = [int(value) for value in client.hvals(f"{prefix}:evaluated-until")]
    needed = (min(until, default=0) - _WINDOW_MS) // _HOUR_MS
    wanted = {
        post: (_bucket(outcome), {(pair["drug"]["id"], pair["reaction"]["id"]) for pair in outcome["pairs"]})
        for post, outcome in expected.outcomes.items()
        if outcome.get("pairs")
    }
    if twice:
        found.wrong.append(f"Redis: {twice} posts lie in two buckets")
    recent = {post: row for post, row in wanted.items() if row[0] >= needed or post in rows}
    found.differ("rows in Redis", rows, recent)
    found.differ("counts in Redis", _counts(rows), _counts(recent))
    if len(until) != len(set(range(4))) or len(set(until)) != 1:
        found.wrong.append(f"Redis: the partitions are evaluated up to {sorted(until)}")


def _counts(rows: Mapping[str, tuple[int, Any]]) -> Counter[str]:
    return Counter(f"{drug} {reaction} {bucket}" for bucket, pairs in rows.values() for drug, reaction in pairs)


def _database(found: Findings, world: World) -> None:
    """Cases by item, deleted posts, and receipts by subject and store."""
    path = world.settings.data_dir / "cases.sqlite3"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
        items = Counter(
            json.loads(document)["alert"] for (document,) in connection.execute("SELECT document FROM cases")
        )
        opened = Counter(
            subject for (subject,) in connection.execute("SELECT subject FROM audit WHERE action = 'open'")
        )
        (noted,) = connection.execute("SELECT count(*) FROM deleted_posts").fetchone()
        # A deletion that is handled twice has two rows of a store, of which the first counts.
        receipts = {
            (subject, json.loads(reason)["store"])
            for subject, reason in connection.execute("SELECT subject, reason FROM audit WHERE action = 'forgotten'")
        }
    found.seen["cases"] = len(items)
    if missing := world.clerk.opened - items.keys():
        found.wrong.append(f"cases: {len(missing)} of which it was said that they are open are not there")
    if more := [name for name, times in (items + opened).items() if times > 1]:
        found.wrong.append(f"cases: {len(more)} were opened twice")
    if noted != len(world.sender.deleted):
        found.wrong.append(f"database: {noted} posts are noted as taken back of {len(world.sender.deleted)}")
    stores = Counter(store for _, store in receipts)
    if any(stores[store] != len(world.sender.deleted) for store in ("topics", "windows", "cases")):
        found.wrong.append(f"receipts: {dict(stores)} of {len(world.sender.deleted)} posts that were taken back")


def _told(found: Findings, world: World, alerts: Mapping[str, Any]) -> None:
    """Every alert was told; nothing was told twice under two ids. A repeat under one id is the receiver's to pass over."""
    notices: dict[tuple[str, str], set[str]] = defaultdict(set)
    keys: set[str] = set()
    for request in world.receiver.requests:
        if request.taken:
            keys.add(request.headers["idempotency-key"])
            for notice in request.json["notices"]:
                notices[notice["alert_id"], json.dumps(notice["alert"], sort_keys=True)].add(notice["id"])
    found.differ("alerts told", dict.fromkeys({alert for alert, _ in notices}), dict.fromkeys(alerts))
    if more := [alert for (alert, _), ids in notices.items() if len(ids) > 1]:
        found.wrong.append(f"notices: {len(more)} were told twice: {', '.join(more[:_SHOWN])}")
    found.seen["notices"] = len(notices)


def _bucket(outcome: Mapping[str, Any]) -> int:
    return int(datetime.fromisoformat(outcome["created_at"]).timestamp() * 1000) // _HOUR_MS


def _without_version(message: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name != "model_version"}


def _plain(messages: Mapping[str, Any]) -> dict[str, Any]:
    """Whichever version of the models decided: those of a run have the same graphs."""
    return {key: _without_version(value) for key, value in messages.items()}
