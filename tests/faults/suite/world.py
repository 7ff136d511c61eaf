"""The product as it runs under faults: all its workers and servers, with what stands between them, and who sends and is told."""

from __future__ import annotations

import dataclasses
import os
import random
import signal
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import redis
from confluent_kafka import Producer

from deploy.local.processes import HOST, choose_port
from deploy.local.workers import Worker, WorkerPart, environment, service_workers
from shared.settings import Settings, load
from shared.topics import POSTS
from tests.faults.suite.clerk import Clerk
from tests.faults.suite.clocks import Clocks
from tests.faults.suite.flow import Flow
from tests.faults.suite.posts import SECRET, SOURCE, Posts
from tests.faults.suite.proxy import Proxy
from tests.faults.suite.sender import SIGNING, Sender
from tests.faults.suite.servers import ProxiedStack
from tests.faults.suite.triton_front import TritonFront
from tests.networks.vendor import free_port
from tests.receivers import HttpReceiver, http_receiver

WORKERS = ("pipeline-1", "alerting-1", "cases-1", "notify-1", "push-1")
# So easy that sparse posts raise and escalate by the dozen; the windows are short, so that buckets are let go of during a run.
_RULES = {
    "time.windows_hours": "[24, 72]", "time.kept_lateness_hours": "24", "policy.raise_when": '"any"',
    "policy.authors": "2", "policy.cool_down_hours": "24", "policy.escalation_factor": "1.5",
    "evans.reports": "2", "evans.prr": "1.5", "evans.chi2": "0.0", "ror.reports": "2", "ror.lower": "0.5",
}  # fmt: skip
_BATCH = 32


@dataclasses.dataclass
class World:
    """One instance. `proxies`: `kafka-pipeline`, `kafka-alerting`, `kafka-others`, `redis` and `triton`, by name."""

    folder: Path
    settings: Settings
    stack: ProxiedStack
    proxies: dict[str, Proxy]
    front: TritonFront
    clocks: Clocks
    receiver: HttpReceiver
    sender: Sender
    flow: Flow
    clerk: Clerk
    poison: list[bytes] = dataclasses.field(default_factory=list)
    joined: dict[int, WorkerPart] = dataclasses.field(default_factory=dict)
    rolled: bool = False

    @property
    def kafka(self) -> str:
        """The broker's own address, past all proxies."""
        return self.stack.addresses["kafka_bootstrap"]

    @property
    def redis(self) -> Any:
        """A client past all proxies."""
        return redis.Redis.from_url(self.stack.addresses["redis_url"], socket_timeout=5)

    def stop_process(self, part: str) -> None:
        """SIGSTOP: it keeps its connections, and does nothing."""
        os.killpg(self.stack.pids()[part], signal.SIGSTOP)

    def go_on(self, part: str) -> None:
        """SIGCONT; one that has been started anew meanwhile goes on anyway."""
        os.killpg(self.stack.pids()[part], signal.SIGCONT)

    def process(self, part: str) -> psutil.Process:
        """The process of a server or worker."""
        return psutil.Process(self.stack.pids()[part])

    def join(self, number: int) -> None:
        """One more worker of the pipeline, outside the launcher's care."""
        env = environment(self.settings, self.stack.addresses)
        env["ADRWATCH_DATA_DIR"] = str(self.stack.context.data_dir)
        worker = self.worker("pipeline", number)
        part = WorkerPart(self.stack.context, worker, env, choose_port(self.stack.context, worker.name, None), 30.0)
        self.joined[number] = part
        part.restart()

    def leave(self, number: int) -> None:
        """It is stopped in order."""
        self.joined.pop(number).stop()

    def write_poison(self, payload: bytes) -> None:
        """A foreign message among the posts."""
        self.poison.append(payload)
        producer = Producer({"bootstrap.servers": self.kafka, "log_level": 0})
        producer.produce(POSTS.name(self.settings.topic_prefix), payload, key=b"foreign")
        assert producer.flush(60) == 0, "the broker did not take the foreign message"

    def worker(self, service: str, number: int = 1) -> Worker:
        """How a worker is started: through its proxies, by its own clock."""
        return _behind(service_workers(**{service: number})[-1], self.proxies, self.clocks)


