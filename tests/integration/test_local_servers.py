"""The launcher against the real thing: servers that work, heal, and leave nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import psutil
import pytest
import redis
import tritonclient.grpc as grpc
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from onnx import TensorProto, helper
from tritonclient.utils import InferenceServerException

from deploy.local import supervisor
from deploy.local.shared_memory import OWN, REGIONS
from deploy.local.stack import Stack
from deploy.local.workers import Worker
from shared.errors import AdrwatchError
from shared.settings import UP_FILE, load

PATIENCE = 120.0
MESSAGES = 200
MEMBER = """
import sys
from kafka import KafkaConsumer
bootstrap, topic, group = sys.argv[1:]
consumer = KafkaConsumer(
    topic, bootstrap_servers=bootstrap, group_id=group, session_timeout_ms=6000, heartbeat_interval_ms=1000
)
while not consumer.assignment():
    consumer.poll(500)
print("joined", flush=True)
while True:
    consumer.poll(500)
"""
SLEEPER = (sys.executable, "-c", "import time\nwhile True: time.sleep(1)")
CONFIG = """
name: "add"
backend: "onnxruntime"
max_batch_size: 8
input [{ name: "A" data_type: TYPE_FP32 dims: [ 2 ] }, { name: "B" data_type: TYPE_FP32 dims: [ 2 ] }]
output [{ name: "SUM" data_type: TYPE_FP32 dims: [ 2 ] }]
instance_group [{ count: 2 }]
"""


def until(true: Callable[[], object]) -> None:
    """Wait for something that must happen, however slow the machine is."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model repository with one model that adds two vectors."""
    folder = tmp_path_factory.mktemp("models")
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 2]) for name in ("A", "B", "SUM")]
    graph = helper.make_graph([helper.make_node("Add", ["A", "B"], ["SUM"])], "add", tensors[:2], tensors[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (folder / "add" / "1").mkdir(parents=True)
    onnx.save(model, str(folder / "add" / "1" / "model.onnx"))
    (folder / "add" / "config.pbtxt").write_text(CONFIG)
    return folder


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Iterator[Stack]:
    """Redis, Triton and one worker that only sleeps."""
    settings = load(
        data_dir=tmp_path_factory.mktemp("stack"), model_repository=repository, redis_url=None, triton_url=None
    )
    with Stack(settings, servers=["redis", "triton"], workers=[Worker("sleeper", SLEEPER)]) as running:
        yield running


def add(address: str, rows: list[list[float]]) -> list[list[float]]:
    """Run the toy model."""
    array = np.array(rows, dtype=np.float32)
    inputs = [grpc.InferInput(name, list(array.shape), "FP32") for name in ("A", "B")]
    for tensor in inputs:
        tensor.set_data_from_numpy(array)
    with grpc.InferenceServerClient(address) as client:
        answer = client.infer("add", inputs, client_timeout=30).as_numpy("SUM")
    return [list(map(float, row)) for row in answer]


def descendants(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def stubs(stack: Stack) -> list[psutil.Process]:
    """The processes that run the models."""
    return [process for process in descendants(stack.pids()["triton"]) if process.status() != psutil.STATUS_ZOMBIE]


def gone(processes: list[psutil.Process]) -> bool:
    return all(not process.is_running() or process.status() == psutil.STATUS_ZOMBIE for process in processes)


def test_kafka_returns_every_message_that_was_produced(kafka: str, topic_prefix: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.create_topics([NewTopic(topic_prefix, 1, 1)], wait_for_metadata=True)
    producer = KafkaProducer(bootstrap_servers=kafka, acks="all")
    sent = [b"%d" % number for number in range(MESSAGES)]
    for value in sent:
        producer.send(topic_prefix, value)
    producer.close()
    consumer = KafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest")
    consumer.assign([TopicPartition(topic_prefix, 0)])
    received: list[bytes] = []
    until(
        lambda: received.extend(r.value for rs in consumer.poll(1000).values() for r in rs) or len(received) >= MESSAGES
    )
    assert received == sent
    consumer.close()
    admin.close()


def test_kafka_evicts_a_killed_group_member(kafka: str, topic_prefix: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.create_topics([NewTopic(topic_prefix, 1, 1)], wait_for_metadata=True)

    def members() -> int:
        return len(admin.describe_groups([topic_prefix])[topic_prefix]["members"])

    command = [sys.executable, "-c", MEMBER, kafka, topic_prefix, topic_prefix]
    member = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert member.stdout is not None
        assert member.stdout.readline() == "joined\n"
        assert members() == 1
    finally:
        member.kill()
        member.wait()
    until(lambda: members() == 0)
    admin.close()


def test_redis_keeps_every_key_and_every_write(stack: Stack) -> None:
    with redis.Redis.from_url(stack.addresses["redis_url"], decode_responses=True) as client:
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"
        assert client.config_get("appendonly")["appendonly"] == "yes"
        client.set("kept", "yes")
        stack.kill("redis")
        until(lambda: stack.state("redis") == "restarting")
        until(lambda: stack.state("redis") == "running")
        assert client.get("kept") == "yes"


def test_a_stock_onnxruntime_model_is_served_on_the_cpu(stack: Stack) -> None:
    assert add(stack.addresses["triton_url"], [[1, 2], [3, 4]]) == [[2, 4], [6, 8]]


def test_a_request_that_fails_is_answered_and_ends_nothing(stack: Stack) -> None:
    before = stubs(stack)
    inputs = [grpc.InferInput("A", [1, 2], "FP32"), grpc.InferInput("B", [2, 2], "FP32")]
    for tensor in inputs:
        tensor.set_data_from_numpy(np.zeros(tensor.shape(), dtype=np.float32))
    with grpc.InferenceServerClient(stack.addresses["triton_url"]) as client:
        with pytest.raises(InferenceServerException):
            client.infer("add", inputs, client_timeout=30)
    assert stubs(stack) == before
    assert add(stack.addresses["triton_url"], [[1, 1]]) == [[2, 2]]


def test_a_model_whose_process_is_killed_is_revived_without_a_restart(stack: Stack) -> None:
    server = stack.pids()["triton"]
    victim = stubs(stack)[0]
    victim.kill()
    until(lambda: victim not in stubs(stack) and len(stubs(stack)) >= 2)

    def answers() -> bool:
        try:
            return all(add(stack.addresses["triton_url"], [[1, 1]]) == [[2, 2]] for _ in range(8))
        except InferenceServerException:
            return False

    until(answers)
    assert stack.pids()["triton"] == server


def test_a_killed_triton_comes_back_on_its_address_and_leaves_no_model_process(stack: Stack) -> None:
    before = stubs(stack)
    stack.kill("triton")
    until(lambda: stack.state("triton") == "restarting")
    until(lambda: stack.state("triton") == "running")
    assert gone(before)
    assert add(stack.addresses["triton_url"], [[1, 1]]) == [[2, 2]]


def test_a_killed_worker_is_restarted(stack: Stack) -> None:
    before = stack.pids()["sleeper"]
    stack.kill("sleeper")
    until(lambda: stack.pids()["sleeper"] != before)
    until(lambda: stack.state("sleeper") == "running")


def test_a_worker_that_keeps_ending_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As many restarts, without the seconds before each.
    monkeypatch.setattr(supervisor, "BACK_OFF", tuple(0.01 for _ in supervisor.BACK_OFF))
    settings = load(data_dir=tmp_path)
    broken = Worker("broken", (sys.executable, "-c", "raise SystemExit('error: no such thing')"))
    with (
        Stack(settings, servers=[], workers=[broken]) as stack,
        pytest.raises(AdrwatchError, match="broken keeps ending"),
    ):
        stack.wait()


def test_a_second_launcher_on_the_same_data_is_refused(stack: Stack) -> None:
    with pytest.raises(AdrwatchError, match=rf"already runs .*pid {os.getpid()}"):
        Stack(stack.settings, servers=["redis"]).start()


def test_a_server_given_by_address_is_used_and_left_running(stack: Stack, tmp_path: Path) -> None:
    url = stack.addresses["redis_url"]
    with Stack(load(data_dir=tmp_path, redis_url=url), servers=["redis"]) as other:
        assert other.addresses["redis_url"] == url
        assert other.pids() == {}
    with redis.Redis.from_url(url) as client:
        assert client.ping()


def start_launcher(tmp_path: Path, repository: Path) -> tuple[subprocess.Popen[str], dict[str, str]]:
    """Start `adrwatch up` with all three servers; returns it and what it said when ready."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("ADRWATCH_")}
    env = {
        **given,
        "ADRWATCH_MODEL_REPOSITORY": str(repository),
        "ADRWATCH_CACHE_DIR": str(load().cache_dir),
    }
    command = [sys.executable, "-m", "services.cli", "up", "--servers-only", "--json", "--data-dir", str(tmp_path)]
    launcher = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    assert launcher.stdout is not None
    line = launcher.stdout.readline()
    assert line, f"it ended with status {launcher.wait()}"
    return launcher, json.loads(line)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything(number: signal.Signals, tmp_path: Path, repository: Path) -> None:
    launcher, ready = start_launcher(tmp_path, repository)
    processes = descendants(launcher.pid)
    assert load(data_dir=tmp_path, triton_url=None).triton_url == ready["triton_url"]
    launcher.send_signal(number)
    assert launcher.wait(PATIENCE) == 0
    until(lambda: gone(processes))
    assert not (tmp_path / UP_FILE).exists()
    assert not list(REGIONS.glob(f"{OWN}_*_{launcher.pid}_*"))


def test_a_killed_launcher_leaves_no_process_and_can_be_started_again(tmp_path: Path, repository: Path) -> None:
    launcher, _ = start_launcher(tmp_path, repository)
    processes = descendants(launcher.pid)
    assert len(processes) >= 5, "three servers, a model's process, the guard"
    launcher.kill()
    launcher.wait()
    until(lambda: gone(processes))
    again, ready = start_launcher(tmp_path, repository)
    assert add(ready["triton_url"], [[1, 1]]) == [[2, 2]]
    assert not list(REGIONS.glob(f"{OWN}_*_{launcher.pid}_*"))
    again.terminate()
    assert again.wait(PATIENCE) == 0
