"""The images, built without Docker by the programs that the Dockerfile runs, at work with a real Kafka and Redis."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
import yaml

from deploy.local.java import find_java
from deploy.local.kafka import JVM, check_address, new_cluster_id, round_trip
from deploy.local.kafka_jars import kafka_jars
from deploy.local.processes import HOST, Context, choose_port
from deploy.local.shared_memory import REGIONS
from shared.settings import load
from shared.topics import MENTIONS, OUTCOMES
from tests import topics
from tests.unit.docker.compose import ROOT, image_environment, options, services, stages
from tests.unit.docker.recipe import Images, context

PATIENCE = 120.0
KUBERNETES = ROOT / "deploy" / "kubernetes"
# How programs end on SIGTERM: Java says which signal it was, and Triton complains of the process that a test has killed.
WORKER_ENDS, KAFKA_ENDS, TRITON_ENDS = 0, 143, 1
POST = {
    "id": 1,
    "text": "started sertraline last week and the nausea has been awful ever since, never had this before",
    "created_at": "2026-03-01T08:00:00Z",
    "user_id": 7,
}


def until(true: Callable[[], object]) -> None:
    """Wait for something that must happen, however slow the machine is."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.2)


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((HOST, port)) == 0


@contextmanager
def running(command: list[str], env: Mapping[str, str], log: Path, ends: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process of a container, in the folder of its log; at the end it is asked to stop, as Docker does, and must do so."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=log.parent, env=dict(env), stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == ends, log.read_text()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Images:
    """Both images; that of the services is at the root."""
    built = Images(tmp_path_factory.mktemp("images"))
    built.enter("triton")
    built.enter("services")
    return built


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], int]:
    """Free ports."""
    machine = Context(tmp_path_factory.mktemp("ports"), load().cache_dir, usual_ports=False)
    return lambda: choose_port(machine, "test", None)


@pytest.fixture(scope="module")
def triton_ports(ports: Callable[[], int]) -> dict[str, int]:
    return {name: ports() for name in ("grpc", "http", "metrics")}


