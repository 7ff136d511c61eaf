"""Alerting as its own process between real topics and a real Redis, killed and started again in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from services import cli
from shared import broker
from shared.events import Alert, Deletion, Outcome, decode, encode, now
from shared.settings import current
from shared.topics import ALERTS, DEAD_LETTERS, DELETIONS, MENTIONS, OUTCOMES, Topic, partition_of
from tests import topics
from tests.environment import settings_of
from tests.processes import gone_at_the_end
from tests.unit.alerting.world import HOUR, SMALL, closing, expected_alerts, mention, several_days, small_rules

PATIENCE = 90.0
END = 48 * HOUR


def changed_rules(folder: Path) -> Path:
    """A rule file with the values of `small_rules`."""
    path = folder / "rules.toml"
    path.write_text(
        "".join(f"{name.replace('__', '.')} = {value}\n" for name, value in SMALL.items()), encoding="utf-8"
    )
    return path


class Instance:
    """A prefix of its own on the servers, and the workers started on it."""

    def __init__(self, kafka: str, redis_url: str, prefix: str, folder: Path) -> None:
        self.kafka, self.prefix, self.folder = kafka, prefix, folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ADRWATCH_")},
            "ADRWATCH_KAFKA_BOOTSTRAP": kafka,
            "ADRWATCH_REDIS_URL": redis_url,
            "ADRWATCH_TOPIC_PREFIX": prefix,
            "ADRWATCH_REDIS_PREFIX": prefix,
            "ADRWATCH_DATA_DIR": str(folder),
            "ADRWATCH_RULES_FILE": str(changed_rules(folder)),
            "ADRWATCH_EVALUATE_EVERY": "0.2",
            "ADRWATCH_BATCH_WAIT": "0.05",
        }
        self.workers: list[subprocess.Popen[bytes]] = []
        self.settings = settings_of(self.environment)
        topics.apply(self.settings)
        self.producer = KafkaProducer(bootstrap_servers=kafka, acks="all")

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the product's command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "services.cli", *words],
            env=self.environment, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip

    def start(self, number: int = 1, program: str = "services.cli") -> subprocess.Popen[bytes]:
        """Start a worker, by `adrwatch` or by a module that stands for it."""
        with (self.folder / f"worker-{number}.log").open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", program, "worker", "alerting"],
                env=self.environment | {"ADRWATCH_WORKER_ID": str(number)}, stdout=log, stderr=log,
            )  # fmt: skip
        self.workers.append(worker)
        return worker

    def produce(self, topic: Topic, values: Sequence[tuple[str, bytes]]) -> None:
        """Write records to the partitions of their keys, and wait for the broker."""
        name = topic.name(self.prefix)
        for key, value in values:
            self.producer.send(name, value, partition=partition_of(key, topic.partitions))
        self.producer.flush()

    def outcomes(self, outcomes: Sequence[Outcome]) -> None:
        """Write outcomes."""
        self.produce(OUTCOMES, [(outcome.post_id, encode(outcome)) for outcome in outcomes])

    def read(self, topic: Topic) -> list[tuple[str, bytes | None]]:
        """All records of a topic."""
        return [(record.key.decode(), record.value) for record in topics.records(self.kafka, topic.name(self.prefix))]

    def alerts(self) -> list[Alert]:
        """All alerts, repeats included, tombstones left out."""
        return [decode(value, Alert) for _, value in self.read(ALERTS) if value is not None]

    def wait_for(self, condition: Any, what: str) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert any(worker.poll() is None for worker in self.workers), f"no worker is left, see {self.folder}"
            assert time.monotonic() < deadline, f"no {what} after {PATIENCE} s, see {self.folder}"
            time.sleep(0.2)


@contextmanager
def running(kafka: str, redis_url: str, prefix: str, folder: Path) -> Iterator[Instance]:
    """An instance whose workers are gone at the end."""
    made = Instance(kafka, redis_url, prefix, folder)
    try:
        with gone_at_the_end(made.workers):
            yield made
    finally:
        made.producer.close()


@pytest.fixture
def instance(kafka: str, redis_url: str, topic_prefix: str, tmp_path: Path) -> Iterator[Instance]:
    with running(kafka, redis_url, topic_prefix, tmp_path) as made:
        yield made


def test_signals_survive_kills_and_are_those_of_the_pure_functions(instance: Instance) -> None:
    outcomes = several_days(days=2, posts=350)
    expected = {encode(alert) for alert in expected_alerts(outcomes, END, small_rules())}
    assert len(expected) >= 2
    half = len(outcomes) // 2
    first = instance.start(1)
    instance.outcomes(outcomes[:half])
    instance.wait_for(instance.alerts, "first alert")
    first.send_signal(signal.SIGKILL)
    first.wait()
    instance.outcomes(outcomes[half:] + closing(END + HOUR))
    second = instance.start(1)
    instance.start(2)
    time.sleep(1.0)
    second.send_signal(signal.SIGKILL)
    second.wait()
    instance.start(1)
    instance.wait_for(lambda: {encode(alert) for alert in instance.alerts()} >= expected, "all alerts")
    assert {encode(alert) for alert in instance.alerts()} == expected
    assert instance.read(DEAD_LETTERS) == []
    shown = instance.command("alerts", "list", "--measures").stdout
    assert all(name in shown for name in ("ROR", "EBGM [EB05, EB95]", "temporal IC", "surge, FDR"))
    listed = instance.command("alerts", "list", "--json").stdout.splitlines()
    assert {tuple(json.loads(line)["overrides"]) for line in listed} == {small_rules().overrides}


def test_single_reports_deletions_dead_letters_and_the_command_line(instance: Instance) -> None:
    instance.start()
    death = mention("t:0", 0, serious=("death",))
    other = mention("t:1", HOUR, drug="d2", situations=("overdose",))
    instance.produce(MENTIONS, [(found.drug.id, encode(found)) for found in (death, other)])
    instance.produce(OUTCOMES, [("t:9", b"no outcome")])
    instance.wait_for(lambda: len(instance.alerts()) == 2 and instance.read(DEAD_LETTERS), "items and dead letter")
    listed = instance.command("alerts", "list", "--json")
    found = [json.loads(line) for line in listed.stdout.splitlines()]
    assert [(alert["lane"], alert["rules"]) for alert in found] == [("special", ["overdose"]), ("urgent", ["death"])]
    urgent = found[1]["id"]
    assert "Drug one" in instance.command("alerts", "show", urgent).stdout
    assert "Drug one" not in instance.command("alerts", "list", "--drug", "d2").stdout

    instance.produce(DELETIONS, [("t:0", encode(Deletion(id="t:0", deleted_at=now())))])
    instance.wait_for(lambda: (urgent, None) in instance.read(ALERTS), "tombstone")
    gone = instance.command("alerts", "show", urgent)
    assert gone.returncode == 1
    assert "taken back" in gone.stderr


def test_the_command_line_says_in_one_line_that_no_broker_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ADRWATCH_KAFKA_BOOTSTRAP", "127.0.0.1:9")
    monkeypatch.setenv("ADRWATCH_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["adrwatch", "alerts", "list"])
    # The command looks for a broker for ten seconds.
    monkeypatch.setattr(broker, "_CONNECT_MS", 500)
    current.cache_clear()
    with pytest.raises(SystemExit) as left:
        cli.main()
    current.cache_clear()
    assert left.value.code == 2
    error = capsys.readouterr().err
    assert "no Kafka broker answers at 127.0.0.1:9" in error
    assert "Traceback" not in error
