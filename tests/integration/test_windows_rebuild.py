"""Redis wiped under a running instance, or spoilt by hand: the windows are made anew from the topics, with the same alerts."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis
from kafka import KafkaAdminClient, TopicPartition

from services.alerting.rebuild import Rebuilt, rebuild, recover
from services.alerting.verify import compare
from shared import groups
from shared.errors import AdrwatchError, DependencyAway
from shared.events import Alert, Deletion, Outcome, decode, encode, now
from shared.redis_keys import Keys
from shared.topics import ALERTS, DEAD_LETTERS, DELETIONS, MENTIONS, OUTCOMES, VERSION_HEADER, Topic, partition_of
from tests.integration.test_alerting_kafka import END, Instance, running
from tests.unit.alerting.world import HOUR, closing, expected_alerts, mention, outcome, several_days, small_rules

# Its place in the group is waited for.
BRIEF = "tests.brief_session"


@pytest.fixture
def instance(kafka: str, redis_url: str, topic_prefix: str, tmp_path: Path) -> Iterator[Instance]:
    with running(kafka, redis_url, topic_prefix, tmp_path) as made:
        yield made


@pytest.fixture
def server(redis_url: str) -> Iterator[Any]:
    with redis.Redis.from_url(redis_url) as client:
        yield client


def wipe(server: Any, prefix: str) -> int:
    """Delete everything of the instance, as a Redis that lost its memory has."""
    names = list(server.scan_iter(match=f"{prefix}:*"))
    return server.delete(*names) if names else 0


def stop(worker: Any) -> None:
    worker.send_signal(signal.SIGTERM)
    worker.wait(timeout=60)


def verified(instance: Instance) -> dict[str, Any]:
    done = instance.command("windows", "verify", "--json")
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def settled(instance: Instance) -> None:
    """All outcomes are read: asked of what `verified` asks, without a process each time."""

    def read() -> bool:
        found = compare(instance.settings, small_rules())
        return found.unread == 0 and found.held > 0

    instance.wait_for(read, "all outcomes read")


def content(alerts: list[Any]) -> set[bytes]:
    return {encode(alert) for alert in alerts}


def test_redis_wiped_while_posts_flow_gives_the_same_alerts_in_the_end(instance: Instance, server: Any) -> None:
    outcomes = several_days(days=2, posts=350)
    expected = content(expected_alerts(outcomes, END, small_rules()))
    half = len(outcomes) // 2
    first = instance.start(1)
    instance.outcomes(outcomes[:half])
    instance.wait_for(instance.alerts, "first alert")
    assert wipe(server, instance.prefix)
    # The worker finds it out and leaves; whoever watches it starts it again.
    first.wait(timeout=60)
    assert first.returncode != 0
    instance.outcomes(outcomes[half:] + closing(END + HOUR))
    instance.start(1)
    instance.wait_for(lambda: content(instance.alerts()) >= expected, "all alerts")
    assert content(instance.alerts()) == expected
    assert len(instance.alerts()) == len(expected), "an alert was published twice"
    settled(instance)
    assert verified(instance)["kinds"] == {}
    assert instance.read(DEAD_LETTERS) == []


def test_a_deletion_that_came_while_redis_was_empty_takes_its_post_back(instance: Instance, server: Any) -> None:
    worker = instance.start(1)
    death = mention("t:0", 0, serious=("death",))
    instance.produce(MENTIONS, [(death.drug.id, encode(death))])
    instance.outcomes([*several_days(days=1, posts=40), *closing(30 * HOUR)])
    instance.wait_for(lambda: len(instance.alerts()) >= 1, "the item")
    [item] = [alert for alert in instance.alerts() if alert.kind == "single_report"]
    settled(instance)
    stop(worker)
    wipe(server, instance.prefix)
    instance.produce(DELETIONS, [(post, encode(Deletion(id=post, deleted_at=now()))) for post in ("t:0", "t:7")])
    instance.start(1)
    instance.wait_for(lambda: (item.id, None) in instance.read(ALERTS), "tombstone")
    assert server.exists(Keys(instance.prefix).deleted("t:7"))
    assert not server.exists(Keys(instance.prefix).post("t:7"))


def test_verify_names_what_differs_and_rebuild_mends_it(
    instance: Instance, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = instance.start(1, BRIEF)
    instance.outcomes([*several_days(days=1, posts=60), *closing(30 * HOUR)])
    settled(instance)
    assert verified(instance)["kinds"] == {}

    # Without the patience that it has with workers that are about to be gone.
    monkeypatch.setattr(groups, "SESSION_SECONDS", -5.0)
    with pytest.raises(AdrwatchError, match="1 workers of alerting are running"):
        groups.require_stopped(instance.settings, "alerting", print)
    stop(worker)

    instance.produce(DELETIONS, [("t:7", encode(Deletion(id="t:7", deleted_at=now())))])
    tomorrow = outcome("t:tomorrow", 0, ("d1", "r1"))
    tomorrow = msgspec.structs.replace(tomorrow, created_at=now() + timedelta(days=1))
    instance.outcomes([tomorrow])
    assert verified(instance)["kinds"] == {}, "what nobody has read yet is no difference"

    keys = Keys(instance.prefix)
    bucket = int(server.zrange(keys.buckets, 0, 0)[0])
    [first, second, third, *_] = [
        (int(name), post) for name in server.zrange(keys.buckets, 0, -1) for post in server.hkeys(keys.rows(int(name)))
    ]
    server.hdel(keys.rows(first[0]), first[1])
    server.hset(keys.rows(second[0]), second[1], server.hget(keys.rows(third[0]), third[1]))
    server.hset(keys.rows(bucket), "t:nobody", server.hget(keys.rows(second[0]), second[1]))
    found = instance.command("windows", "verify")
    assert found.returncode == 1
    assert "missing in Redis: 1" in found.stdout
    assert "different: 1" in found.stdout
    assert "not in the topics: 1" in found.stdout
    assert "t:nobody" not in found.stdout

    # Nothing runs, so that the group may take a moment to forget its member.
    instance.workers.clear()
    rebuilt = instance.command("windows", "rebuild", "--json")
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert json.loads(rebuilt.stdout)["outcomes"] == 65
    assert verified(instance)["kinds"] == {}


def test_verify_finds_no_difference_while_posts_are_counted(instance: Instance) -> None:
    instance.start(1)
    posts = several_days(days=2, posts=1200)
    instance.outcomes(posts[:40])
    settled(instance)
    enough = threading.Event()

    def flow() -> None:
        for post in posts[40:]:
            instance.outcomes([post])
            if enough.wait(0.01):
                return

    with ThreadPoolExecutor(1) as pool:
        flowing = pool.submit(flow)
        found = [compare(instance.settings, small_rules()) for _ in range(8)]
        enough.set()
        flowing.result()
    assert len({one.held for one in found}) > 2, "nothing was counted meanwhile"
    assert [one for one in found if not one.alike] == []


def test_a_rebuild_that_is_cut_off_begins_anew(instance: Instance, server: Any) -> None:
    worker = instance.start(1)
    instance.outcomes([*several_days(days=1, posts=60), *closing(30 * HOUR)])
    settled(instance)
    stop(worker)
    keys = Keys(instance.prefix)
    # What a process leaves that dies between its first and its last step: some rows, and no mark that they are whole.
    server.delete(keys.bucket_length)
    for name in server.zrange(keys.buckets, 0, 2):
        server.delete(keys.rows(int(name)))
    instance.start(1)
    instance.wait_for(lambda: server.exists(keys.bucket_length), "the mark that all is there")
    assert verified(instance)["kinds"] == {}


def test_an_edited_post_counts_in_its_latest_version_live_and_after_a_rebuild(instance: Instance, server: Any) -> None:
    first, edit, second = (int(now().timestamp() * 1000) - ago for ago in (3000, 2000, 1000))

    def say(topic: Topic, key: str, event: Any, at: int) -> None:
        name, headers = topic.name(instance.prefix), [(VERSION_HEADER, str(at).encode())]
        place = partition_of(key, topic.partitions)
        instance.producer.send(name, encode(event), key.encode(), headers, partition=place, timestamp_ms=at)

    def items() -> set[tuple[str, ...]]:
        """The criteria of the items that stand."""
        latest = dict(instance.read(ALERTS))
        return {decode(value, Alert).rules for value in latest.values() if value is not None}

    instance.outcomes([*several_days(days=1, posts=20), *closing(30 * HOUR)])
    # The deletion of the second post is read before anything of it, that of the first one after both versions.
    say(DELETIONS, "t:e2", Deletion(id="t:e2", deleted_at=now(), edited=True), edit)
    for post in ("t:e1", "t:e2"):
        for at, pair, criterion in ((first, ("d1", "r1"), "death"), (second, ("d2", "r2"), "disability")):
            say(OUTCOMES, post, outcome(post, HOUR, pair), at)
            say(MENTIONS, pair[0], mention(post, HOUR, *pair, fingerprint=post + pair[0], serious=(criterion,)), at)
    say(OUTCOMES, "t:e3", outcome("t:e3", HOUR, ("d1", "r1")), first)
    say(DELETIONS, "t:e3", Deletion(id="t:e3", deleted_at=now(), edited=True), edit)
    worker = instance.start(1)
    settled(instance)
    say(DELETIONS, "t:e1", Deletion(id="t:e1", deleted_at=now(), edited=True), edit)
    instance.wait_for(lambda: items() == {("disability",)}, "the items of the later versions alone")
    settled(instance)
    store = Keys(instance.prefix)
    assert not server.exists(store.deleted("t:e1"))

    def counted() -> list[bytes]:
        return sorted(
            post
            for name in server.zrange(store.buckets, 0, -1)
            for post in server.hkeys(store.rows(int(name)))
            if post.startswith(b"t:e")
        )

    assert counted() == [b"t:e1", b"t:e2"]
    assert verified(instance)["kinds"] == {}
    stop(worker)
    instance.workers.clear()
    assert wipe(server, instance.prefix)
    rebuilt = rebuild(instance.settings, small_rules(), print)
    assert rebuilt.deletions == 3
    assert counted() == [b"t:e1", b"t:e2"]
    assert compare(instance.settings, small_rules()).kinds == {}
    assert items() == {("disability",)}


def test_an_item_that_a_repost_has_taken_over_stays_after_a_rebuild(instance: Instance, server: Any) -> None:
    posts = [mention(f"t:{n}", n * HOUR, serious=("death",), fingerprint="the same words") for n in range(3)]
    other = mention("t:3", 4 * HOUR, reaction="r2", serious=("death",))

    def say(event: Any) -> None:
        topic, key = (DELETIONS, event.id) if isinstance(event, Deletion) else (MENTIONS, event.drug.id)
        instance.produce(topic, [(key, encode(event))])

    def items() -> list[tuple[str, ...] | None]:
        """What stands in the topic, in its order: the posts of each item, None where one was taken back."""
        return [None if value is None else decode(value, Alert).examples for _, value in instance.read(ALERTS)]

    worker = instance.start(1)
    instance.outcomes([*several_days(days=1, posts=10), *closing(30 * HOUR)])
    say(posts[0])
    instance.wait_for(lambda: items() == [("t:0",)], "the item")
    say(Deletion(id="t:0", deleted_at=now()))
    instance.wait_for(lambda: items() == [("t:0",), None], "its tombstone")
    say(posts[1])
    instance.wait_for(lambda: items() == [("t:0",), None, ("t:1",)], "the item of the repost")
    settled(instance)
    stop(worker)

    wipe(server, instance.prefix)
    instance.start(1)
    instance.wait_for(lambda: server.exists(Keys(instance.prefix).bucket_length), "the windows")
    assert items() == [("t:0",), None, ("t:1",)]
    # Another repost opens nothing while this one is there, and its deletion takes the item back.
    say(posts[2])
    say(other)
    instance.wait_for(lambda: items() == [("t:0",), None, ("t:1",), ("t:3",)], "the other item alone")
    say(Deletion(id="t:1", deleted_at=now()))
    instance.wait_for(lambda: items() == [("t:0",), None, ("t:1",), ("t:3",), None], "the tombstone")


def test_of_workers_that_find_redis_empty_at_the_same_time_one_makes_the_windows_anew(
    instance: Instance, server: Any
) -> None:
    worker = instance.start(1)
    instance.outcomes([*several_days(days=1, posts=60), *closing(30 * HOUR)])
    settled(instance)
    stop(worker)
    wipe(server, instance.prefix)
    keys = Keys(instance.prefix)
    with ThreadPoolExecutor() as several:
        made = list(several.map(lambda _: recover(instance.settings, small_rules(), lambda text: None), range(3)))
    assert [type(one) for one in made if one] == [Rebuilt]
    assert not server.exists(keys.rebuilding), "the next one need not wait"
    assert verified(instance)["kinds"] == {}


def test_a_rebuild_whose_lock_was_taken_stops_and_leaves_the_lock_to_the_other(instance: Instance, server: Any) -> None:
    worker = instance.start(1)
    instance.outcomes([*several_days(days=1, posts=60), *closing(30 * HOUR)])
    settled(instance)
    stop(worker)
    keys = Keys(instance.prefix)

    def steal(text: str) -> None:
        server.set(keys.rebuilding, "another")

    with pytest.raises(DependencyAway, match="another process has taken the lock"):
        rebuild(instance.settings, small_rules(), steal)
    assert server.get(keys.rebuilding) == b"another"


def steady(hours: int) -> list[Outcome]:
    """One pair comes up each hour for ever, more than it should, among others that do not."""
    found = []
    for hour in range(hours):
        posts = [("d1", "r1"), *((f"d{2 + (hour + i) % 5}", f"r{2 + (hour * 3 + i) % 6}") for i in range(5))]
        found += [
            outcome(f"t:{hour}-{i}", hour * HOUR + i * 60_000, pair, author=f"a{hour}-{i}", fingerprint=f"g{hour}-{i}")
            for i, pair in enumerate(posts)
        ]
    return found


def shorten(instance: Instance, remaining: Sequence[Outcome], all_of_it: Sequence[Outcome]) -> None:
    """Let the broker forget the oldest outcomes."""
    total, left = (
        Counter(partition_of(o.post_id, OUTCOMES.partitions) for o in some) for some in (all_of_it, remaining)
    )
    name = OUTCOMES.name(instance.prefix)
    with contextlib.closing(KafkaAdminClient(bootstrap_servers=instance.kafka)) as admin:
        admin.delete_records({TopicPartition(name, number): total[number] - left[number] for number in total})


def test_a_rebuild_from_a_topic_that_has_lost_its_beginning_publishes_nothing_again(
    instance: Instance, server: Any
) -> None:
    days = steady(hours=240)
    half = len(days) // 2
    # A post that came days late is now the first of its partition.
    stray = outcome("t:stray", 0, ("d1", "r2"), author="late", fingerprint="late")
    stream = [*days[:half], stray, *days[half:], *closing(242 * HOUR)]
    worker = instance.start(1)
    instance.outcomes(stream)
    settled(instance)
    last = max(alert.evaluated_at for alert in expected_alerts(stream, 240 * HOUR, small_rules()))
    instance.wait_for(lambda: any(alert.evaluated_at == last for alert in instance.alerts()), "the last alert")
    before = [(alert.id, alert.evaluated_at) for alert in instance.alerts()]
    assert len({alert_id for alert_id, _ in before}) == 1
    stop(worker)

    shorten(instance, stream[half:], stream)
    wipe(server, instance.prefix)
    instance.start(1)
    until = Keys(instance.prefix).evaluated_until
    instance.wait_for(lambda: server.hlen(until) == MENTIONS.partitions, "evaluation")
    assert [(alert.id, alert.evaluated_at) for alert in instance.alerts()] == before
    assert verified(instance)["kinds"] == {}
