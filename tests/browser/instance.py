"""An instance with made-up posts, and its dashboard as a process of its own, as it runs in production."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
from kafka import KafkaProducer
from playwright.sync_api import Page

from deploy.local.workers import environment
from services.cases.audit import Trail
from services.cases.database import Database
from services.dashboard.access.people import People
from services.dashboard.access.rights import Role
from shared.events import Alert, decode, encode
from shared.settings import Settings
from shared.signals.rules import load_rules
from shared.topics import ALERTS
from tests import topics
from tests.benchmarks.dashboard_data import Sizes, fill
from tests.processes import gone_at_the_end

PASSWORD = "correct horse battery staple"
PATIENCE = 60.0
SMALL = Sizes(mentions=2_500, pairs=80, days=21, dossiers=8)


@dataclass(frozen=True)
class Instance:
    """Where the dashboard is, with the settings of what it shows."""

    home: str
    settings: Settings

    @contextmanager
    def writer(self) -> Iterator[Callable[[Alert | str], None]]:
        """Writes alerts to the topic, or takes back those of some ids; each is there when it returns."""
        with closing(KafkaProducer(bootstrap_servers=self.settings.require("kafka_bootstrap"), acks="all")) as producer:

            def write(one: Alert | str) -> None:
                name, value = (one, None) if isinstance(one, str) else (one.id, encode(one))
                producer.send(ALERTS.name(self.settings.topic_prefix), key=name.encode(), value=value)
                producer.flush()

            yield write

    def write(self, *alerts: Alert | str) -> None:
        """Write alerts to the topic, or take back those of some ids."""
        with self.writer() as write:
            for one in alerts:
                write(one)

    def alerts(self) -> list[Alert]:
        """Those that the topic has."""
        written = topics.records(self.settings.require("kafka_bootstrap"), ALERTS.name(self.settings.topic_prefix))
        return [decode(record.value, Alert) for record in written if record.value is not None]

    def names(self) -> dict[str, str]:
        """What addresses of pages may name: a signal, a single report, and drug and reaction of that signal."""
        found = self.alerts()
        signal = next(one for one in found if one.kind == "disproportionality")
        single = next(one for one in found if one.kind == "single_report")
        return {"signal": signal.id, "single": single.id, "drug": signal.drug.id, "reaction": signal.reaction.id}


def add_people(settings: Settings) -> None:
    """One of each role, named by it."""
    with closing(Database.opened(settings)) as database:
        people = People(database, Trail.of(settings), "tests")
        for role in Role:
            people.add(str(role), frozenset({role}), PASSWORD)


def filled(settings: Settings, sizes: Sizes = SMALL) -> None:
    """Made-up posts, what was counted of them, alerts, cases, and people. Topics must be there."""
    fill(settings, load_rules(settings.rules_file), sizes)
    add_people(settings)


@contextmanager
def dashboard(settings: Settings, folder: Path, patience: float = PATIENCE) -> Iterator[Instance]:
    """The dashboard as `adrwatch worker dashboard` runs it, once it has read everything, in `patience` seconds at most."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = environment(settings, {}) | {"ADRWATCH_DASHBOARD_PORT": str(port), "ADRWATCH_METRICS_PORT": "0"}
    log = folder / f"dashboard-{port}.log"
    with log.open("wb") as file:
        command = [sys.executable, "-m", "services.cli", "worker", "dashboard"]
        process = subprocess.Popen(command, env=os.environ | variables, stdout=file, stderr=file)
    with gone_at_the_end([process]):
        home = f"http://127.0.0.1:{port}"
        with signed_in(home, "admin", process, log) as client:
            for address, reading in (("/alerts", "Alerts are being read"), ("/explore", "Reports are being read")):
                deadline = time.monotonic() + patience
                while reading in client.get(address).text:
                    assert time.monotonic() < deadline, log.read_text()
                    time.sleep(0.1)
        yield Instance(home, settings)


@contextmanager
def signed_in(home: str, name: str, process: subprocess.Popen[bytes], log: Path) -> Iterator[httpx.Client]:
    """Somebody who has signed in, as soon as the dashboard answers."""
    with httpx.Client(base_url=home, headers={"Sec-Fetch-Site": "same-origin"}, timeout=PATIENCE) as client:
        deadline = time.monotonic() + PATIENCE
        while True:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            with suppress(httpx.TransportError):
                if client.post("/sign-in", data={"name": name, "password": PASSWORD}).status_code == 303:
                    break
            time.sleep(0.1)
        yield client


def sign_in(page: Page, name: str) -> None:
    """By the form."""
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda address: "/sign-in" not in address)