def _behind(worker: Worker, proxies: dict[str, Proxy], clocks: Clocks) -> Worker:
    service = worker.name.rpartition("-")[0]
    door = proxies.get(f"kafka-{service}", proxies["kafka-others"])
    env = {
        "ADRWATCH_KAFKA_BOOTSTRAP": door.address,
        "ADRWATCH_REDIS_URL": f"redis://{proxies['redis'].address}/0",
        "ADRWATCH_TRITON_URL": proxies["triton"].address,
    }
    return dataclasses.replace(worker, env={**worker.env, **env, **clocks.environment(worker.name)})


@contextmanager
def world(
    folder: Path, seed: int, rate: float, began: datetime, jumping: Collection[str], repository: Path | None = None
) -> Iterator[World]:
    """An instance that works, posts not flowing yet.

    `jumping`: workers whose clocks can be set; `repository`: of the models, where it is not the shipped one.
    """
    chance = random.Random(f"world of {seed}")
    with ExitStack() as around:
        receiver = around.enter_context(http_receiver())
        settings = _settings(folder, receiver, repository)
        proxies = {name: Proxy(_nowhere, chance) for name in
                   ("kafka-pipeline", "kafka-alerting", "kafka-others", "redis", "triton")}  # fmt: skip
        for proxy in proxies.values():
            around.callback(proxy.close)
        front = TritonFront(lambda: stack.addresses["triton_url"])
        around.callback(front.close)
        proxies["redis"].target = lambda: (HOST, int(stack.addresses["redis_url"].rpartition(":")[2].partition("/")[0]))
        proxies["triton"].target = lambda: (HOST, front.port)
        clocks = Clocks(folder / "clocks", jumping)
        around.callback(clocks.tidy)
        specs = service_workers(pipeline=1, alerting=1, cases=1, notify=1, push=1)
        doors = {name.partition("-")[2]: proxy for name, proxy in proxies.items() if name.startswith("kafka-")}
        said = (folder / "launcher.log").open("a")
        around.callback(said.close)
        stack = ProxiedStack(
            settings, doors, [_behind(worker, proxies, clocks) for worker in specs],
            say=lambda text: print(text, file=said, flush=True),
        )  # fmt: skip
        around.enter_context(stack)
        direct = settings.model_copy(update=stack.addresses)
        made = World(
            folder, settings, stack, proxies, front, clocks, receiver,
            Sender(settings.push_url, Posts(seed, began), rate, folder / "input.jsonl", random.Random(f"sender of {seed}")),
            Flow(stack.addresses["kafka_bootstrap"], settings.topic_prefix, rate),
            Clerk(direct),
        )  # fmt: skip
        around.callback(_leave_all, made)
        yield made


def _leave_all(made: World) -> None:
    for number in list(made.joined):
        made.leave(number)


def _nowhere() -> tuple[str, int]:
    raise ConnectionRefusedError("nothing is behind the proxy yet")


def _settings(folder: Path, receiver: HttpReceiver, repository: Path | None) -> Settings:
    folder.mkdir(parents=True, exist_ok=True)
    rules, sources, notifiers = (folder / f"{name}.toml" for name in ("rules", "sources", "notifiers"))
    rules.write_text("".join(f"{name} = {value}\n" for name, value in _RULES.items()))
    sources.write_text(
        f'[sources.{SOURCE}]\ntype = "push"\nidentifiers = "hmac"\nscreen = false\n'
        f'secrets = [{{ file = "{_secret(folder / "sender.secret", SIGNING)}" }}]\n'
    )
    notifiers.write_text(
        f'[channels.desk]\ntype = "webhook"\nurl = "{receiver.url}"\nstart = "beginning"\ntimeout_seconds = 3\n'
        f'digest_hours = 0\nsecret = {{ file = "{_secret(folder / "desk.secret", "a signing secret for fault runs")}" }}\n'
    )
    more: dict[str, Any] = {} if repository is None else {"model_repository": repository}
    return load(
        data_dir=folder / "data", rules_file=rules, sources_file=sources, notifiers_file=notifiers, author_secret=SECRET,
        sketch_secret="the secret of sketches in fault runs", audit_secret="the secret of the trail in fault runs",
        batch_size=_BATCH, max_post_chars=110_000, spool_free_mib=1, push_port=free_port(), actor="suite",
        kafka_bootstrap=None, redis_url=None, triton_url=None, **more,
    )  # fmt: skip


def _secret(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(text)
    return path
