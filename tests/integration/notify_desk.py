"""A worker of notifications as its own process, on topics of its own, with alerts that a test publishes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from kafka import KafkaProducer

from services.notify.courier import group_of
from shared.broker import TopicReader, committed
from shared.events import Alert, Notified, decode, encode
from shared.topics import ALERTS, NOTIFIED
from tests import topics
from tests.environment import settings_of
from tests.processes import gone_at_the_end

PATIENCE = 90.0
SECRET = "a signing secret for tests"


def webhook(name: str, url: str, more: str = "") -> str:
    """A channel that begins with the first alert there is."""
    return (
        f'[channels.{name}]\ntype = "webhook"\nurl = "{url}"\nsecret = {{ env = "DESK_SECRET" }}\n'
        f'start = "beginning"\n{more}\n'
    )


class Desk:
    """A prefix of its own on the broker, a notifiers file, and the workers started on it."""

    def __init__(self, kafka: str, prefix: str, folder: Path, *, make_topics: bool) -> None:
        self.kafka, self.prefix, self.folder = kafka, prefix, folder
        self.file = folder / "notifiers.toml"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ADRWATCH_")},
            "ADRWATCH_KAFKA_BOOTSTRAP": kafka,
            "ADRWATCH_TOPIC_PREFIX": prefix,
            "ADRWATCH_DATA_DIR": str(folder),
            "ADRWATCH_NOTIFIERS_FILE": str(self.file),
            "ADRWATCH_RETRY_MOST": "0.5",
            "DESK_SECRET": SECRET,
        }
        self.workers: list[subprocess.Popen[bytes]] = []
        if make_topics:
            topics.make_all(kafka, prefix)
        self.producer = KafkaProducer(bootstrap_servers=kafka, acks="all")

    def configure(self, *channels: str) -> None:
        self.file.write_text("\n".join(channels))

    def start(self, program: str = "services.cli") -> subprocess.Popen[bytes]:
        """Start a worker, by `adrwatch` or by a module that stands for it, in the place of the one before."""
        with (self.folder / "notify.log").open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", program, "worker", "notify"],
                env=self.environment, stdout=log, stderr=log,
            )  # fmt: skip
        self.workers.append(worker)
        return worker

    def kill(self) -> None:
        """kill -9 the last worker."""
        self.workers[-1].kill()
        self.workers[-1].wait()

    def stop(self) -> int:
        """Stop the last worker in order; gives its exit code."""
        self.workers[-1].send_signal(signal.SIGTERM)
        return self.workers[-1].wait(timeout=40)

    def publish(self, *alerts: Alert | str, at_ms: int | None = None) -> None:
        """Write alerts, or tombstones of ids, to their topic as alerting does."""
        for alert in alerts:
            key, value = (alert, None) if isinstance(alert, str) else (alert.id, encode(alert))
            self.producer.send(ALERTS.name(self.prefix), value, key=key.encode(), timestamp_ms=at_ms)
        self.producer.flush()

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "services.cli", *words],
            env=self.environment, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip

    def status(self) -> dict[str, Any]:
        """`adrwatch notify status --json`, by channel."""
        done = self.command("notify", "status", "--json")
        assert done.returncode == 0, done.stderr
        return {report["name"]: report for report in map(json.loads, done.stdout.splitlines())}

    def ledger(self) -> list[Notified]:
        """Every record of adr.notified."""
        return [decode(record.value, Notified) for record in topics.records(self.kafka, NOTIFIED.name(self.prefix))]

    def drained(self, *channels: str) -> bool:
        """Whether the channels have looked at every alert; asked again and again, so not by a command."""
        settings = settings_of(self.environment)
        with TopicReader(settings, ALERTS) as alerts:
            ends = alerts.ends()
        return all(committed(settings, group_of(settings, name), ALERTS) == ends for name in channels)

    def wait_for(self, condition: Callable[[], Any], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert self.workers[-1].poll() is None, f"the worker ended, see {self.folder}/notify.log"
            assert time.monotonic() < deadline, f"no {what} after {PATIENCE} s, see {self.folder}/notify.log"
            time.sleep(0.1)


@contextmanager
def desk(kafka: str, prefix: str, folder: Path, *, make_topics: bool = True) -> Iterator[Desk]:
    """A desk whose workers are gone at the end."""
    made = Desk(kafka, prefix, folder, make_topics=make_topics)
    with closing(made.producer), gone_at_the_end(made.workers):
        yield made
