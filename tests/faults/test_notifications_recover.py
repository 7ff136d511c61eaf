"""Alerting is killed, Redis wiped, the notifier killed and its receiver away while posts flow: each alert is told once."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
import redis
from kafka import KafkaProducer

from deploy.local.stack import Stack
from deploy.local.up import notify
from deploy.local.workers import service_workers
from services.notify.notices import shown
from shared.events import encode
from shared.settings import load
from shared.topics import ALERTS, MENTIONS
from tests.faults import ledger
from tests.integration.notify_desk import SECRET, desk, webhook
from tests.integration.test_alerting_kafka import END, running
from tests.integration.test_windows_rebuild import wipe
from tests.receivers import http_receiver
from tests.unit.alerting.world import HOUR, closing, expected_alerts, mention, several_days, small_rules
from tests.unit.notify.alerts import signal


def test_what_a_receiver_is_told_is_every_alert_once_whatever_died_meanwhile(
    kafka: str, redis_url: str, topic_prefix: str, tmp_path: Path
) -> None:
    outcomes = several_days(days=2, posts=350)
    expected = [encode(shown(alert)) for alert in expected_alerts(outcomes, END, small_rules())]
    assert len(expected) >= 2
    third = len(outcomes) // 3
    with (
        running(kafka, redis_url, topic_prefix, tmp_path) as alerting,
        desk(kafka, topic_prefix, tmp_path, make_topics=False) as notifying,
        http_receiver() as receiver,
        redis.Redis.from_url(redis_url) as server,
    ):
        notifying.configure(webhook("desk", receiver.url))
        notifying.start()
        first = alerting.start()
        alerting.outcomes(outcomes[:third])
        death = mention("t:0", 0, serious=("death",))
        alerting.produce(MENTIONS, [(death.drug.id, encode(death))])
        notifying.wait_for(receiver.told, "first notification")
        receiver.stop()
        first.kill()
        first.wait()
        assert wipe(server, topic_prefix)
        alerting.outcomes(outcomes[third : 2 * third])
        alerting.start()
        notifying.kill()
        notifying.start()
        alerting.outcomes(outcomes[2 * third :] + closing(END + HOUR))

        def published() -> dict[str, set[tuple[str, bytes]]]:
            """By kind, from one look at the topic."""
            found: dict[str, set[tuple[str, bytes]]] = {"single_report": set(), "disproportionality": set()}
            for alert in alerting.alerts():
                found[alert.kind].add((alert.id, encode(shown(alert))))
            return found

        def all_there() -> bool:
            found = published()
            return bool(found["single_report"]) and {text for _, text in found["disproportionality"]} >= set(expected)

        alerting.wait_for(all_there, "the item of the death, and every signal")
        receiver.start()
        told_of = set().union(*published().values())
        assert len(told_of) == len(expected) + 1
        notifying.wait_for(lambda: len(receiver.told()) >= len(told_of), "all notifications")
        notifying.wait_for(lambda: notifying.drained("desk"), "commit")
        told = Counter(
            (notice["alert_id"], json.dumps(notice["alert"], sort_keys=True))
            for body in receiver.taken()
            for notice in body["notices"]
        )
        assert told == Counter((name, json.dumps(json.loads(alert), sort_keys=True)) for name, alert in told_of)


def test_kills_of_the_broker_and_of_the_worker_lose_no_notification(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESK_SECRET", SECRET)
    file = tmp_path / "notifiers.toml"
    settings = load(data_dir=tmp_path / "data", notifiers_file=file, retry_most=1.0)
    alerts = [signal(f"s{i}") for i in range(60)]
    with http_receiver() as receiver:
        file.write_text(webhook("desk", receiver.url))
        workers = service_workers(notify=notify(settings))
        with Stack(settings, servers=["kafka"], workers=workers, topics=True) as stack:
            producer = KafkaProducer(bootstrap_servers=stack.addresses["kafka_bootstrap"], acks="all")
            for number, alert in enumerate(alerts):
                if kill := {20: "kafka", 40: "notify-1"}.get(number):
                    ledger.wait_for(lambda n=number: len(set(receiver.told())) > n // 2, "notifications")
                    stack.kill(kill)
                producer.send(ALERTS.name(settings.topic_prefix), encode(alert), key=alert.id.encode())
            producer.flush()
            producer.close()
            ledger.wait_for(lambda: len(set(receiver.told())) == len(alerts), "all notifications")
        keys = {request.headers["idempotency-key"] for request in receiver.requests}
        assert len(keys) == len(alerts), "a repeat had an id of its own"
