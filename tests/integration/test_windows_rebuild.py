"""Redis wiped under a running instance, or spoilt by hand: the windows are made anew from the topics, with the same alerts."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from services.alerting import group
from shared.errors import AdrwatchError
from shared.events import Deletion, encode, now
from shared.redis_keys import Keys
from shared.settings import load
from shared.topics import ALERTS, DEAD_LETTERS, DELETIONS, MENTIONS
from tests.integration.test_alerting_kafka import END, Instance, running
from tests.unit.alerting.world import HOUR, closing, expected_alerts, mention, several_days, small_rules


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
    instance.wait_for(lambda: verified(instance)["unread"] == 0, "all outcomes read")
    assert verified(instance)["kinds"] == {}
    assert instance.read(DEAD_LETTERS) == []


def test_a_deletion_that_came_while_redis_was_empty_takes_its_post_back(instance: Instance, server: Any) -> None:
    worker = instance.start(1)
    death = mention("t:0", 0, serious=("death",))
    instance.produce(MENTIONS, [(death.drug.id, encode(death))])
    instance.outcomes([*several_days(days=1, posts=40), *closing(30 * HOUR)])
    instance.wait_for(lambda: len(instance.alerts()) >= 1, "the item")
    [item] = [alert for alert in instance.alerts() if alert.kind == "single_report"]
    instance.wait_for(lambda: verified(instance)["unread"] == 0, "all outcomes read")
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
    worker = instance.start(1)
    instance.outcomes([*several_days(days=1, posts=60), *closing(30 * HOUR)])
    instance.wait_for(lambda: verified(instance)["unread"] == 0 and verified(instance)["held"], "all outcomes read")
    assert verified(instance)["kinds"] == {}

    # Without the patience that it has with workers that are about to be gone.
    monkeypatch.setattr(group, "SESSION_SECONDS", -5.0)
    with pytest.raises(AdrwatchError, match="1 workers of alerting are running"):
        group.require_stopped(load(kafka_bootstrap=instance.kafka, topic_prefix=instance.prefix), print)
    stop(worker)

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
    assert json.loads(rebuilt.stdout)["outcomes"] == 64
    assert verified(instance)["kinds"] == {}


def test_a_rebuild_that_is_cut_off_begins_anew(instance: Instance, server: Any) -> None:
    worker = instance.start(1)
    instance.outcomes([*several_days(days=1, posts=60), *closing(30 * HOUR)])
    instance.wait_for(lambda: verified(instance)["unread"] == 0 and verified(instance)["held"], "all outcomes read")
    stop(worker)
    keys = Keys(instance.prefix)
    # What a process leaves that dies between its first and its last step: some rows, and no mark that they are whole.
    server.delete(keys.bucket_length)
    for name in server.zrange(keys.buckets, 0, 2):
        server.delete(keys.rows(int(name)))
    instance.start(1)
    instance.wait_for(lambda: server.exists(keys.bucket_length), "the mark that all is there")
    assert verified(instance)["kinds"] == {}
