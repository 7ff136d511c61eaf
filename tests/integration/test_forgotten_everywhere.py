"""Posts that a network takes back while others come are gone from every store and view within a minute, with a receipt each."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer
from typer.testing import CliRunner

from deploy.demo import sample as demo
from deploy.local.workers import environment
from services.cases.audit import Trail
from services.cases.database import Database
from services.cases.receipts import Receipts
from services.cli import build
from shared import settings
from shared.events import DeadLetter, encode, now
from shared.forgetting import PROMISED_SECONDS
from shared.latest_alerts import Filter, latest_alerts
from shared.topics import DEAD_LETTERS, POSTS, PUBLISHED, Topic
from tests import privacy, topics
from tests.benchmarks.deletions import Forgetting, Said, sample, stream
from tests.faults import ledger

AT_ONCE = 20


def bury(kafka: str, prefix: str, post: Said) -> None:
    """A dead letter that holds a post."""
    letter = DeadLetter(
        id="a letter", reason="error", detail="", stage="classify", topic=POSTS.name(prefix), partition=0, offset=0,
        occurred_at=now(), payload=post.text.encode(), key=post.id.encode(),
    )  # fmt: skip
    producer = KafkaProducer(bootstrap_servers=kafka, acks="all")
    producer.send(DEAD_LETTERS.name(prefix), encode(letter), letter.id.encode()).get(30)
    producer.close()


def some_posts() -> list[Said]:
    """Of the demo's posts those that make its signals and its single report, and every third of the others."""
    truth = demo.load()
    planted = {f"3k{name}" for signal in truth.signals for name in signal.posts} | {f"3k{truth.single_report.post}"}
    return [one for number, one in enumerate(sample()) if number % 3 == 0 or one.rkey in planted]


def commands(product: Forgetting, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Runs `adrwatch` on the product; what it prints."""
    for name, value in environment(product.settings, product.stack.addresses).items():
        monkeypatch.setenv(name, value)
    settings.current.cache_clear()

    def run(*words: str) -> str:
        done = CliRunner().invoke(build(), list(words))
        assert done.exit_code == 0, f"{words}: {done.output} {done.exception}"
        return done.output

    return run


def standing(kafka: str, prefix: str, topic: Topic) -> set[str]:
    """The keys whose last record is no tombstone."""
    last = {record.key.decode(): record.value for record in topics.records(kafka, topic.name(prefix))}
    return {key for key, value in last.items() if value is not None}


def test_what_a_network_takes_back_while_posts_flow_is_gone_everywhere_and_has_a_receipt(
    kafka: str, redis_url: str, triton: str, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = settings.load(
        kafka_bootstrap=kafka, redis_url=redis_url, triton_url=triton, topic_prefix=topic_prefix,
        redis_prefix=topic_prefix,
    )  # fmt: skip
    posts = {one.id: one for one in some_posts()}
    with Forgetting(given, tmp_path) as product:
        product.say(*posts.values())

        def alerted() -> bool:
            found = latest_alerts(product.settings).matching(Filter())
            return {one.kind for one in found} == {"disproportionality", "single_report"}

        ledger.wait_for(alerted, "a signal and a single report")
        adrwatch = commands(product, monkeypatch)
        alerts = latest_alerts(product.settings).matching(Filter())
        signal = next(one for one in alerts if one.kind == "disproportionality")
        item = next(one for one in alerts if one.kind == "single_report")
        case = json.loads(adrwatch("cases", "open", item.id, "--json"))
        assert case["post"] == item.examples[0]
        named = [one for one in posts.values() if one.named]
        bury(kafka, topic_prefix, named[0])

        evidence = [posts[name] for name in (*signal.examples, *item.examples)]
        gone = list({one.id: one for one in [*named[::4], *evidence]}.values())
        more = stream()
        for start in range(0, len(gone), AT_ONCE):
            product.take_back(*gone[start : start + AT_ONCE])
            product.say(*itertools.islice(more, AT_ONCE))
        receipts = product.wait_for_receipts(len(gone))

        with Database.used(product.settings) as database:
            known = Receipts(database, Trail.of(product.settings))
            assert {one.id for one in receipts} == {known.id_of(one.id) for one in gone}
        assert {one.asked_by for one in receipts} == {"network"}
        assert max(one.slowest for one in receipts) < PROMISED_SECONDS
        ids = {one.id for one in gone}
        for topic in (POSTS, PUBLISHED, DEAD_LETTERS):
            assert not standing(kafka, topic_prefix, topic) & {*ids, "a letter"}, topic.suffix
        assert standing(kafka, topic_prefix, POSTS) >= {one.id for one in named} - ids
        assert privacy.find([name.encode() for name in ids], privacy.in_redis(redis_url, topic_prefix)) == []
        views = [
            adrwatch("alerts", "list", "--json"),
            adrwatch("alerts", "duplicates", "--json"),
            adrwatch("cases", "list", "--json"),
            adrwatch("cases", "show", case["id"], "--json"),
            export(adrwatch, tmp_path / "cases.json", "cases", "export", "--format", "json"),
            export(adrwatch, tmp_path / "signals.json", "review", "export", "--format", "json"),
        ]
        assert not [name for name in ids for view in views if name in view]
        adrwatch("audit", "verify")
    settings.current.cache_clear()
    # The database, the spool, the logs.
    assert privacy.find([name.encode() for name in ids], privacy.in_files(tmp_path)) == []


def export(adrwatch: Callable[..., str], path: Path, *words: Any) -> str:
    adrwatch(*words[:2], str(path), *words[2:])
    return path.read_text()