@pytest.fixture(scope="module")
def served(images: Images, triton_ports: dict[str, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of the Triton image's gRPC, with the options that Kubernetes gives it."""
    (entrypoint,) = [command.value for command in stages()["triton"] if command.cmd == "ENTRYPOINT"]
    command = [str(images.here(word, "triton")) for word in entrypoint]
    chosen = triton_ports
    command += [f"--{name}-port={port}" for name, port in chosen.items()]
    command += triton_of_kubernetes()["args"]
    folder = tmp_path_factory.mktemp("triton")
    region = f"adrwatch_test_{os.getpid()}_"
    command.append(f"--backend-config=python,shm-region-prefix-name={region}")
    address = f"{HOST}:{chosen['grpc']}"
    env = images.environment(image_environment("triton"), "triton")
    try:
        with running(command, env, folder / "log", TRITON_ENDS) as process:
            until(lambda: process.poll() is not None or triton_health(images, address))
            yield address
    finally:
        for left in REGIONS.glob(f"{region}*"):
            left.unlink()


def triton_of_kubernetes() -> dict[str, Any]:
    """The container of deploy/kubernetes."""
    deployment, *_ = yaml.safe_load_all((KUBERNETES / "base" / "triton.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return container


def triton_health(images: Images, address: str, *probe: str) -> str:
    """What the health check of the Compose file, or another, says of the Triton image."""
    words = probe or services()["triton"]["healthcheck"]["test"][1:]
    env = images.environment(image_environment("triton"), "triton")
    folder = images.here("/opt/adrwatch", "triton")
    asked = subprocess.run([*words, address], cwd=folder, env=env, check=False, capture_output=True, text=True)
    return asked.stdout if asked.returncode == 0 else ""


class Services:
    """Runs commands in the image of the services, with the variables of the Compose file but the addresses of this machine."""

    def __init__(self, images: Images, folder: Path, **addresses: str) -> None:
        self._images = images
        self._addresses = {f"ADRWATCH_{name.upper()}": value for name, value in addresses.items()}
        self.folder = folder

    def environment(self, service: str) -> dict[str, str]:
        given = {**image_environment("services"), **services()[service]["environment"], **self._addresses}
        return self._images.environment({**given, "ADRWATCH_DATA_DIR": str(self.folder / "data")})

    def command(self, service: str, *arguments: str) -> list[str]:
        (entrypoint,) = [command.value for command in stages()["services"] if command.cmd == "ENTRYPOINT"]
        return [str(self._images.here(entrypoint[0])), *(arguments or services()[service]["command"])]

    def run(self, service: str, *arguments: str) -> str:
        """Run a command to its end; its output."""
        env = self.environment(service)
        command = self.command(service, *arguments)
        done = subprocess.run(command, cwd=self.folder, env=env, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def work(self, service: str, port: int) -> AbstractContextManager[subprocess.Popen[bytes]]:
        env = {**self.environment(service), "ADRWATCH_METRICS_PORT": str(port)}
        return running(self.command(service), env, self.folder / f"{service}.log", WORKER_ENDS)

    def healthy(self, service: str, port: int) -> bool:
        """The answer of a worker's health check."""
        words = services()[service]["healthcheck"]["test"][1:-1]
        env = self.environment(service)
        return (
            subprocess.run([*words, str(port)], cwd=self.folder, env=env, check=False, capture_output=True).returncode
            == 0
        )


@pytest.fixture
def installed(images: Images, tmp_path: Path) -> Services:
    """The services without a server."""
    return Services(images, tmp_path)


def test_every_step_of_the_dockerfile_was_run(images: Images) -> None:
    steps = {command.value for commands in stages().values() for command in commands if command.cmd == "RUN"}
    assert set(images.ran) == steps


def test_the_wheel_holds_every_file_of_the_packages(images: Images) -> None:
    packages = next(images.here("/opt/adrwatch/lib").glob("python3.*")) / "site-packages"
    left_out = {".sh", ".gitignore", "Dockerfile"}  # what builds and starts the images
    wanted = [path for path in context() if path.parts[0] in ("services", "shared", "deploy")]
    missing = [path for path in wanted if not (packages / path).is_file()]
    assert {path.suffix or path.name for path in missing} <= left_out


def test_a_command_has_all_it_needs_in_its_image_and_is_named_like_its_container(
    images: Images, installed: Services
) -> None:
    settings = json.loads(installed.run("pipeline", "settings", "--json"))
    container = subprocess.run(["uname", "-n"], check=True, capture_output=True, text=True).stdout.strip()
    assert settings["worker_id"] == container
    assert settings["rules_file"].startswith(str(images.root))
    assert settings["model_repository"].startswith(str(images.root))
    assert "is right" in installed.run("adrwatch", "rules", "check", settings["rules_file"])


def test_the_triton_image_serves_and_its_health_check_mends(images: Images, served: str) -> None:
    assert triton_health(images, served) == "every model answers\n"
    (server,) = [
        p
        for p in psutil.process_iter(["cmdline"])
        if f"--grpc-port={served.split(':')[1]}" in (p.info["cmdline"] or [])
    ]
    victim = next(child for child in server.children() if "stub" in child.name())
    victim.kill()
    until(lambda: "loaded again" in triton_health(images, served))
    assert triton_health(images, served) == "every model answers\n"


def test_kubernetes_finds_triton_alive_ready_and_measuring_what_it_is_scaled_by(
    images: Images, served: str, triton_ports: dict[str, int]
) -> None:
    container = triton_of_kubernetes()
    for probe in ("startupProbe", "livenessProbe"):
        assert triton_health(images, served, *container[probe]["exec"]["command"]) == "every model answers\n"
    ready = container["readinessProbe"]["httpGet"]
    with urllib.request.urlopen(f"http://{HOST}:{triton_ports[ready['port']]}{ready['path']}", timeout=30) as answer:
        assert answer.status == 200
    with urllib.request.urlopen(f"http://{HOST}:{triton_ports['metrics']}/metrics", timeout=30) as answer:
        measured = {line.partition("{")[0] for line in answer.read().decode().splitlines()}
    scaler = yaml.safe_load((KUBERNETES / "components" / "keda" / "triton.yaml").read_text())
    wanted = set(re.findall(r"\bnv_\w+", scaler["spec"]["triggers"][0]["metadata"]["query"]))
    assert wanted
    assert wanted <= measured


def test_a_triton_that_is_away_is_not_healthy(images: Images, ports: Callable[[], int]) -> None:
    assert triton_health(images, f"{HOST}:{ports()}") == ""


def test_a_post_goes_through_the_containers(
    images: Images, served: str, kafka: str, redis_url: str, topic_prefix: str, ports: Callable[[], int], tmp_path: Path
) -> None:
    inside = Services(images, tmp_path, kafka_bootstrap=kafka, redis_url=redis_url, triton_url=served,
                      topic_prefix=topic_prefix, redis_prefix=topic_prefix)  # fmt: skip
    inside.run("topics")
    (tmp_path / "posts.jsonl").write_text(json.dumps(POST) + "\n")
    pipeline, alerting = ports(), ports()
    assert not inside.healthy("pipeline", pipeline)
    with inside.work("pipeline", pipeline), inside.work("alerting", alerting):
        inside.run("adrwatch", "ingest", "replay", "posts.jsonl")
        until(lambda: topics.records(kafka, OUTCOMES.name(topic_prefix)))
        until(lambda: inside.healthy("pipeline", pipeline) and inside.healthy("alerting", alerting))
    assert len(topics.records(kafka, MENTIONS.name(topic_prefix))) == 1
    assert (tmp_path / "data" / "author.secret").stat().st_mode & 0o777 == 0o600


def test_the_program_of_the_kafka_image_starts_a_broker_from_the_compose_file(
    ports: Callable[[], int], tmp_path: Path
) -> None:
    machine = Context(tmp_path, load().cache_dir)
    java, _, _ = find_java(machine)
    jars, _ = kafka_jars(machine)
    inside, host, controller = ports(), ports(), ports()
    env = {"CLUSTER_ID": new_cluster_id()}
    for name, value in services()["kafka"]["environment"].items():
        for old, new in (
            ("kafka:", f"{HOST}:"),
            ("9093", str(controller)),
            ("19092", str(inside)),
            ("9092", str(host)),
        ):
            value = value.replace(old, new)
        env[name] = value.replace("/var/lib/kafka/data", str(tmp_path / "data"))
    for folder in ("defaults", "mounted", "final"):
        (tmp_path / folder).mkdir()
    (tmp_path / "final" / "server.properties").touch()
    setup = ["kafka.docker.KafkaDockerWrapper", "setup", "--default-configs-dir", "defaults",
             "--mounted-configs-dir", "mounted", "--final-configs-dir", "final"]  # fmt: skip
    program = [java, *JVM, "-cp", f"{jars}/*"]
    subprocess.run([*program, *setup], cwd=tmp_path, env=env, check=True, capture_output=True)
    with running([*program, "kafka.Kafka", "final/server.properties"], {}, tmp_path / "log", KAFKA_ENDS):
        for port in (inside, host):
            until(lambda port=port: listens(port))  # type: ignore[misc]
            assert env["CLUSTER_ID"] in check_address(f"{HOST}:{port}")
        round_trip(f"{HOST}:{inside}", env["CLUSTER_ID"])


def test_redis_has_every_setting_of_the_compose_file_and_the_launcher_sets_the_same(redis_url: str) -> None:
    given = options(services()["redis"]["command"])
    own = given.pop("maxmemory")
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        assert {name: client.config_get(name)[name] for name in given} == given
        before = client.config_get("maxmemory")["maxmemory"]
        client.config_set("maxmemory", own)
        client.config_set("maxmemory", before)
